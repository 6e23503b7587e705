"""What webhooks of Falco and Alertmanager say of a check. Pure; what they hold was written by anybody."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from hashlib import blake2b
from typing import Any

from prober.app.passive.pulse import Report
from prober.model import Verdict
from prober.probes.heartbeat import PRIORITIES, FalcoEvents, FiringAlerts, Priority, Spec

MOST_ALERTS = 1_000
TEXT_CHARS = 500

SOURCES = ("falco", "alertmanager")


def reports_for(check: Spec, source: str, document: object) -> list[Report] | None:
    """What ``document`` of ``source`` says of ``check``; None where it is not about it.

    Raises ValueError, in words for whoever sent it, for what is no such document.
    """
    if check.sources is None:
        return None
    if source == "falco":
        return falco(check.sources.falco, document) if check.sources.falco else None
    return alertmanager(check.sources.alertmanager, document) if check.sources.alertmanager else None


def takes(check: Spec, source: str) -> bool:
    """Whether ``source`` is one of those of ``check``."""
    return check.sources is not None and getattr(check.sources, source) is not None


def falco(events: FalcoEvents, document: object) -> list[Report] | None:
    """An event as falcosidekick posts it: output, priority, rule, hostname, source, tags, output_fields."""
    event = _mapping(document, "an event of Falco")
    rule, priority = event.get("rule"), _priority(event.get("priority"))
    if not isinstance(rule, str) or priority is None:
        raise ValueError("expected an event of Falco with a rule and a priority")
    fields = {**_texts(event.get("output_fields")), **_texts(event)}
    tags = event.get("tags")
    many = {"tags": [tag for tag in tags if isinstance(tag, str)] if isinstance(tags, list) else []}
    if not _fits(events.match, fields, many):
        return None
    rank = PRIORITIES.index(priority)
    if rank > PRIORITIES.index(events.degraded_from):
        return []
    verdict = Verdict.DOWN if rank <= PRIORITIES.index(events.down_from) else Verdict.DEGRADED
    host = fields.get("hostname", "")
    told = f"{rule} on {host}" if host else rule
    text = f"{told} ({priority.value}): {fields.get('output', '')}"[:TEXT_CHARS]
    return [Report(_key("falco", rule, host), verdict, text, events.clears_after)]


def alertmanager(alerts: FiringAlerts, document: object) -> list[Report] | None:
    """A group of alerts as Alertmanager posts it (version 4): each is firing or resolved."""
    listed = _mapping(document, "a webhook of Alertmanager").get("alerts")
    if not isinstance(listed, list) or not all(isinstance(one, dict) for one in listed):
        raise ValueError("expected a webhook of Alertmanager (version 4) with a list of alerts")
    if len(listed) > MOST_ALERTS:
        raise ValueError(f"more than {MOST_ALERTS:,} alerts; limit them by max_alerts of webhook_configs")
    ours = [one for one in listed if _fits(alerts.match, _texts(one.get("labels")))]
    return [_alert(alerts, one) for one in ours] if ours else None


def _alert(alerts: FiringAlerts, alert: Mapping[str, Any]) -> Report:
    labels, notes = _texts(alert.get("labels")), _texts(alert.get("annotations"))
    fingerprint = alert.get("fingerprint")
    known = fingerprint if isinstance(fingerprint, str) and fingerprint else json.dumps(labels, sort_keys=True)
    key = _key("alertmanager", known)
    severity = labels.get(alerts.label, "")
    if alert.get("status") != "firing" or _any_fits(alerts.ignore, severity):
        return Report(key, Verdict.UP)
    verdict = Verdict.DEGRADED if _any_fits(alerts.degraded, severity) else Verdict.DOWN
    said = notes.get("summary") or notes.get("description") or notes.get("message") or ""
    name = labels.get("alertname", "an alert")
    text = f"{name} is firing{f' ({severity})' if severity else ''}{f': {said}' if said else ''}"
    return Report(key, verdict, text[:TEXT_CHARS], alerts.clears_after)


def _mapping(document: object, what: str) -> Mapping[str, Any]:
    if not isinstance(document, dict):
        raise ValueError(f"expected {what} as a JSON object")
    return document


def _priority(word: object) -> Priority | None:
    if not isinstance(word, str):
        return None
    folded = word.strip().lower()
    return next(
        (one for one in PRIORITIES if one.value == folded or (folded == "info" and one.value[:4] == "info")), None
    )


def _texts(values: object) -> dict[str, str]:
    """Those of ``values`` that are plain, as text."""
    if not isinstance(values, dict):
        return {}
    return {str(key): str(value) for key, value in values.items() if isinstance(value, str | int | float)}


def _fits(match: Mapping[str, str], one: Mapping[str, str], many: Mapping[str, list[str]] | None = None) -> bool:
    return all(
        any(fnmatchcase(value, pattern) for value in (many or {}).get(name) or [one.get(name, "")])
        for name, pattern in match.items()
    )


def _any_fits(patterns: Iterable[str], value: str) -> bool:
    return any(fnmatchcase(value, pattern) for pattern in patterns)


def _key(*parts: str) -> str:
    """A name of bounded length for what ``parts`` tell apart."""
    return f"{parts[0]}:{blake2b(json.dumps(parts[1:]).encode(), digest_size=8).hexdigest()}"
