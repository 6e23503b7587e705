"""A notice as an alert of Prometheus's Alertmanager: labels that identify it, annotations that may change."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from prober.clock import iso
from prober.model import Condition, Notice, NoticeKind
from prober.notify._texts import cut, link
from prober.notify._wording import facts, headline, links, members, seen, unmet

NAMES = {
    Condition.DOWN: "ProberCheckDown",
    Condition.DEGRADED: "ProberCheckDegraded",
    Condition.PARTIAL: "ProberCheckPartlyFailing",
    Condition.UNMONITORED: "ProberCheckNotMonitored",
    Condition.SILENT: "ProberRegionSilent",
    Condition.BURNS_FAST: "ProberSloBurnsFast",
    Condition.BURNS_SLOWLY: "ProberSloBurnsSlowly",
    Condition.PROBER: "ProberInTrouble",
}
TEXT_CHARS = 1_000
LABEL_CHARS = 300
_FNV_OFFSET, _FNV_PRIME = 14_695_981_039_346_656_037, 1_099_511_628_211


def labels(notice: Notice, more: Mapping[str, str]) -> dict[str, str]:
    """What makes it the same alert from trigger to resolve: nothing that changes in between.

    The region belongs to it only where every region alerts for itself.
    """
    alone = not (notice.regions_down or notice.regions_up)
    found = {
        "alertname": NAMES[notice.condition],
        "check": notice.check_id,
        "severity": notice.severity,
        "region": notice.region if alone else "",
        "test": "true" if notice.test else "",
    }
    return {name: cut(value, LABEL_CHARS) for name, value in {**more, **found}.items() if value}


def remarks(notice: Notice) -> dict[str, str]:
    """What people read of it."""
    lines = [seen(notice), *unmet(notice), *members(notice), notice.note]
    told = {
        "summary": cut(headline(notice), TEXT_CHARS),
        "description": "\n".join(cut(line, TEXT_CHARS) for line in lines if line),
        "runbook_url": link(notice.runbook or ""),
        **{fact.label.lower().replace(" ", "_"): cut(fact.value, TEXT_CHARS) for fact in facts(notice)},
    }
    identifying = ("check", "severity", "region")
    return {name: text for name, text in told.items() if text and name not in identifying}


def starts_at(notice: Notice) -> str:
    """When it began."""
    return iso(notice.since)


def ended_at(notice: Notice) -> str:
    """When a resolved one ended: never before it began, which would be refused."""
    return iso(max(notice.since, notice.at))


def is_resolved(notice: Notice) -> bool:
    return notice.kind is NoticeKind.RESOLVE


def generator_url(notice: Notice) -> str:
    """Where it is explained best."""
    found = links(notice)
    return found[0].url if found else ""


def fingerprint(identity: Mapping[str, str]) -> str:
    """The name Prometheus gives to a set of labels: FNV-1a over names and values, each ended by a byte 255."""
    value = _FNV_OFFSET
    for name in sorted(identity):
        for byte in b"%b\xff%b\xff" % (name.encode(), identity[name].encode()):
            value = ((value ^ byte) * _FNV_PRIME) & 0xFFFF_FFFF_FFFF_FFFF
    return f"{value:016x}"


def group_key(identity: Mapping[str, str]) -> str:
    """A key for what is told together, the same for every notice of an incident."""
    return hashlib.sha256(fingerprint(identity).encode()).hexdigest()
