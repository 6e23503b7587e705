"""What goes between the prober and a worker, one JSON object a line: a Job one way, events the other.

Events: ``ready`` or ``refused`` once at start; then for every job ``began``, ``step_began``, ``step_ended``,
``navigation`` (the whole state each time, by key), ``measure``, ``request`` (one of the journey's ``http``),
``artifact``, ``session`` (a log-in to reuse; the only event that is not redacted), ``facts``, ``failure``, ``done``.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from prober.model import Artifact, Failure, Measure, Navigation, Observation, Reason, Step, Verdict

OUTSIDE_STEPS = "(outside any step)"
REQUESTS_KEPT = 30
EVENTS_BYTES = 8 << 20  # a journey that says more than this in one run is cut off


@dataclass(frozen=True, slots=True)
class Job:
    """One run of one journey, as its worker is told it."""

    file: str
    function: str
    arguments: tuple[str, ...]
    check_id: str
    run_id: str
    user_agent: str
    budget_s: float
    """How long the worker may take; the prober kills it then."""
    params: Mapping[str, str | int | float | bool] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    """Variables the journey declared, set for its run only."""
    secrets: list[str] = field(default_factory=list)
    """Values to mask in everything that is kept; a worker adds those it learns of by ``mask``."""
    artifacts: str | None = None
    emulation: Mapping[str, Any] = field(default_factory=dict)
    """device, viewport, locale and timezone, where declared."""
    network: Mapping[str, Any] = field(default_factory=dict)
    """What is blocked, slowed down and marked as ours: block, throttle, cpu and first_party, where declared."""
    trace_id: str = ""
    """The W3C trace id of the run, 32 hex digits."""
    sessions: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Log-ins of earlier runs, by name."""
    attempt: int = 1
    """Which try of the same run this is, from 1."""
    recording: Mapping[str, Any] = field(default_factory=dict)
    """What is kept of the run, as the config's ``browser`` section says it."""
    expect: Mapping[str, Any] = field(default_factory=dict)
    """What is expected of it, as the check says it; a run that disappoints leaves evidence, though it did not fail."""

    def mask(self, values: Iterable[str]) -> None:
        """Take ``values`` out of everything that is told from now on."""
        self.secrets.extend(value for value in values if value not in self.secrets)

    def line(self) -> bytes:
        return json.dumps(asdict(self)).encode() + b"\n"

    @classmethod
    def parse(cls, line: bytes) -> Job:
        fields = json.loads(line)
        return cls(**fields | {"arguments": tuple(fields["arguments"])})


class Ledger:
    """Adds a worker's events up to an Observation, also when they stop halfway."""

    def __init__(self) -> None:
        self.facts: dict[str, Any] = {}
        self.failure: Failure | None = None
        self.duration_s: float | None = None
        self.retire = False
        """The worker said that it should not be used again."""
        self.begun = False
        """The journey's own code may have run."""
        self.sessions: dict[str, Mapping[str, Any]] = {}
        """Log-ins of this run that a later one may reuse."""
        self._phases: dict[str, float] = {}
        self._steps: dict[int, Step] = {}
        self._began: dict[int, float] = {}
        self._navigations: dict[str, tuple[int | None, Navigation]] = {}
        self._measures: list[Measure] = []
        self._artifacts: list[Artifact] = []

    def take(self, event: Mapping[str, Any], now: float) -> bool:
        """Add one event that came at monotonic ``now``; True when it was the last. Raises ValueError for no event."""
        content = {key: value for key, value in event.items() if key != "event"}
        match event.get("event"):
            case "began":
                self.begun = True
            case "step_began":
                self._began[content["index"]] = now
                self._steps[content["index"]] = Step(content["name"], Verdict.DOWN, 0.0, "not finished")
            case "step_ended":
                self._end_step(**content)
            case "navigation":
                self._navigations[content["key"]] = content["step"], Navigation(**content["navigation"])
            case "measure":
                self._measures.append(Measure(**content))
            case "request":
                self._add_request(content)
            case "session":
                self.sessions[content.pop("name")] = content
            case "artifact":
                self._artifacts.append(Artifact(**{"id": secrets.token_hex(16), **content}))
            case "facts":
                self.facts |= content
            case "failure":
                self.failure = Failure(Reason(content["reason"]), content["message"])
            case "done":
                self.duration_s, self.retire = content["duration_s"], content["retire"]
                return True
            case other:
                raise ValueError(f"unknown event {other!r}")
        return False

    def unfinished(self) -> str | None:
        """The name of the innermost step that began and did not end."""
        return self._steps[max(self._began)].name if self._began else None

    def cut(self, failure: Failure, now: float) -> None:
        """Close what is open at monotonic ``now``: the run was ended from outside, for ``failure``."""
        place = self.unfinished()
        self.failure = self.failure or Failure(
            failure.reason, f"{place}: {failure.message}" if place else failure.message
        )
        for index, began in list(self._began.items()):
            self._end_step(index, Verdict.DOWN, now - began, failure.message)

    def observation(self, duration_s: float) -> Observation:
        """Everything seen; ``duration_s`` serves where the worker did not say its own."""
        took_s = duration_s if self.duration_s is None else self.duration_s
        return Observation(
            duration_s=took_s,
            phases={**self._phases, "total": took_s},
            facts=self.facts,
            failure=self.failure,
            steps=tuple(self._told_steps()),
            measures=tuple(self._measures),
            artifacts=tuple(self._artifacts),
        )

    def _add_request(self, request: dict[str, Any]) -> None:
        for phase, seconds in request["phases"].items():
            self._phases[phase] = self._phases.get(phase, 0.0) + seconds
        told = self.facts.setdefault("http_requests", [])
        if len(told) < REQUESTS_KEPT:
            told.append(request)

    def _end_step(self, index: int, verdict: str, duration_s: float, message: str) -> None:
        self._began.pop(index, None)
        self._steps[index] = Step(self._steps[index].name, Verdict(verdict), duration_s, message)

    def _told_steps(self) -> list[Step]:
        by_step: dict[int | None, list[Navigation]] = {}
        for index, navigation in self._navigations.values():
            by_step.setdefault(index, []).append(navigation)
        told = [
            Step(step.name, step.verdict, step.duration_s, step.message, tuple(by_step.get(index, ())))
            for index, step in sorted(self._steps.items())
        ]
        if before := by_step.get(None):
            told.insert(0, Step(OUTSIDE_STEPS, Verdict.UP, 0.0, "", tuple(before)))
        return told
