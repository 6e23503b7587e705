"""What a notice says, in the same words on every channel: a headline, what was seen, facts in order, and links."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from prober.clock import iso
from prober.model import Condition, Notice, NoticeKind, format_duration
from prober.notify._texts import clean, link

MEMBERS = 15
EXPECTATIONS = 5
REGIONS = 12
LINKS = 8

_SAID = {
    Condition.DOWN: ("Down", "Still down", "Up again"),
    Condition.DEGRADED: ("Degraded", "Still degraded", "Well again"),
    Condition.PARTIAL: ("Failing in some regions", "Still failing in some regions", "Up again in every region"),
    Condition.UNMONITORED: ("Not monitored", "Still not monitored", "Monitored again"),
    Condition.SILENT: ("Region silent", "Region still silent", "Region heard again"),
    Condition.BURNS_FAST: ("Error budget burns fast", "Error budget still burns fast", "Error budget safe again"),
    Condition.BURNS_SLOWLY: (
        "Error budget burns slowly",
        "Error budget still burns slowly",
        "Error budget lasting again",
    ),
    Condition.PROBER: ("Prober in trouble", "Prober still in trouble", "Prober well again"),
}
_BAD = (Condition.DOWN, Condition.BURNS_FAST, Condition.PROBER)
_SLOW = ("Slow", "Still slow", "Fast again")
_SLOW_REASONS = frozenset({"latency", "budget"})
_UNWATCHED = "no longer watched"  # how alerting begins the message of an incident that ends with its check
_SAYS_NO_MORE = re.compile(r"(?:up|well|fast|monitored|heard|safe|lasting) again(?: after [\d.a-z]+)?", re.IGNORECASE)


class Tone(StrEnum):
    """How a notice is coloured."""

    BAD = "bad"
    POOR = "poor"
    GOOD = "good"


@dataclass(frozen=True, slots=True)
class Fact:
    """A labelled value; ``at`` where it is a time, for services that show times in the reader's zone."""

    label: str
    value: str
    at: float | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """Where to read on or to act."""

    label: str
    url: str


def tone(notice: Notice) -> Tone:
    """Green when it is over, red when people notice it or nothing watches any more, amber else."""
    if notice.kind is NoticeKind.RESOLVE:
        return Tone.GOOD
    return Tone.BAD if notice.condition in _BAD else Tone.POOR


def headline(notice: Notice) -> str:
    """One line that says what is up with what, such as ``Still down for 2h: The storefront``."""
    subject = clean(notice.title)
    alone = notice.condition == Condition.PROBER and subject.casefold() == "prober"
    mark = "[test] " if notice.test else ""
    return mark + (_lead(notice) if alone or not subject else f"{_lead(notice)}: {subject}")


def summary(notice: Notice) -> str:
    """The headline, and what was seen where there is room for it on the same line."""
    return " – ".join(filter(None, (headline(notice), seen(notice))))


def seen(notice: Notice) -> str:
    """What was seen, unless the headline has said it."""
    text = clean(notice.message)
    said = notice.kind is NoticeKind.RESOLVE and _SAYS_NO_MORE.fullmatch(text)
    return "" if said else text


def unmet(notice: Notice) -> list[str]:
    """What did not hold, a line each; what the message says already is not said again."""
    told = notice.message
    new = [one for one in notice.expected if not (one[1] and one[2] and one[1] in told and one[2] in told)]
    lines = [
        f"{clean(name)[:200]}: expected {clean(wanted)[:300]}, saw {clean(got)[:300]}" for name, wanted, got in new
    ]
    return _at_most(lines, EXPECTATIONS)


def members(notice: Notice) -> list[str]:
    """All that is told at once, a line each."""
    lines = [
        " – ".join(filter(None, (clean(title)[:100] or check_id, clean(message)[:200])))
        for check_id, title, message in notice.members
    ]
    return _at_most(lines, MEMBERS)


def facts(notice: Notice) -> list[Fact]:
    """What else there is to know, in the order people ask for it; nothing twice, nothing empty."""
    found = [
        Fact("Check", "" if notice.check_id == notice.title else notice.check_id),
        Fact("Target", clean(notice.target)),
        *_places(notice),
        Fact("Step", clean(notice.step)),
        Fact("Severity", clean(notice.severity)),
        Fact("Reason", clean(notice.reason)),
        *_times(notice),
        Fact("Failures", _in_a_row(notice.failures)),
        Fact("Phases", ", ".join(f"{clean(name)[:50]} {format_duration(s)}" for name, s in notice.phases[:12])),
        Fact("Trace", clean(notice.trace)),
        Fact("Tags", ", ".join(clean(tag) for tag in notice.tags[:20])),
        Fact("Incident", clean(notice.incident_id)),
    ]
    return [fact for fact in found if fact.value]


def links(notice: Notice) -> list[Link]:
    """What can be done, how, and what explains it; only what a browser opens."""
    listed = [
        *((clean(label), url) for label, url in notice.actions),
        ("Runbook", notice.runbook or ""),
        *((clean(kind).replace("_", " ").capitalize() or "Evidence", url) for kind, url in notice.evidence),
    ]
    usable = [Link(label[:50] or "Link", link(url)) for label, url in listed]
    return [one for one in usable if one.url][:LINKS]


def lasted(notice: Notice) -> str:
    """For how long it has been so, to the precision people speak in; empty where there is nothing to say."""
    seconds = notice.at - notice.since
    unit = next((unit for least, unit in ((86_400, 3_600), (3_600, 60), (1, 1)) if seconds >= least), 0)
    return format_duration(float(round(seconds / unit) * unit)) if unit else ""


def _lead(notice: Notice) -> str:
    slow = notice.condition == Condition.DEGRADED and notice.reason in _SLOW_REASONS
    begun, still, over = _SLOW if slow else _SAID[notice.condition]
    time = lasted(notice)
    if notice.kind is NoticeKind.RESOLVE:
        if notice.message.startswith(_UNWATCHED):
            return _UNWATCHED.capitalize()
        return f"{over} after {time}" if time else over
    if notice.kind is NoticeKind.REMINDER:
        return f"{still} for {time}" if time else still
    return f"{begun} (update)" if notice.kind is NoticeKind.UPDATE else begun


def _places(notice: Notice) -> list[Fact]:
    if notice.regions_down or notice.regions_up:
        return [Fact("Failing in", _list(notice.regions_down)), Fact("Fine in", _list(notice.regions_up))]
    return [Fact("Region", "" if notice.condition == Condition.SILENT else clean(notice.region))]


def _times(notice: Notice) -> list[Fact]:
    over = notice.kind is NoticeKind.RESOLVE
    found = [Fact("Began" if over else "Since", iso(notice.since), notice.since)]
    if over:
        found.append(Fact("Ended", iso(notice.at), notice.at))
    if notice.last_good is not None:
        found.append(Fact("Last good", iso(notice.last_good), notice.last_good))
    return found


def _in_a_row(failures: int) -> str:
    return f"failed {failures} times in a row" if failures > 1 else "failed once" if failures else ""


def _list(names: tuple[str, ...]) -> str:
    return ", ".join(_at_most([clean(name)[:100] for name in names], REGIONS))


def _at_most(lines: list[str], most: int) -> list[str]:
    more = len(lines) - most
    return [*lines[:most], f"and {more} more"] if more > 0 else lines
