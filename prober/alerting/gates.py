"""Why an incident is not told for now. Nothing here keeps it from being measured, counted or stored. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from prober.alerting.incidents import SELF
from prober.alerting.setting import Setting
from prober.alerting.signals import Opinion
from prober.model import Check, Condition, Hush, HushKind, Incident, format_duration
from prober.state import Outlook


def hushed(check: Check, hushes: Iterable[Hush], setting: Setting, now: float) -> str:
    """The maintenance or the silence that ``check`` is under, of those windows that are on; empty where under none."""
    for window in setting.windows:
        if check.kind != SELF and window.selects(check):
            return _why("maintenance", window.reason)
    for hush in hushes:
        if hush.starts_at <= now < hush.ends_at and covers(hush, check):
            return _why("maintenance" if hush.kind is HushKind.MAINTENANCE else "silenced", hush.reason)
    return ""


def covers(hush: Hush, check: Check) -> bool:
    """Whether ``hush`` is meant for ``check``."""
    if not hush.checks and not hush.tags:
        return check.kind != SELF  # whoever works on the platform still wants to know that nobody watches it
    return hush.covers(check.id, check.tags)


def waits_for_parent(
    check: Check, incident: Incident, opinions: Mapping[str, Opinion], setting: Setting, now: float
) -> str:
    """The check that ``check`` depends on and that explains its being down, or may do so after its next run."""
    if incident.condition is not Condition.DOWN:
        return ""
    own = opinions.get(check.id)
    for name in check.depends_on:
        parent, seen = setting.checks.get(name), opinions.get(name)
        if parent is not None and seen is not None and _explains(parent, seen, check, own, incident, now):
            return f"depends on {name}"
    return ""


def waits_for_more(check: Check, incident: Incident, opinions: Mapping[str, Opinion], now: float) -> str:
    """That ``check`` fails in some regions, but not for long yet; it is looked at until then since it is open."""
    after = check.alert.partial_after
    if incident.condition is not Condition.PARTIAL or after is None:
        return ""
    seen = opinions.get(check.id)
    since = seen.view.since if seen is not None and seen.view.outlook is Outlook.PARTIAL else now
    return f"failing for less than {format_duration(after)}" if now - since < after else ""


def _explains(parent: Check, seen: Opinion, child: Check, own: Opinion | None, incident: Incident, now: float) -> bool:
    if seen.view.outlook is Outlook.DOWN or seen.worsening:
        return True
    # Down in some regions only, for as long as it likes, it explains what is down in no other.
    if seen.failing and own is not None and seen.failing.issuperset(own.view.down):
        return True
    if seen.view.outlook is Outlook.UNMONITORED:
        return False
    # It has not been looked at since the child began to fail, and will be soon.
    if seen.last_at <= incident.opened_at and now < incident.decided_at + _next_look_s(parent):
        return True
    # It came back after the child had failed: the child's next run may say the same of itself.
    back_at = seen.view.since
    if not incident.opened_at < back_at or now >= back_at + parent.interval + _next_look_s(child):
        return False
    return own is not None and (own.recovering or own.last_at <= back_at)


def _next_look_s(check: Check) -> float:
    """Within what time its next run will have said more; nobody waits for one that only others can make speak."""
    return 0.0 if check.pushed else check.interval + check.timeout


def _why(word: str, reason: str) -> str:
    return f"{word}: {reason}" if reason else word
