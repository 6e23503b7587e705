"""The EventChain demo ticket shop: a real target with dials for faults, only ever started, never part of a check."""

from prober.demo.app import create_app

__all__ = ["create_app"]
