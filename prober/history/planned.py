"""When checks were in maintenance: by the hushes that the store holds, and by the configuration's windows.

A window of the configuration is written down as a hush while it lasts, so that it is known of later, whatever the
configuration says then; ``noted`` is that hush, which ends now and so keeps nobody from hearing of anything.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

from prober.model import Check, Hush, HushKind
from prober.store.coverage import Interval, merged


class Window(Protocol):
    """A maintenance window of the configuration."""

    @property
    def reason(self) -> str: ...
    @property
    def checks(self) -> Sequence[str]: ...
    @property
    def tags(self) -> Sequence[str]: ...
    def selects(self, check: Check) -> bool: ...
    def began(self, now: float) -> float | None: ...


class Planned:
    """The maintenance between two times, by check."""

    def __init__(
        self, hushes: Iterable[Hush], checks: Mapping[str, Check], windows: Iterable[Window] = (), now: float = 0.0
    ) -> None:
        self._hushes = [hush for hush in hushes if hush.kind is HushKind.MAINTENANCE]
        self._checks = checks
        begun = ((window, window.began(now)) for window in windows)
        self._windows = [(window, (start, now)) for window, start in begun if start is not None]
        self._known: dict[str, list[Interval]] = {}

    def of(self, check_id: str) -> list[Interval]:
        """When this check was in maintenance, in order."""
        found = self._known.get(check_id)
        if found is None:
            found = self._known[check_id] = merged(self._find(check_id)) if self._hushes or self._windows else []
        return found

    def at(self, check_id: str, when: float) -> bool:
        """Whether it was in maintenance then."""
        return any(start <= when < end for start, end in self.of(check_id))

    def _find(self, check_id: str) -> Iterable[Interval]:
        check = self._checks.get(check_id)
        tags = check.tags if check is not None else ()
        yield from ((hush.starts_at, hush.ends_at) for hush in self._hushes if hush.covers(check_id, tags))
        if check is not None:
            yield from (stretch for window, stretch in self._windows if window.selects(check))


def noted(window: Window, now: float) -> Hush | None:
    """``window`` as far as it has gone, as a hush to keep; None where it is not on."""
    start = window.began(now)
    if start is None:
        return None
    name = repr((sorted(window.checks), sorted(window.tags), window.reason, start))
    identity = f"window-{hashlib.blake2s(name.encode(), digest_size=8).hexdigest()}"
    return Hush(
        identity,
        HushKind.MAINTENANCE,
        start,
        now,
        tuple(window.checks),
        tuple(window.tags),
        window.reason,
        by="the configuration",
    )


Covers = Callable[[Hush, str], bool]


def covers(checks: Mapping[str, Check]) -> Covers:
    """Whether a hush is meant for a check, by its id, as they are configured now."""

    def is_meant(hush: Hush, check_id: str) -> bool:
        check = checks.get(check_id)
        return hush.covers(check_id, check.tags if check is not None else ())

    return is_meant
