"""The past as every kind of store tells it."""

from fakes.stores import clock, empty_file, path, server, store, template, url

__all__ = ["clock", "empty_file", "path", "server", "store", "template", "url"]
