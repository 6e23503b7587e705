"""What is known of one check in one region, and how a run changes it. Pure: no clock, no store, no I/O.

A check settles only after several runs agree: down after ``down_after`` failures in a row, up again after
``up_after`` successes. One of which nothing is known is believed at its first success. ``degraded`` is a success:
it ends an outage as ``up`` does, and between the two the same counting applies, ``down_after`` slow runs to
degraded and ``up_after`` good ones back. ``unknown`` is the prober's own failing and changes nothing at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any, Protocol

from prober.model import AlertPolicy, Reason, Transition, Verdict
from prober.values import record

MESSAGE_CHARS = 500


class Run(Protocol):
    """As much of a Result as the state depends on."""

    @property
    def verdict(self) -> Verdict: ...
    @property
    def reason(self) -> Reason: ...
    @property
    def message(self) -> str: ...
    @property
    def started_at(self) -> float: ...
    @property
    def duration_s(self) -> float: ...


@record(frozen=True, slots=True)
class State:
    """The settled verdict of one check in one region, and how far the latest runs are from changing it."""

    check_id: str
    region: str
    verdict: Verdict = Verdict.UNKNOWN
    """What is settled; ``unknown`` while nothing is."""
    since: float | None = None
    """When the settled verdict began: the first run of the row that settled it."""
    failures: int = 0
    """Failures in a row, up to the latest run."""
    successes: int = 0
    """Successes in a row, up to the latest run; degraded ones count."""
    contrary: int = 0
    """Successes in a row that say degraded of an up check, or up of a degraded one."""
    first_failure_at: float | None = None
    first_success_at: float | None = None
    first_contrary_at: float | None = None
    last_success_at: float | None = None
    last_at: float = 0.0
    """When the latest run that counted ended; no later stamp is ever before it."""
    last_reason: Reason = Reason.OK
    last_message: str = ""

    @property
    def undecided(self) -> bool:
        """Whether the latest runs contradict what is settled: failing but not yet down, or back but not yet up."""
        return self.successes > 0 if self.verdict is Verdict.DOWN else self.failures > 0

    def moved(self, by_s: float) -> State:
        """The same as told by a clock that is ``by_s`` ahead."""
        stamps = {name: getattr(self, name) for name in _STAMPS}
        return replace(self, **{name: at + by_s for name, at in stamps.items() if at is not None})

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; ``from_dict`` takes them back."""
        return {name: getattr(self, name) for name in _FIELDS}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> State:
        """The state ``to_dict`` gave. Unknown keys, as a later release may write, are passed over.

        Raises ValueError, TypeError or KeyError where the values are no state.
        """
        known = {name: values[name] for name in _FIELDS if name in values}
        known["verdict"] = Verdict(known["verdict"])
        known["last_reason"] = _reason(known.get("last_reason", Reason.OK))
        return cls(**known)


_FIELDS = tuple(field.name for field in fields(State))


_STAMPS = tuple(name for name in _FIELDS if name == "since" or name.endswith("_at"))

_REASONS = {reason.value: reason for reason in Reason}


def _reason(text: str) -> Reason:
    # A reason that only a later release knows must not cost the counters beside it.
    return _REASONS.get(text, Reason.INTERNAL)


def advance(state: State, run: Run, policy: AlertPolicy) -> tuple[State, list[Transition]]:
    """The state after ``run``, with the transition it completed, if any.

    An outage begins where its first failed run started and ends where the first run of its recovery did. Stamps
    never go backwards, also when the wall clock does.
    """
    if run.verdict is Verdict.UNKNOWN:
        return state, []
    started = max(run.started_at, state.last_at)
    # Runs of a job that reports by itself may overlap: one that began before another ended does not end later for that.
    ended = max(started, run.started_at + max(0.0, run.duration_s))
    counted = (
        _count_failure(state, run, started, ended)
        if run.verdict is Verdict.DOWN
        else _count_success(state, run, started, ended)
    )
    since = _settled_since(counted, run.verdict, policy)
    if since is None:
        return counted, []
    transition = Transition(state.check_id, state.region, state.verdict, run.verdict, at=ended, since=since)
    return replace(counted, verdict=run.verdict, since=since, contrary=0, first_contrary_at=None), [transition]


def _count_failure(state: State, run: Run, started: float, ended: float) -> State:
    return State(
        state.check_id,
        state.region,
        state.verdict,
        state.since,
        failures=state.failures + 1,
        first_failure_at=state.first_failure_at if state.failures else started,
        last_success_at=state.last_success_at,
        last_at=ended,
        last_reason=run.reason,
        last_message=run.message[:MESSAGE_CHARS],
    )


def _count_success(state: State, run: Run, started: float, ended: float) -> State:
    contrary = state.verdict in _GOOD and run.verdict is not state.verdict
    return State(
        state.check_id,
        state.region,
        state.verdict,
        state.since,
        successes=state.successes + 1,
        contrary=state.contrary + 1 if contrary else 0,
        first_success_at=state.first_success_at if state.successes else started,
        first_contrary_at=(state.first_contrary_at if state.contrary else started) if contrary else None,
        last_success_at=started,
        last_at=ended,
        last_reason=run.reason,
        last_message=run.message[:MESSAGE_CHARS],
    )


_GOOD = frozenset({Verdict.UP, Verdict.DEGRADED})


def _settled_since(state: State, seen: Verdict, policy: AlertPolicy) -> float | None:
    """Since when ``seen`` is the settled verdict, if the latest run made it so."""
    if seen is state.verdict:
        return None
    if seen is Verdict.DOWN:
        return state.first_failure_at if state.failures >= policy.down_after else None
    if state.verdict is Verdict.UNKNOWN:
        return state.first_success_at
    if state.verdict is Verdict.DOWN:
        return state.first_success_at if state.successes >= policy.up_after else None
    needed = policy.down_after if seen is Verdict.DEGRADED else policy.up_after
    return state.first_contrary_at if state.contrary >= needed else None
