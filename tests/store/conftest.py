"""One suite for every kind of store: a file, memory, and PostgreSQL."""

from fakes.stores import clock, empty_file, path, server, store, template, url

__all__ = ["clock", "empty_file", "path", "server", "store", "template", "url"]
