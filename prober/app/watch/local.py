"""The board out of the store of a configuration, beside the prober that runs on it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from prober.app.incidents import state_of
from prober.app.watch.board import Board, Line, Trouble, board, together
from prober.config import Loaded
from prober.history import GOOD, Bucket, Day, History, Stretch
from prober.model import Check, Incident, Verdict
from prober.store import Store

SPARK_S, POINTS = 3_600.0, 12
DAYS = 30
PAST_S = 10.0
"""How often the past is asked about; the present is with every look."""


@dataclass
class Local:
    """Looks into one store."""

    loaded: Loaded
    store: Store
    _history: History = field(init=False)
    _past: Mapping[str, tuple[tuple[float | None, ...], float | None]] = field(default_factory=dict)
    _asked_at: float = float("-inf")

    def __post_init__(self) -> None:
        config = self.loaded.config
        self._checks = {check.id: check for check in config.checks if check.enabled}
        self._history = History(self.store, self._checks.values, windows=lambda: config.maintenance)

    def look(self) -> Board:
        """What there is to see now. Raises StoreFault."""
        now = self.store.now()
        if now - self._asked_at >= PAST_S:
            self._past, self._asked_at = self._look_back(now), now
        states: dict[str, list[Mapping[str, Any]]] = {}
        for state in self.store.states():
            states.setdefault(str(state["check_id"]), []).append(state)
        lines = [self._line(check, states.get(check.id, [])) for check in self._checks.values()]
        found = (incident for incident in self.store.open_incidents() if not incident.finished)
        return board(self.store.label, now, lines, map(trouble, found), f"{DAYS}d")

    def _look_back(self, now: float) -> Mapping[str, tuple[tuple[float | None, ...], float | None]]:
        ids = list(self._checks)
        sparks = self._history.sparklines(ids, now - SPARK_S, now, POINTS)
        days = self._history.days(ids, "", DAYS)
        return {name: (_medians(sparks.get(name, ())), uptime(days.get(name, ()))) for name in ids}

    def _line(self, check: Check, states: Sequence[Mapping[str, Any]]) -> Line:
        spark, up = self._past.get(check.id, ((), None))
        verdict = together(str(state["verdict"]) for state in states)
        worst = max(states, key=lambda state: (state["verdict"] != Verdict.UP, _number(state, "last_at")), default={})
        note = "" if verdict == "up" and not worst.get("failures") else str(worst.get("last_message", ""))
        return Line(
            check_id=check.id,
            state=verdict,
            title=check.title or "",
            tags=check.tags,
            since=worst.get("since"),
            last_at=max((_number(state, "last_at") for state in states), default=None) or None,
            latency_s=next((value for value in reversed(spark) if value is not None), None),
            spark=spark,
            uptime=up,
            note=note,
        )


def trouble(incident: Incident) -> Trouble:
    """An incident as a line of the board."""
    return Trouble(
        incident.check_id,
        incident.condition.value,
        incident.notice.severity,
        incident.opened_at,
        incident.message,
        state_of(incident),
        incident.notice.severity == "critical",
    )


def uptime(days: Iterable[Day]) -> float | None:
    """The share of the time that is known of in which it was good."""
    seconds: dict[Stretch, float] = {}
    for day in days:
        for state, spent in day.uptime.seconds.items():
            seconds[state] = seconds.get(state, 0.0) + spent
    good = sum(seconds.get(state, 0.0) for state in GOOD)
    known = good + seconds.get(Stretch.DOWN, 0.0)
    return good / known if known else None


def _medians(buckets: Iterable[Bucket]) -> tuple[float | None, ...]:
    return tuple(bucket.p50_s for bucket in buckets)


def _number(state: Mapping[str, Any], name: str) -> float:
    return float(state.get(name) or 0.0)
