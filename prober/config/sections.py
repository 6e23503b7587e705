"""The sections of ``probes.yaml``, except for what a kind of check, channel or sink declares beside its own code."""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import parse_qs, urlsplit

from pydantic import AfterValidator, Field, SerializeAsAny, field_validator

from prober.config.alerts import Grouping, Maintenance, Names, Objective, Route
from prober.config.stack import Alertmanager, Prometheus, Rules, checked_rules
from prober.config.web import Web, checked_url
from prober.model import AlertPolicy, Check, Duration, Identifier, Severity, Slo, Strict
from prober.notify import Channel
from prober.notify._posting import WebUrl
from prober.probes import KINDS
from prober.probes.browser.spec import BrowserSettings
from prober.secret import Secret
from prober.sinks import SinkSpec

UNCAPPED = ("browser", "heartbeat")
"""Kinds that have slots instead, or that nobody runs."""
CAPS = {"http": 500, "tcp": 500, "dns": 500, "icmp": 500, "grpc": 500, "api": 4, "pytest": 1}


def _checked_canary(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("tcp", "http", "https") or not parts.hostname or (parts.scheme == "tcp" and not parts.port):
        raise ValueError("expected tcp://host:port, http://host or https://host")
    return text


class Defaults(Strict):
    """What holds for every check that does not say otherwise."""

    interval: Annotated[Duration, Field(ge=0.1, le=30 * 86_400)] | None = None
    """Time between the starts of two runs."""
    timeout: Annotated[Duration, Field(ge=0.01, le=3600)] | None = None
    """One absolute deadline over a whole run; must not exceed the interval."""
    timezone: str | None = None
    """The time zone of schedules, as in the IANA database."""
    regions: Annotated[tuple[Identifier, ...], Field(strict=False)] | None = None
    """The regions checks run in."""
    alert: AlertPolicy = AlertPolicy()
    """When consecutive results become an alert; what a check leaves out is taken from here."""
    severity: Annotated[Severity, Field(strict=False)] | None = None
    """critical, warning or info."""
    tags: Annotated[tuple[Identifier, ...], Field(strict=False)] | None = None
    """Words to select checks by, for checks that have none of their own."""
    runbook: str | None = None
    """A link to what to do."""
    slo: Slo | None = None
    """What share of runs must succeed, for checks that none of ``slos`` selects; not for those with a schedule."""


def _checked_database(url: Secret) -> Secret:
    parts = urlsplit(url.reveal())
    somewhere = parts.hostname or "host" in parse_qs(parts.query)  # the folder of a socket can stand only there
    if parts.scheme not in ("postgresql", "postgres") or not somewhere or len(parts.path) < 2:
        raise ValueError("expected a URL such as postgresql://user:password@host/database")
    return url


class Engine(Strict):
    """How checks are run."""

    processes: Annotated[int, Field(ge=1, le=64)] = 1
    """How many processes run the checks of kinds http and tcp, for machines with more cores: each has its share of
    them, and one more takes their results. With 1 all is done in one. Takes effect at the next start."""


class Store(Strict):
    """Where state, incidents and notices under way are kept."""

    path: Annotated[str, Field(min_length=1)] = "prober.db"
    """The SQLite file, relative to this file. With ``url``, what waits while that database is away."""
    url: Annotated[Secret, AfterValidator(_checked_database)] | None = None
    """A PostgreSQL database, such as "${PROBER_STORE_URL}", shared by all regions: they decide together then."""
    retention: Annotated[Duration, Field(ge=3600)] = 7 * 86_400.0
    """How long results are kept, one by one."""
    history: Annotated[Duration, Field(ge=86_400)] = 90 * 86_400.0
    """How long latency and counts per five minutes are kept, and what was told of incidents that are over."""
    daily_history: Annotated[Duration, Field(ge=86_400)] = 1_095 * 86_400.0
    """How long latency and counts per day are kept, and what uptime rests on: changes of state, maintenance, incidents
    that are over, notes and markers."""
    max_bytes: Annotated[int, Field(ge=16 * 1024 * 1024)] = 4 * 1024**3
    """The store is kept below this size: beyond it the oldest uneventful results go first."""
    thin: Annotated[Duration, Field(ge=0, le=86_400)] = 60.0
    """Of uneventful results of one check only one in this time is kept, and stands for the others; 0s keeps all."""


class Selfwatch(Strict):
    """What the prober watches of itself, and who hears of it."""

    egress: Annotated[tuple[Annotated[str, AfterValidator(_checked_canary)], ...], Field(strict=False)] = ()
    """Places elsewhere that always answer, such as tcp://1.1.1.1:443 or https://example.com: when none of them does,
    network failures are this prober's own, and unknown instead of down."""
    channels: Names = ()
    """Who is told of trouble with the prober itself; whoever a route leads to when missing."""
    silent_after: Annotated[Duration, Field(ge=30, le=7 * 86_400)] = 120.0
    """Where regions share a store: one that is not heard of for so long is an alert that the others give."""


class Heartbeat(Strict):
    """A dead man's switch elsewhere that is called while this prober is healthy, so that its death is noticed."""

    url: WebUrl
    """The address to call; whoever knows it can call it, so it is treated as a secret."""
    every: Annotated[Duration, Field(ge=1, le=86_400)] = 60.0
    """Time between two calls."""


class Bucket(Strict):
    """Where copies of the evidence go. The bucket's own lifecycle decides how long they stay there."""

    bucket: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")]
    """The bucket's name."""
    prefix: Annotated[str, Field(pattern=r"^[A-Za-z0-9._/-]*$"), AfterValidator(lambda text: text.strip("/"))] = ""
    """What keys begin with; they go on with the check, the run and the file."""
    aws_region: Annotated[str, Field(pattern=r"^[a-z]{2}(-[a-z]+)+-\d$")]
    """The AWS region of the bucket, such as eu-west-1."""
    endpoint_url: Annotated[str, AfterValidator(checked_url)] | None = None
    """Another address than AWS's own, such as a VPC endpoint or a local server."""


class Artifacts(Strict):
    """The evidence of failed runs: screenshots, traces, what the page said. Pictures may show personal data."""

    dir: Annotated[str, Field(min_length=1)] = "artifacts"
    """The directory they are written to, relative to this file."""
    keep: Annotated[Duration, Field(ge=60)] = 14 * 86_400.0
    """How long they are kept."""
    keep_runs: Annotated[int, Field(ge=1, le=100_000)] | None = 200
    """How many runs of each check are kept at most, the newest; null for any number."""
    s3: Bucket | None = None
    """Where copies go."""


class Logs(Strict):
    """The log on stderr, and in files where a directory is given for them."""

    format: Literal["auto", "console", "json", "ecs"] = "auto"
    """console for people, json for machines, ecs the same by the Elastic Common Schema; auto takes console on a
    terminal, else json."""
    level: Literal["debug", "info", "warning", "error"] = "info"
    """The least important lines that are written."""
    dir: Annotated[str, Field(min_length=1)] | None = None
    """A directory, relative to this file, for ``combined.log``, which has every line as JSON (or ecs), and
    ``error.log``, which has errors only; none when missing."""
    max_bytes: Annotated[int, Field(ge=4096)] = 20 * 1024 * 1024
    """A file of the log that would grow beyond this is set aside, as combined.log.1 and so on."""
    keep: Annotated[int, Field(ge=0, le=1000)] = 5
    """How many of each that were set aside are kept."""


class Config(Strict):
    """A whole ``probes.yaml``. Every section may be left out."""

    job: Identifier = "prober"
    """The ``job`` label of the metrics."""
    regions: Annotated[tuple[Identifier, ...], Field(strict=False)] = ()
    """The regions that probers of this file run in; each of them is started with one, by --region or PROBER_REGION."""
    defaults: Defaults = Defaults()
    """What holds for every check that does not say otherwise."""
    checks: Annotated[tuple[SerializeAsAny[Check], ...], Field(strict=False)] = ()
    """What is tested; see the kinds of checks."""
    maintenance: Annotated[tuple[Maintenance, ...], Field(strict=False)] = ()
    """When nothing is told of some checks."""
    slos: Annotated[tuple[Objective, ...], Field(strict=False)] = ()
    """What share of runs must succeed, by check and tag, for checks that do not say so themselves."""
    grouping: Grouping | None = None
    """How what goes down together is told together; each by itself when missing."""
    channels: dict[Identifier, SerializeAsAny[Channel]] = {}
    """Where alerts can go, by name; see the kinds of channels."""
    routes: Annotated[tuple[Route, ...], Field(strict=False)] = ()
    """Which alerts go where."""
    engine: Engine = Engine()
    """How checks are run."""
    sinks: Annotated[tuple[SerializeAsAny[SinkSpec], ...], Field(strict=False)] = ()
    """Other systems that are fed every result; see the kinds of sinks."""
    store: Store = Store()
    """Where state, incidents and notices under way are kept."""
    web: Web = Web()
    """The web side."""
    browser: BrowserSettings = BrowserSettings()
    """The browser that journeys run in."""
    selfwatch: Selfwatch = Selfwatch()
    """What the prober watches of itself."""
    heartbeat: Heartbeat | None = None
    """A dead man's switch elsewhere that is called while this prober is healthy."""
    concurrency: dict[str, Annotated[int, Field(ge=1, le=10_000)]] = {}
    """How many checks of a kind run at once: http, tcp, dns, icmp and grpc 500 each, api 4, pytest 1 by default.
    Browsers have ``browser: slots``."""
    artifacts: Artifacts = Artifacts()
    """The evidence of failed runs."""
    logs: Logs = Logs()
    """The log on stderr."""
    prometheus: Prometheus = Prometheus()
    """The Prometheus that scrapes the probers; for ``prober render prometheus``."""
    rules: Annotated[dict[Identifier, Rules], AfterValidator(checked_rules)] = {}
    """Alert rules of your own, by group; a file each in ``prober render prometheus``."""
    alertmanager: Alertmanager = Alertmanager()
    """The Alertmanager that tells of Prometheus' alerts; for ``prober render alertmanager``."""

    @field_validator("concurrency")
    @classmethod
    def _kinds_are_known(cls, caps: dict[str, int]) -> dict[str, int]:
        for name in caps:
            if name in UNCAPPED or name not in KINDS:
                kinds = ", ".join(kind for kind in KINDS if kind not in UNCAPPED)
                raise ValueError(f"expected kinds of checks ({kinds}), not {name}")
        return caps

    def caps(self) -> dict[str, int]:
        """How many checks of each kind run at once; kinds that are missing have no cap of their own."""
        return {**CAPS, "browser": self.browser.slot_count(), **self.concurrency}
