"""What one transaction is going to write, while it is made."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence

from prober.alerting.plan import Plan, Route, close_removed, plan
from prober.model import Notice, Result, Transition
from prober.state import State, advance
from prober.store import Batch, Told


class Draft:
    """A batch while it is made, over what is known so far."""

    def __init__(self, region: str, states: Mapping[str, State], open_incidents: Mapping[str, Told]) -> None:
        self.region = region
        self.states: dict[str, State] = {}
        self.forgotten: set[str] = set()
        self._known = states
        self._open: dict[str, Told | None] = dict(open_incidents)
        self._results: list[Result] = []
        self._transitions: list[Transition] = []
        self._incidents: dict[str, Told] = {}
        self._notices: list[tuple[str, Notice]] = []

    def record(self, result: Result, routes: Sequence[Route]) -> None:
        """Let the check's state advance, and plan what follows."""
        check_id = result.check.id
        state = self.states.get(check_id) or self._known.get(check_id) or State(check_id, self.region)
        after, transitions = advance(state, result, result.check.alert)
        self._results.append(result)
        if after is not state:
            self.states[check_id] = after
        for transition in transitions:
            self._transitions.append(transition)
            told = self._open.get(check_id)
            identity = secrets.token_hex(8)
            self._follow(
                check_id, plan(transition, told, result, routes, incident_id=identity, failures=after.failures)
            )

    def forget(self, check_id: str, at: float) -> None:
        """The check is watched no more: its incident ends, and its state."""
        told = self._open.get(check_id)
        if told is not None:
            self._follow(check_id, close_removed(told, at))
        self.forgotten.add(check_id)

    def _follow(self, check_id: str, followed: Plan) -> None:
        if followed.told is not None:
            closed = followed.told.incident.closed_at is not None
            self._open[check_id] = None if closed else followed.told
            self._incidents[followed.told.incident.id] = followed.told
        self._notices.extend(followed.notices)

    @property
    def open_incidents(self) -> dict[str, Told]:
        """The incidents that are open once the batch is written, by check."""
        return {check_id: told for check_id, told in self._open.items() if told is not None}

    def batch(self) -> Batch:
        """What is to be written."""
        return Batch(
            writer=self.region,
            token=secrets.token_hex(8),
            results=tuple(self._results),
            states=tuple(state.to_dict() for state in self.states.values()),
            transitions=tuple(self._transitions),
            incidents=tuple(self._incidents.values()),
            notices=tuple(self._notices),
            forgotten=tuple((check_id, self.region) for check_id in self.forgotten),
        )
