"""What the web is shown of the prober, and what it may do there: answers and callables, never the live objects."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from prometheus_client import CollectorRegistry

from prober.blackbox.answer import Reply
from prober.clock import Clock, SystemClock
from prober.history import History
from prober.model import Certificate, Check, Hush, Incident, Reason, Verdict
from prober.sinks.prometheus import Exposition
from prober.store import StoredResult
from prober.web.status.offer import Offer


@dataclass(frozen=True, slots=True)
class Row:
    """One check as the status page shows it. Times are wall seconds; None is not yet known."""

    check_id: str
    kind: str
    target: str
    state: Verdict = Verdict.UNKNOWN
    title: str = ""
    reason: Reason | None = None
    message: str = ""
    last_run_at: float | None = None
    duration_s: float | None = None
    next_run_at: float | None = None
    since: float | None = None
    """When the state began."""
    undecided: str = ""
    """How far the latest runs are from changing it, such as ``failing 2 of 3``."""
    regions: tuple[tuple[str, Verdict], ...] = ()
    """What each region last settled on, sorted; empty where this one is all there is."""
    maintenance: str = ""
    """The maintenance that it is under now, in words; empty where under none."""
    certificates: tuple[Certificate, ...] = ()
    """What the peer sent in the latest run, its own first."""
    run_id: str = ""
    """Of the latest run."""
    verdict: Verdict | None = None
    """What the latest run says."""


@dataclass(frozen=True, slots=True)
class Health:
    """Whether all is well, and one line on why not."""

    ok: bool
    line: str = ""


@dataclass(frozen=True, slots=True)
class Figure:
    """One thing the prober says of itself."""

    name: str
    value: str
    note: str = ""
    """What it means, where the name does not say it."""
    well: bool = True
    """False where somebody should look into it."""


@dataclass(frozen=True, slots=True)
class Matter:
    """An incident that somebody was told of, and the checks that were told with it."""

    incident: Incident
    others: tuple[str, ...] = ()


class Replies(Protocol):
    """What people do about an incident by the links in its notices. Raises Retryable while the store is away."""

    def verify(self, action: str, incident_id: str, signature: str) -> bool:
        """Whether the link was sent by us. Asks no store, so that a stranger costs nothing."""
        ...

    def matter(self, incident_id: str) -> Matter | None:
        """What it is about; None where there is no such incident any more."""
        ...

    def ack(self, incident_id: str, by: str) -> Matter | None:
        """Acknowledge it."""
        ...

    def silence(self, incident_id: str, seconds: float, by: str) -> Matter | None:
        """Let nothing be told of its check, and of those told with it, for a while."""
        ...


@dataclass(frozen=True, slots=True)
class Marker:
    """Something that was done to what is checked, such as a deploy; shown on charts."""

    id: str
    at: float
    text: str
    tags: tuple[str, ...] = ()
    """Of the checks it concerns; all where empty."""
    url: str = ""
    by: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """A run that somebody asked for."""

    run_id: str
    check_id: str
    result: StoredResult | None = None
    """None until it is over."""
    lost: str = ""
    """Why it came to nothing, where it did."""


class Actions(Protocol):
    """What people and machines may do, once the door has let them. Raises Retryable while the store is away, and
    UserFault for what makes no sense; may take a moment."""

    def run_now(self, check_id: str, run_id: str = "") -> Future[str]:
        """Have the check run beside its schedule; the future tells the run's id when it is over, or raises Retryable.
        Whoever needs the id before gives one."""
        ...

    def asked(self, run_id: str) -> Asked | None:
        """What became of a run that was asked for lately: its result is here before it is in the store."""
        ...

    def ack(self, incident_id: str, by: str) -> Incident | None:
        """Acknowledge it; None where there is no such incident."""
        ...

    def note(self, incident_id: str, text: str, by: str) -> bool:
        """Write something down about it; False where there is no such incident."""
        ...

    def hush(self, hush: Hush) -> None:
        """Begin a silence, or plan maintenance."""
        ...

    def end_hush(self, hush_id: str) -> bool:
        """End it before its time; False where there is none."""
        ...

    def hushes(self) -> Sequence[Hush]:
        """Those that have not ended."""
        ...

    def mark(self, marker: Marker) -> None:
        """Keep a deploy marker; one with the id of another replaces it."""
        ...

    def markers(self, since: float, until: float) -> Sequence[Marker]:
        """Those between, oldest first."""
        ...

    def ingest(self, check_id: str, signal: Mapping[str, object]) -> None:
        """Take what a passive check was told: ``kind`` (start, success or fail), ``message``, ``duration_s``."""
        ...


@dataclass(frozen=True, slots=True)
class Told:
    """The answer to a signal: 200 once it is written down."""

    status: int
    line: str
    retry_after_s: int | None = None


class Signals(Protocol):
    """Where passive checks are told how they are. Called from the web's thread, and answered from the main loop."""

    def ping(self, token: str, action: str, rid: str, body: bytes) -> Future[Told]:
        """``action`` is empty for a success, ``start``, ``fail`` or an exit code."""
        ...

    def webhook(self, source: str, token: str | None, document: object) -> Future[Told]:
        """What a system's webhook brought, for the check of ``token``, or for all that it fits."""
        ...


@dataclass(frozen=True, slots=True)
class View:
    """Everything the web reads. The functions are called from the web's thread and must not block."""

    region: str
    exposition: Exposition
    registry: CollectorRegistry
    """The process's own metrics; a family the exposition already has is left out."""
    snapshot: Callable[[], Sequence[Row]]
    healthy: Callable[[], Health]
    """Is the process alive? A restart is what a "no" asks for."""
    ready: Callable[[], Health]
    """Is the config loaded and the scheduler running?"""
    clock: Clock = field(default_factory=SystemClock)
    artifact: Callable[[str], tuple[Path, str] | None] = lambda _: None
    """The path and kind of the evidence of an id, if there is such."""
    incidents: Callable[[], Sequence[Incident]] = tuple
    """What is not finished, as of a few seconds ago."""
    replies: Replies | None = None
    """None where no links are sent. Unlike the others these may take a moment, and have threads of their own."""
    probe: Callable[[Mapping[str, str], str | None], Future[Reply]] | None = None
    """Answers ``/probe``, given its query and Prometheus' header of the timeout; None where that is not configured.
    It is told to who measures, so that the answer comes when it comes."""
    checks: Callable[[], Sequence[Check]] = tuple
    """What is checked here."""
    history: History | None = None
    """The past; None where nothing keeps it."""
    actions: Actions | None = None
    """What may be done; None where nothing may."""
    status: Offer | None = None
    """What public status pages are made of; None where none is configured."""
    inner: Callable[[], Mapping[str, Sequence[Figure]]] = dict
    """The prober's own health, for its page: figures by section."""
    masked: Callable[[Any], Any] = lambda value: value
    """A text, or plain values, without the secrets of the configuration: references may have put one into any text."""
    signals: Signals | None = None
    """Where passive checks are told; None where none are configured to be."""
    one: Callable[[str], Row | None] | None = None
    """The row of one check, where that is less work than all of them."""

    def row(self, check_id: str) -> Row | None:
        """The row of one check; None where there is no such check."""
        if self.one is not None:
            return self.one(check_id)
        return next((row for row in self.snapshot() if row.check_id == check_id), None)
