"""What one run saw and what was made of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from prober.model.checks import Check
from prober.model.verdicts import Reason, Verdict
from prober.values import record


@dataclass(frozen=True, slots=True)
class Failure:
    """What went wrong while measuring, as a reason and one line for people."""

    reason: Reason
    message: str


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a TLS peer sent, leaf first; filled also when it was not to be trusted."""

    subject: str
    issuer: str
    sans: tuple[str, ...]
    serial: str
    """Lower-case hex of the serial number's bytes."""
    fingerprint_sha256: str
    not_before: float
    not_after: float


@dataclass(frozen=True, slots=True)
class Navigation:
    """One document (``hard``) or route (``soft``) a journey's page showed, with its vitals as of web-vitals."""

    kind: str
    url: str
    ttfb_s: float | None = None
    fp_s: float | None = None
    fcp_s: float | None = None
    lcp_s: float | None = None
    lcp_element: str | None = None
    cls: float | None = None
    inp_s: float | None = None
    tbt_s: float | None = None
    timings: Mapping[str, float | None] = field(default_factory=dict)
    final: bool = True
    """False where a value could still have grown when the page was left."""
    detail: Mapping[str, Any] = field(default_factory=dict)
    """What explains the values: the LCP's parts, the worst shift, the slowest interaction, resource counts."""


@dataclass(frozen=True, slots=True)
class Step:
    """One named part of a journey."""

    name: str
    verdict: Verdict
    duration_s: float
    message: str = ""
    navigations: tuple[Navigation, ...] = ()


@dataclass(frozen=True, slots=True)
class Measure:
    """A figure a journey recorded of the business itself, such as an order's total."""

    name: str
    value: float
    unit: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Artifact:
    """A file that explains a run: a screenshot, a trace, what the page said."""

    kind: str
    path: str
    id: str = ""
    """Opaque, and what it is asked for by; its path is nobody's business."""
    url: str = ""
    """Where people find it; empty where nothing serves it."""


@record(frozen=True, slots=True)
class Observation:
    """The facts of one run. A probe fills it and judges nothing."""

    duration_s: float
    phases: Mapping[str, float] = field(default_factory=dict)
    """Seconds by phase, named as in blackbox_exporter; ``total`` is their sum."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What else was seen, as plain JSON values: status, http_version, redirects, remote_address, sizes."""
    failure: Failure | None = None
    """What kept the run from completing; the facts seen until then stand beside it."""
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    """The decoded body as far as it was kept; None when there was none to read."""
    certificates: tuple[Certificate, ...] = ()
    steps: tuple[Step, ...] = ()
    measures: tuple[Measure, ...] = ()
    artifacts: tuple[Artifact, ...] = ()
    stalled_s: float = 0.0
    """How long the prober's own loop stood still during the run; its figures are suspect by that much."""

    def without_body(self) -> Observation:
        """The same without its body, which is for the judgement alone."""
        # Not replace(), which takes four times as long, and this is done for every run.
        return Observation(
            self.duration_s,
            self.phases,
            self.facts,
            self.failure,
            self.headers,
            None,
            self.certificates,
            self.steps,
            self.measures,
            self.artifacts,
            self.stalled_s,
        )


@record(frozen=True, slots=True)
class Outcome:
    """One expectation, what it asked for and what was seen."""

    expectation: str
    verdict: Verdict
    reason: Reason
    expected: str
    seen: str


@record(frozen=True, slots=True)
class Judgement:
    """What the expectations make of an observation."""

    verdict: Verdict
    reason: Reason
    message: str
    outcomes: tuple[Outcome, ...] = ()


@record(frozen=True, slots=True)
class Result:
    """One run of one check in one region, judged."""

    check: Check
    region: str
    run_id: str
    started_at: float
    verdict: Verdict
    reason: Reason
    message: str
    observation: Observation
    outcomes: tuple[Outcome, ...] = ()

    @property
    def duration_s(self) -> float:
        return self.observation.duration_s
