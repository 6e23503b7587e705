"""The words of the domain as values: Check, Observation, Result, Transition, Incident, Notice, and their enums.

Everything here is data. Times are seconds as floats (``_s``), sizes are bytes, wall times are seconds since
1970 UTC. ``None`` means "not measured" and is never written as 0.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    PrivateAttr,
    WithJsonSchema,
    model_validator,
)


class Verdict(StrEnum):
    """What one run says of its check; ``unknown`` means the prober itself failed and is never downtime."""

    UP = "up"
    DEGRADED = "degraded"
    DOWN = "down"
    UNKNOWN = "unknown"


class Reason(StrEnum):
    """Why a result is what it is: closed, so that it can be a metric label, a log field and an alert text."""

    OK = "ok"
    # the name
    DNS = "dns"
    DNS_NXDOMAIN = "dns_nxdomain"
    DNS_NODATA = "dns_nodata"
    DNS_SERVFAIL = "dns_servfail"
    DNS_REFUSED = "dns_refused"
    DNS_TIMEOUT = "dns_timeout"
    # the connection
    ADDRESS_BLOCKED = "address_blocked"
    CONNECT_REFUSED = "connect_refused"
    CONNECT_TIMEOUT = "connect_timeout"
    CONNECT = "connect"
    UNREACHABLE = "unreachable"
    CLOSED_EARLY = "closed_early"
    RESET = "reset"
    PROXY = "proxy"
    # TLS
    TLS_EXPIRED = "tls_expired"
    TLS_NOT_YET = "tls_not_yet"
    TLS_HOSTNAME = "tls_hostname"
    TLS_UNTRUSTED = "tls_untrusted"
    TLS_HANDSHAKE = "tls_handshake"
    TLS_TIMEOUT = "tls_timeout"
    TLS_VERSION = "tls_version"
    CERTIFICATE = "certificate"
    # the answer
    TIMEOUT = "timeout"
    HTTP_PROTOCOL = "http_protocol"
    TRUNCATED = "truncated"
    DECODE = "decode"
    BODY_LIMIT = "body_limit"
    REDIRECT_LOOP = "redirect_loop"
    REDIRECT_LIMIT = "redirect_limit"
    REDIRECT_INVALID = "redirect_invalid"
    REDIRECT_BLOCKED = "redirect_blocked"
    REDIRECT_DOWNGRADE = "redirect_downgrade"
    # what was expected of it
    STATUS = "status"
    HEADER = "header"
    BODY = "body"
    JSON = "json"
    DIALOGUE = "dialogue"
    LATENCY = "latency"
    BUDGET = "budget"
    # journeys
    STEP = "step"
    STEP_TIMEOUT = "step_timeout"
    NAVIGATION = "navigation"
    PAGE_HUNG = "page_hung"
    PAGE_CRASH = "page_crash"
    SCRIPT_ERROR = "script_error"
    DEADLINE = "deadline"
    # the prober's own
    NO_BROWSER = "no_browser"
    BROWSER_CRASH = "browser_crash"
    OUT_OF_MEMORY = "out_of_memory"
    FD_EXHAUSTED = "fd_exhausted"
    LOOP_STALLED = "loop_stalled"
    RESOLVER_DOWN = "resolver_down"
    NO_LOCAL_ROUTE = "no_local_route"
    INTERNAL = "internal"

    @property
    def ours(self) -> bool:
        """Whether the prober is to blame, which makes the result ``unknown`` instead of ``down``."""
        return self in _OURS


_OURS = frozenset(
    {
        Reason.NO_BROWSER,
        Reason.BROWSER_CRASH,
        Reason.OUT_OF_MEMORY,
        Reason.FD_EXHAUSTED,
        Reason.LOOP_STALLED,
        Reason.RESOLVER_DOWN,
        Reason.NO_LOCAL_ROUTE,
        Reason.INTERNAL,
    }
)

_DURATION = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+(?:\.\d+)?)s)?(?:(\d+(?:\.\d+)?)ms)?", re.ASCII)
_UNITS_S = (86_400.0, 3_600.0, 60.0, 1.0, 0.001)


def parse_duration(text: object) -> float:
    """``900ms``, ``5s``, ``1m30s``, ``2h``, ``7d`` as seconds.

    Raises ValueError for anything else: a bare number has no unit, so it is refused rather than guessed at.
    """
    match = _DURATION.fullmatch(text) if isinstance(text, str) and text else None
    if match is None:
        raise ValueError("expected a duration with a unit such as 900ms, 5s, 1m30s or 2h")
    return sum(float(part) * unit for part, unit in zip(match.groups(), _UNITS_S, strict=True) if part)


def format_duration(seconds: float) -> str:
    """Seconds as a person writes them: ``340ms``, ``5s``, ``1m30s``, ``2h``; the inverse of ``parse_duration``."""
    if seconds < 1:
        return f"{seconds * 1000:.3g}ms"
    if seconds < 60:
        return f"{seconds:.3g}s"
    parts, rest = [], round(seconds)
    for letter, unit in (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)):
        amount, rest = divmod(rest, unit)
        if amount:
            parts.append(f"{amount}{letter}")
    return "".join(parts)


Duration = Annotated[
    float,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration, when_used="json"),
    WithJsonSchema(
        {"type": "string", "pattern": r"^(\d+(\.\d+)?(ms|s|m|h|d))+$", "examples": ["900ms", "5s", "1m30s"]}
    ),
]
Identifier = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]


class Strict(BaseModel):
    """The ground of every model a user writes: unknown keys are errors, nothing is coerced, nothing changes later."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, use_attribute_docstrings=True)


class AlertPolicy(Strict):
    """When a run of bad results becomes an alert, and when a run of good ones ends it."""

    down_after: Annotated[int, Field(ge=1, le=1000)] = 3
    """Consecutive failures after which the check is down and an alert is sent."""
    up_after: Annotated[int, Field(ge=1, le=1000)] = 2
    """Consecutive successes after which a down check is up again and the alert is resolved."""


class Severity(StrEnum):
    """How much a failing check matters; routes may select by it."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"


class Check(Strict):
    """One configured thing to test; every kind adds its own fields to these."""

    id: Identifier
    """Stable name of the check: history, counters and incidents hang on it. Letters, digits, dot, dash, underscore."""
    kind: str
    """What the check speaks: http, tcp, browser, api or pytest."""
    title: str | None = None
    """A name for people; the id is shown where it is missing."""
    interval: Annotated[Duration, Field(ge=0.1, le=30 * 86_400)] = 30.0
    """Time between the starts of two runs, on fixed slots."""
    schedule: str | None = None
    """A cron expression (five fields) instead of the interval, such as "0 7 * * MON-FRI"; quote it."""
    timezone: str = "UTC"
    """The time zone of ``schedule``, as in the IANA database."""
    timeout: Annotated[Duration, Field(ge=0.01, le=3600)] = 10.0
    """One absolute deadline over the whole run; must not exceed the interval."""
    regions: Annotated[tuple[Identifier, ...], Field(strict=False)] | None = None
    """The regions this check runs in; all of them when missing."""
    alert: AlertPolicy = AlertPolicy()
    """When consecutive results become an alert."""
    severity: Severity = Field(default=Severity.CRITICAL, strict=False)
    """critical, warning or info; carried by alerts."""
    tags: Annotated[tuple[Identifier, ...], Field(strict=False)] = ()
    """Words to select checks by: ``prober run --tag checkout``."""
    runbook: str | None = None
    """A link to what to do, carried by alerts."""
    enabled: bool = True
    """false keeps the check in the file without running it."""

    @model_validator(mode="after")
    def _timeout_fits_interval(self) -> Check:
        if self.schedule is None and self.timeout > self.interval:
            raise ValueError(
                f"timeout {format_duration(self.timeout)} exceeds interval {format_duration(self.interval)}; "
                "a check never overlaps itself"
            )
        return self

    _shown_target: str | None = PrivateAttr(default=None)

    @property
    def address_text(self) -> str:
        """What is tested, as the kind of check says it."""
        return self.id

    @property
    def target(self) -> str:
        """What is tested, fit to be shown; the ``instance`` label."""
        return self.address_text if self._shown_target is None else self._shown_target

    def hide_in_target(self, redact: Callable[[str], str]) -> None:
        """Show the target only as ``redact`` leaves it: a reference may have put a secret into an address."""
        self._shown_target = redact(self.address_text)


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


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
class Outcome:
    """One expectation, what it asked for and what was seen."""

    expectation: str
    verdict: Verdict
    reason: Reason
    expected: str
    seen: str


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the expectations make of an observation."""

    verdict: Verdict
    reason: Reason
    message: str
    outcomes: tuple[Outcome, ...] = ()


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
class Transition:
    """A change of a check's state in one region, decided by ``state.advance``."""

    check_id: str
    region: str
    before: Verdict
    after: Verdict
    at: float
    """When the change was decided."""
    since: float
    """When what it tells began: the first failure of an outage, the first success of a recovery."""


@dataclass(frozen=True, slots=True)
class Incident:
    """The time between a check's leaving ``up`` and its return."""

    id: str
    check_id: str
    region: str
    reason: Reason
    message: str
    opened_at: float
    """When the outage began, which is its first failure."""
    closed_at: float | None = None


class NoticeKind(StrEnum):
    """What a notice tells of its incident."""

    TRIGGER = "trigger"
    REMINDER = "reminder"
    RESOLVE = "resolve"


@dataclass(frozen=True, slots=True)
class Notice:
    """What one channel is told of one incident; plain values only, since it is stored before it is sent."""

    id: str
    """Unique per notice and channel: the idempotency key."""
    kind: NoticeKind
    incident_id: str
    check_id: str
    title: str
    region: str
    target: str
    severity: str
    reason: str
    message: str
    since: float
    """When the outage began."""
    at: float
    """When what is told happened: the trigger's decision, or the recovery."""
    failures: int = 0
    expected: tuple[tuple[str, str, str], ...] = field(default=())
    """(expectation, expected, seen) of what did not hold."""
    runbook: str | None = None
    tags: tuple[str, ...] = ()
    evidence: tuple[tuple[str, str], ...] = ()
    """(kind, URL) of what explains the failure."""

    @property
    def dedup_key(self) -> str:
        """The same for every notice of one incident, so that a service can join them."""
        return f"{self.check_id}/{self.incident_id}"
