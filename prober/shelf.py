"""A shelf: the modules of one kind of thing by name, those built in and those that other packages bring along.

A package brings a kind along as an entry point whose name is the kind and whose value is the module, for instance::

    [project.entry-points."prober.sinks"]
    statsd = "acme_prober.statsd"

Looking at the entry points of all that is installed takes tens of milliseconds, so it is done only when somebody asks
for a kind that is not built in, or for all there are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property


class Shelf(Mapping[str, str]):
    """Dotted names of modules by kind. What is built in cannot be replaced from outside."""

    def __init__(self, group: str, built_in: Mapping[str, str]) -> None:
        self.group = group
        self.built_in = built_in

    def __getitem__(self, kind: str) -> str:
        found = self.built_in.get(kind)
        return self.brought[kind] if found is None else found

    def __iter__(self) -> Iterator[str]:
        yield from self.built_in
        yield from (kind for kind in self.brought if kind not in self.built_in)

    def __len__(self) -> int:
        return len(self.built_in.keys() | self.brought.keys())

    @cached_property
    def brought(self) -> Mapping[str, str]:
        """The kinds of other packages, as installed when this was first asked for."""
        from importlib.metadata import entry_points

        return {point.name: point.module for point in sorted(entry_points(group=self.group))}
