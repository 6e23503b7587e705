"""Heartbeats: nothing is asked here; cron jobs and other systems say how they are, and their silence is a failure."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, model_validator

from prober.model import AlertPolicy, Check, Duration, Strict, format_duration
from prober.secret import Secret

_TOKEN = re.compile(r"[A-Za-z0-9_.~-]{16,128}")

Pattern = Annotated[str, Field(min_length=1, max_length=200)]
Match = Annotated[dict[Annotated[str, Field(min_length=1, max_length=100)], Pattern], Field(max_length=20)]


def _checked_token(token: Secret) -> Secret:
    if not _TOKEN.fullmatch(token.reveal()):
        raise ValueError(
            "expected 16 to 128 letters, digits, dots, dashes, underscores or tildes, such as uuidgen prints"
        )
    return token


class Priority(StrEnum):
    """Falco's, the worst first."""

    EMERGENCY = "emergency"
    ALERT = "alert"
    CRITICAL = "critical"
    ERROR = "error"
    WARNING = "warning"
    NOTICE = "notice"
    INFORMATIONAL = "informational"
    DEBUG = "debug"


PRIORITIES = tuple(Priority)


class FalcoEvents(Strict):
    """What events of Falco mean, as falcosidekick's webhook brings them."""

    down_from: Priority = Field(default=Priority.CRITICAL, strict=False)
    """An event of this priority or a worse one is down: emergency, alert, critical, error, warning, notice,
    informational, debug."""
    degraded_from: Priority = Field(default=Priority.WARNING, strict=False)
    """One of this priority or worse is degraded; what is below it only shows that Falco lives."""
    clears_after: Annotated[Duration, Field(ge=60, le=30 * 86_400)] = 900.0
    """Falco never says that something is over: it is when no such event came for this long."""
    match: Match = {}
    """Only events whose fields fit count: rule, source, hostname, tags, or a name of output_fields, each with a
    pattern that may hold ``*``."""

    @model_validator(mode="after")
    def _down_is_worse(self) -> FalcoEvents:
        if PRIORITIES.index(self.down_from) > PRIORITIES.index(self.degraded_from):
            raise ValueError(f"degraded_from {self.degraded_from.value} is above down_from {self.down_from.value}")
        return self


class FiringAlerts(Strict):
    """What alerts of an Alertmanager mean, as its webhook (version 4) brings them: firing is down, but for these."""

    label: Annotated[str, Field(min_length=1, max_length=100)] = "severity"
    """The label that says how bad it is."""
    degraded: Annotated[tuple[Pattern, ...], Field(strict=False, max_length=20)] = ("warning",)
    """Values of it that are degraded."""
    ignore: Annotated[tuple[Pattern, ...], Field(strict=False, max_length=20)] = ("info", "none")
    """Values that only show that somebody alerts, such as that of a watchdog."""
    clears_after: Annotated[Duration, Field(ge=60, le=30 * 86_400)] = 43_200.0
    """An alert that was not heard of for this long is over; must be longer than Alertmanager's repeat_interval."""
    match: Match = {}
    """Only alerts whose labels fit count, each with a pattern that may hold ``*``."""


class Sources(Strict):
    """Systems whose webhooks say how the check is."""

    falco: FalcoEvents | None = None
    """Falco, by falcosidekick: POST /ingest/falco."""
    alertmanager: FiringAlerts | None = None
    """An Alertmanager, or what posts as one: POST /ingest/alertmanager."""

    @model_validator(mode="after")
    def _one_at_least(self) -> Sources:
        if self.falco is None and self.alertmanager is None:
            raise ValueError("expected falco or alertmanager; write falco: {} for its defaults")
        return self


class HeartbeatAlerts(AlertPolicy):
    """When what was heard becomes an alert; a failure that somebody reports needs no confirmation."""

    down_after: Annotated[int, Field(ge=1, le=1000)] = 1
    """Failures and missed periods in a row after which the check is down and an alert is sent."""
    up_after: Annotated[int, Field(ge=1, le=1000)] = 1
    """Successes in a row after which it is up again."""


class Spec(Check):
    """A cron job or another system that says how it is by ``/ping/TOKEN``; when it is late it is down."""

    pushed: ClassVar[bool] = True

    kind: Literal["heartbeat"] = "heartbeat"
    """heartbeat"""
    token: Annotated[Secret, AfterValidator(_checked_token)]
    """What the ping's URL ends in, and whoever knows it may report: 16 characters at least, best as a reference."""
    interval: Annotated[Duration, Field(alias="period", ge=1, le=366 * 86_400)] = 60.0
    """It must be heard of this often. Required where there is neither a schedule nor a source; with sources alone
    nobody has to be heard of, and what stands is stored once a minute."""
    timeout: Annotated[Duration, Field(alias="grace", ge=0, le=30 * 86_400)] = 300.0
    """How late it may be, after the period or after the time its schedule names, before it is down."""
    max_runtime: Annotated[Duration, Field(ge=1, le=30 * 86_400)] | None = None
    """A run that said it started and has not said how it ended within this time is down."""
    sources: Sources | None = None
    """Systems whose webhooks count besides pings."""
    alert: HeartbeatAlerts = HeartbeatAlerts()
    """When it becomes an alert; down_after and up_after are 1, whatever the section defaults says."""

    @model_validator(mode="after")
    def _is_waited_for(self) -> Spec:
        if not self.watched and self.sources is None:
            raise ValueError("a heartbeat needs a period, a schedule or sources")
        if self.max_runtime is not None and self.schedule is None and self.watched and self.max_runtime > self.interval:
            raise ValueError(
                f"max_runtime {format_duration(self.max_runtime)} exceeds period {format_duration(self.interval)}"
            )
        return self

    @property
    def watched(self) -> bool:
        """Whether its silence is a failure."""
        return self.schedule is not None or "interval" in self.model_fields_set

    def placed(self, regions: tuple[str, ...]) -> Spec:
        """In one region, the first: what is told to one is known there alone."""
        known = self.regions or regions
        return self.model_copy(update={"regions": known[:1]}) if known else self
