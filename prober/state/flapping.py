"""Checks that come and go: many changes within a while begin flapping, a stretch without any ends it.

Nagios (https://assets.nagios.com/downloads/nagioscore/docs/nagioscore/4/en/flapping.html) weighs the last 21 checks and
so depends on how often one looks; here only settled changes and the time between them count.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from prober.model import Flapping

KEPT = 20  # as many as a policy can ask for


@dataclass(frozen=True, slots=True)
class Flips:
    """When a check last changed between down and not down, and since when it is said to flap."""

    at: tuple[float, ...] = ()
    flapping_since: float | None = None

    def flip(self, now: float, policy: Flapping | None) -> Flips:
        """After one more change at ``now``."""
        at = (*self.at, now)[-KEPT:]
        if policy is None:
            return Flips(at)
        many = sum(one > now - policy.within for one in at) >= policy.changes
        return Flips(at, self.flapping_since or (now if many else None))

    def rest(self, now: float, policy: Flapping | None) -> Flips:
        """After time has passed without a change."""
        if self.flapping_since is None:
            return self
        still = policy is None or not self.at or now - self.at[-1] >= policy.stable
        # Forgotten with it, or the next change would begin it anew.
        return Flips() if still else self

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; ``from_dict`` takes them back."""
        return {"flips": list(self.at), "flapping_since": self.flapping_since}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Flips:
        """What ``to_dict`` gave; other keys are passed over."""
        return replace(cls(), at=tuple(values.get("flips", ())), flapping_since=values.get("flapping_since"))
