"""What is configured to be tested, and when it becomes an alert."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Annotated, ClassVar, Literal

from pydantic import Field, PrivateAttr, model_validator

from prober.model.words import Duration, Identifier, Strict, format_duration

Quorum = Literal["majority", "any", "all"] | Annotated[int, Field(ge=1, le=100)]


class Flapping(Strict):
    """When a check that comes and goes is told as that, once, and then left alone until it holds still."""

    changes: Annotated[int, Field(ge=3, le=20)] = 6
    """So many changes between down and not down ..."""
    within: Annotated[Duration, Field(ge=60, le=7 * 86_400)] = 3_600.0
    """... within this time begin it."""
    stable: Annotated[Duration, Field(ge=60, le=7 * 86_400)] = 900.0
    """It ends when there was no change for this long; then what is true is told, if that is news."""


class AlertPolicy(Strict):
    """When a run of bad results becomes an alert, and when a run of good ones ends it."""

    down_after: Annotated[int, Field(ge=1, le=1000)] = 3
    """Consecutive failures after which the check is down and an alert is sent."""
    up_after: Annotated[int, Field(ge=1, le=1000)] = 2
    """Consecutive successes after which a down check is up again and the alert is resolved."""
    degraded: bool = False
    """true: a check that is settled as degraded is an alert too, of severity warning at most."""
    partial_after: Annotated[Duration, Field(ge=0, le=7 * 86_400)] | None = 900.0
    """A check that fails for this long in some regions, but too few to be down, is an alert of severity warning at
    most; null for never."""
    flapping: Flapping | None = Flapping()
    """When a check that comes and goes is told as that; null for never."""


class Slo(Strict):
    """What share of runs must succeed. How fast the rest, the error budget, is used up is an alert, here and in what
    ``prober render prometheus`` writes."""

    objective: Annotated[float, Field(gt=0, lt=100, strict=False)]
    """Percent of runs that are up or degraded, such as 99.9."""
    window: Annotated[Duration, Field(ge=86_400, le=90 * 86_400)] = 30 * 86_400.0
    """The time over which that holds."""
    min_failures: Annotated[int, Field(ge=1, le=1000)] = 3
    """Fewer failed runs than this are no alert, however large a share of few runs they are."""
    alert: bool = True
    """false: the prober itself only counts and shows it, as where Prometheus alerts on it."""


class Severity(StrEnum):
    """How much a failing check matters; routes may select by it."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"


class Check(Strict):
    """One configured thing to test; every kind adds its own fields to these."""

    pushed: ClassVar[bool] = False
    """Whether its results are brought to the prober, so that nothing runs on slots."""

    id: Identifier
    """Stable name of the check: history, counters and incidents hang on it. Letters, digits, dot, dash, underscore."""
    kind: str
    """What the check speaks: http, tcp, dns, icmp, grpc, browser, api, pytest or heartbeat."""
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
    quorum: Quorum = "majority"
    """Where regions share a store: how many of those heard of lately must see it down; majority, any, all or a
    number. Never exactly half of them."""
    depends_on: Annotated[tuple[Identifier, ...], Field(strict=False)] = ()
    """Checks without which this one cannot work: while one of them is down, this one's being down is not told."""
    severity: Severity = Field(default=Severity.CRITICAL, strict=False)
    """critical, warning or info; carried by alerts."""
    tags: Annotated[tuple[Identifier, ...], Field(strict=False)] = ()
    """Words to select checks by: ``prober run --tag checkout``."""
    runbook: str | None = None
    """A link to what to do, carried by alerts."""
    slo: Slo | None = None
    """What share of runs must succeed; null for no objective where ``slos`` or ``defaults`` have one. Not with a
    ``schedule``."""
    enabled: bool = True
    """false keeps the check in the file without running it."""

    @model_validator(mode="after")
    def _timeout_fits_interval(self) -> Check:
        if self.steady and self.timeout > self.interval:
            raise ValueError(
                f"timeout {format_duration(self.timeout)} exceeds interval {format_duration(self.interval)}; "
                "a check never overlaps itself"
            )
        return self

    @model_validator(mode="after")
    def _slo_has_runs(self) -> Check:
        if self.slo is not None and self.schedule is not None:
            raise ValueError("slo: a check with a schedule runs too seldom for one")
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

    @property
    def steady(self) -> bool:
        """Whether it runs all the time, so that its not running says that something is wrong with the prober."""
        return self.schedule is None and not self.pushed

    def placed(self, regions: tuple[str, ...]) -> Check:
        """The check in a configuration that lists ``regions``."""
        return self

    def hide_in_target(self, redact: Callable[[str], str]) -> None:
        """Show the target only as ``redact`` leaves it: a reference may have put a secret into an address."""
        self._shown_target = redact(self.address_text)
