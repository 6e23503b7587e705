"""What the store knows beyond this process: other regions' states, and what is under maintenance."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

from prober.app.alarm import Alarm
from prober.clock import Clock
from prober.faults import describe
from prober.log import Log
from prober.model import Hush, HushKind, Verdict
from prober.store import StoreFault

LOOK_S = 5.0
"""A shared store may be far away, and thousands of states take their time."""

_log = Log(__name__)


@dataclass(frozen=True, slots=True)
class Seen:
    """As of one look."""

    states: Mapping[str, tuple[tuple[str, Verdict], ...]] = field(default_factory=dict)
    """By check: what each region settled on, sorted; empty where the store is nobody else's."""
    maintenance: tuple[Hush, ...] = ()
    """That has not ended."""
    heard_at: Mapping[str, float] = field(default_factory=dict)
    """By region: when it was last heard of, by the store's clock."""
    store_now: float = 0.0


@dataclass(slots=True)
class Elsewhere:
    """Asks in a thread of its own, so that whoever shows it never waits: it is told what was seen last."""

    alarm: Alarm
    clock: Clock
    _seen: Seen = field(default_factory=Seen)
    _looked_at: float = float("-inf")
    _looking: bool = False

    def __call__(self) -> Seen:
        if not self._looking and self.clock.monotonic() - self._looked_at >= LOOK_S:
            self._looking = True
            threading.Thread(target=self._look, name="elsewhere", daemon=True).start()
        return self._seen

    def _look(self) -> None:
        try:
            self._seen = self._ask()
        except StoreFault as fault:
            _log.debug("what other regions say is not known", error=describe(fault))
        finally:
            self._looked_at, self._looking = self.clock.monotonic(), False

    def _ask(self) -> Seen:
        store = self.alarm.store
        now = store.now()
        maintenance = tuple(hush for hush in store.hushes(now) if hush.kind is HushKind.MAINTENANCE)
        if not store.shared:
            return Seen(maintenance=maintenance, store_now=now)
        found: dict[str, dict[str, Verdict]] = {}
        for state in store.states():
            found.setdefault(state["check_id"], {})[state["region"]] = Verdict(state["verdict"])
        states = {check_id: tuple(sorted(regions.items())) for check_id, regions in found.items()}
        return Seen(states, maintenance, store.regions(), now)
