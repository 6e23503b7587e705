"""What is wrong with this prober itself, in a line each: the subject of the one alert that is about no check."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from prober.clock import Clock, iso
from prober.model import Result, Verdict
from prober.selfwatch import Egress

UNKNOWN_AFTER = 3
"""So many runs in a row that came to nothing are no accident."""
SHOWN = 5


@dataclass(slots=True)
class Troubles:
    """Watches results, canaries and channels. ``take`` is called in the main loop, ``current`` in any thread."""

    clock: Clock
    egress: Callable[[], Egress]
    broken: Callable[[], Mapping[str, str]]
    """Channels that refuse for good, and why."""
    _unknown: dict[str, tuple[int, str]] = field(default_factory=dict)
    """By check id: how many runs in a row came to nothing, and why the latest."""

    def take(self, result: Result) -> None:
        """Note whether a run came to anything."""
        check_id = result.check.id
        if result.verdict is not Verdict.UNKNOWN:
            self._unknown.pop(check_id, None)
            return
        self._unknown[check_id] = (self._unknown.get(check_id, (0, ""))[0] + 1, result.reason.value)

    def forget(self, check_id: str) -> None:
        """The check is watched no more."""
        self._unknown.pop(check_id, None)

    def current(self) -> dict[str, str]:
        """What is wrong now, by kind."""
        found = {}
        if (since := self.egress().down_since) is not None:
            found["egress"] = f"no canary has answered since {iso(since)}: failures of the network are not counted"
        stuck = {name: why for name, (count, why) in dict(self._unknown).items() if count >= UNKNOWN_AFTER}
        if stuck:
            names = ", ".join(f"{name} ({why})" for name, why in sorted(stuck.items())[:SHOWN])
            more = f" and {len(stuck) - SHOWN} more" if len(stuck) > SHOWN else ""
            found["unknown"] = f"checks that could not be run: {names}{more}"
        for channel, error in self.broken().items():
            found[f"channel {channel}"] = f"the channel {channel} takes no notices: {error}"
        return found
