"""The sections of ``probes.yaml`` that say who is told of what, and when nobody is."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta, tzinfo
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, model_validator

from prober.config.calendar import cron_error, zone_error
from prober.judge.texts import listed
from prober.model import Check, Duration, Identifier, Severity, Slo, Strict

Names = Annotated[tuple[Identifier, ...], BeforeValidator(listed), Field(strict=False)]
Severities = Annotated[
    tuple[Annotated[Severity, Field(strict=False)], ...], BeforeValidator(listed), Field(strict=False)
]
Pattern = Annotated[str, Field(pattern=r"^[A-Za-z0-9*?\[\]._-]{1,100}$")]
Patterns = Annotated[tuple[Pattern, ...], BeforeValidator(listed), Field(strict=False)]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def _zone(name: str) -> str:
    if problem := zone_error(name):
        raise ValueError(problem)
    return name


def _moment(text: str) -> str:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("expected a date and time such as 2026-12-24T22:00, quoted") from None
    return text


def _cron(text: str) -> str:
    if problem := cron_error(text):
        raise ValueError(problem)
    return text


Zone = Annotated[str, AfterValidator(_zone)]
Moment = Annotated[str, AfterValidator(_moment)]
Cron = Annotated[str, AfterValidator(_cron)]
TimeOfDay = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]


class Hours(Strict):
    """The hours in which a route is used, in a time zone of their own."""

    days: Annotated[tuple[Weekday, ...], BeforeValidator(listed), Field(strict=False, min_length=1)] = WEEKDAYS
    """The days they begin on: mon, tue, wed, thu, fri, sat, sun."""
    start: TimeOfDay
    """When they begin, such as "09:00"; quote it."""
    end: TimeOfDay
    """When they end, such as "18:00"; before or at the start, it is the next day's."""
    timezone: Zone = "UTC"
    """The time zone, as in the IANA database."""

    def include(self, now: float) -> bool:
        """Whether ``now`` (seconds since 1970) is within them."""
        local = datetime.fromtimestamp(now, ZoneInfo(self.timezone))
        at, over_midnight = local.strftime("%H:%M"), self.end <= self.start
        today, yesterday = WEEKDAYS[local.weekday()], WEEKDAYS[local.weekday() - 1]
        if over_midnight:
            return (today in self.days and at >= self.start) or (yesterday in self.days and at < self.end)
        return today in self.days and self.start <= at < self.end


class Escalation(Strict):
    """Who else is told when nobody has acknowledged."""

    after: Annotated[Duration, Field(ge=1, le=7 * 86_400)]
    """How long after the first notice."""
    channels: Annotated[Names, Field(min_length=1)]
    """The channels that are told then, by their names."""


class Route(Strict):
    """Which notices go to which channels; one that selects nothing takes all. Every route that fits is used."""

    model_config = ConfigDict(populate_by_name=True)

    channels: Annotated[Names, Field(min_length=1)]
    """The channels that are told, by their names."""
    checks: Patterns = ()
    """Only these checks, by their ids, or by patterns such as "checkout-*"."""
    tags: Names = ()
    """Only checks with one of these tags."""
    severity: Severities = ()
    """Only incidents of these severities."""
    regions: Names = ()
    """Only incidents in one of these regions."""
    hours: Hours | None = None
    """Only in these hours; what is still down when they begin is told then."""
    go_on: Annotated[bool, Field(alias="continue")] = True
    """false: where this route fits, those after it are not looked at."""
    remind_every: Annotated[Duration, Field(ge=60, le=7 * 86_400)] | None = None
    """Tell these channels again while it lasts and nobody has acknowledged."""
    escalate: Annotated[tuple[Escalation, ...], Field(strict=False)] = ()
    """Who else is told when nobody has acknowledged for a while."""
    fallback: Identifier | None = None
    """The channel that is told where one of these refuses for good."""

    @property
    def timed(self) -> bool:
        """Whether it may come to fit later."""
        return self.hours is not None

    def takes(self, check: Check, severity: Severity, regions: Collection[str], now: float) -> bool:
        """Whether an incident of ``check`` in ``regions`` takes this route at ``now``."""
        return (
            (not self.checks or any(fnmatchcase(check.id, pattern) for pattern in self.checks))
            and (not self.tags or not set(self.tags).isdisjoint(check.tags))
            and (not self.severity or severity in self.severity)
            and (not self.regions or not set(self.regions).isdisjoint(regions))
            and (self.hours is None or self.hours.include(now))
        )

    def leads_to(self) -> tuple[str, ...]:
        """Every channel it may tell."""
        later = (name for step in self.escalate for name in step.channels)
        return tuple(dict.fromkeys((*self.channels, *later, *((self.fallback,) if self.fallback else ()))))


class Maintenance(Strict):
    """A stretch of time in which nothing is told of some checks. They run and are recorded all the same."""

    reason: str = ""
    """What is being done."""
    public: Annotated[str, Field(max_length=500)] = ""
    """What status pages say of it; without it, only when it is and what it concerns."""
    checks: Patterns = ()
    """Only these checks, by their ids or patterns; with ``tags`` missing too, all."""
    tags: Names = ()
    """Only checks with one of these tags."""
    start: Moment | None = None
    """When it begins, such as "2026-12-24T22:00"; quote it."""
    end: Moment | None = None
    """When it ends."""
    schedule: Cron | None = None
    """Instead of start and end: when it begins, again and again, as a cron expression."""
    duration: Annotated[Duration, Field(ge=60, le=7 * 86_400)] | None = None
    """How long each of these lasts."""
    timezone: Zone = "UTC"
    """The time zone of all of this, as in the IANA database."""

    @model_validator(mode="after")
    def _is_a_stretch(self) -> Maintenance:
        once, again = (self.start, self.end), (self.schedule, self.duration)
        if not (all(once) and not any(again)) and not (all(again) and not any(once)):
            raise ValueError("expected either start and end, or schedule and duration")
        if all(once) and self._at(self.start) >= self._at(self.end):
            raise ValueError("it ends before it begins")
        return self

    def selects(self, check: Check) -> bool:
        """Whether ``check`` is worked on."""
        return _selects(self.checks, self.tags, check)

    def active(self, now: float) -> bool:
        """Whether it is going on at ``now`` (seconds since 1970)."""
        return self.began(now) is not None

    def began(self, now: float) -> float | None:
        """When that began which is going on at ``now``; None where nothing is."""
        if self.schedule is None or self.duration is None:
            start = self._at(self.start)
            return start if start <= now < self._at(self.end) else None
        earliest = datetime.fromtimestamp(now, UTC) - timedelta(seconds=self.duration)
        fire = _trigger(self.schedule, self.timezone).get_next_fire_time(None, earliest + timedelta(microseconds=1))
        return fire.timestamp() if fire is not None and fire.timestamp() <= now else None

    def stretches(self, since: float, until: float, most: int = 20) -> tuple[tuple[float, float], ...]:
        """(begin, end) of each time that it is on between the two, oldest first; the first ``most`` of them."""
        if self.schedule is None or self.duration is None:
            start, end = self._at(self.start), self._at(self.end)
            return ((start, end),) if start < until and end > since else ()
        trigger, found = _trigger(self.schedule, self.timezone), list[tuple[float, float]]()
        after = datetime.fromtimestamp(since, UTC) - timedelta(seconds=self.duration) + timedelta(microseconds=1)
        while len(found) < most:
            fire = trigger.get_next_fire_time(None, after)
            if fire is None or fire.timestamp() >= until:
                break
            found.append((fire.timestamp(), fire.timestamp() + self.duration))
            after = fire.astimezone(UTC) + timedelta(microseconds=1)
        return tuple(found)

    def over(self, now: float) -> bool:
        """Whether it has passed for good."""
        return self.schedule is None and self._at(self.end) <= now

    def _at(self, moment: str | None) -> float:
        parsed = datetime.fromisoformat(moment or "")
        zone: tzinfo = parsed.tzinfo or ZoneInfo(self.timezone)
        return parsed.replace(tzinfo=zone).timestamp()


class Objective(Slo):
    """An objective of every check it selects that has none of its own; of several that fit, the first."""

    checks: Patterns = ()
    """Only these checks, by their ids or patterns; with ``tags`` missing too, all."""
    tags: Names = ()
    """Only checks with one of these tags."""

    def selects(self, check: Check) -> bool:
        """Whether it is meant for ``check``."""
        return _selects(self.checks, self.tags, check)

    def slo(self) -> Slo:
        """The objective by itself."""
        return Slo.model_construct(**{name: getattr(self, name) for name in Slo.model_fields})


def _selects(patterns: Collection[str], tags: Collection[str], check: Check) -> bool:
    """Whether ``check`` is among those chosen by id or tag; all are where nothing is chosen."""
    if not patterns and not tags:
        return True
    return any(fnmatchcase(check.id, pattern) for pattern in patterns) or not set(tags).isdisjoint(check.tags)


@lru_cache(maxsize=1024)
def _trigger(schedule: str, timezone: str) -> Any:
    from apscheduler.triggers.cron import CronTrigger

    return CronTrigger.from_crontab(schedule, timezone=timezone)


class Grouping(Strict):
    """How what goes down together is told together, in one notice that is resolved when all of it is up again."""

    wait: Annotated[Duration, Field(ge=0, le=3600)] = 30.0
    """How long after the first one others may join; nothing is told before that."""
    by: Literal["all", "tag", "parent", "severity"] = "tag"
    """What belongs together: checks with the same first tag, that depend on the same check first, of one severity, or
    all. Only what goes to the same channels is ever told together."""
