"""What is being decided: the cases over a snapshot, as far as they have been gone through."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from prober.alerting.setting import Setting
from prober.alerting.signals import Opinion
from prober.model import Check, Condition, Incident, Transition
from prober.state import Flips
from prober.store import Snapshot

Key = tuple[str, str, Condition]


@dataclass(slots=True)
class Case:
    """One incident while it is decided on, and why it ended where that is not told by its times."""

    incident: Incident
    check: Check
    ending: str = ""


@dataclass(slots=True)
class Docket:
    """What is being decided, over a snapshot."""

    snapshot: Snapshot
    setting: Setting
    cases: dict[Key, Case] = field(default_factory=dict)
    opinions: dict[str, Opinion] = field(default_factory=dict)
    flips: dict[str, Flips] = field(default_factory=dict)
    standings: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    transitions: list[Transition] = field(default_factory=list)
    company: Mapping[str, list[Case]] = field(default_factory=dict)
    """By incident id: those that were told in its notice."""
    forgotten: list[str] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)

    @property
    def now(self) -> float:
        return self.snapshot.now

    def stands(self, check_id: str) -> Mapping[str, Any]:
        """How the check stands, as far as that was decided."""
        return self.standings.get(check_id) or self.snapshot.standings.get(check_id, {})
