"""From what all regions have said to what people are told: one pure function over a snapshot of the store.

Each condition of each check opens, ends or reopens its incident; then every incident whose way is free is told, or its
end is. What is held back is looked at again with the next snapshot, so that only the difference to what was last told
is ever told.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any

from prober.alerting.budgets import accounts_here, burning, concerned
from prober.alerting.burns import BURNS
from prober.alerting.desk import tell
from prober.alerting.docket import Case, Docket
from prober.alerting.incidents import evolve, subject
from prober.alerting.setting import ALONE, CHECKED, PROBER, REGION, UNMONITORED, Setting
from prober.alerting.signals import Ended, Found, Opinion, Signal, opinion, signals, silent, unmonitored
from prober.alerting.telling import REMOVED
from prober.model import Check, Condition, Incident, Reason, Transition, Verdict
from prober.state import Flips, Outlook
from prober.store import Decision, Snapshot

_VERDICTS = {
    Outlook.UP: Verdict.UP,
    Outlook.DEGRADED: Verdict.DEGRADED,
    Outlook.PARTIAL: Verdict.DEGRADED,
    Outlook.DOWN: Verdict.DOWN,
}

KEPT = ("recovered_at", "counted_at")
"""What stands beside the outlook: when the latest outage ended, and which count was decided on last."""
_UNSETTLED = {"outlook": Outlook.UNKNOWN.value, "since": 0.0}


def decide(snapshot: Snapshot, setting: Setting) -> Decision:
    """What follows from ``snapshot``; the same again where nothing has changed but the ids of new incidents."""
    windows = tuple(window for window in setting.windows if window.active(snapshot.now))
    docket = Docket(snapshot, replace(setting, windows=windows, spared=_spared(snapshot, setting)))
    known = {incident.key: incident for incident in snapshot.incidents if setting.concerns(incident)}
    for incident in known.values():
        docket.cases[incident.key] = Case(incident, _check_of(incident, setting))
    for check_id in sorted(snapshot.votes):
        if check_id in setting.checks:
            docket.opinions[check_id] = opinion(
                setting.checks[check_id], snapshot.votes[check_id], setting, snapshot.now, snapshot.regions
            )
    for check_id in sorted(setting.checks.keys() & (docket.opinions.keys() | _named(snapshot.incidents))):
        _review(docket, check_id)
    if accounts_here(docket):
        for check_id in concerned(docket):
            _review_budget(docket, check_id)
    _end_own_views(docket)
    _review_removed(docket)
    _review_prober(docket)
    notices = tell(docket)
    changed = [case.incident for key, case in docket.cases.items() if case.incident != known.get(key)]
    return Decision(
        standings=docket.standings,
        incidents=tuple(changed),
        notices=tuple(notices),
        transitions=tuple(docket.transitions),
        forgotten=tuple(docket.forgotten),
        gone=tuple(docket.gone),
    )


def _spared(snapshot: Snapshot, setting: Setting) -> Mapping[tuple[str, Condition], Collection[str]]:
    """By check and condition: who knows of it already, from a region that could not ask the others."""
    spared = {what: set(channels) for what, channels in setting.spared.items()}
    for incident in snapshot.incidents:
        if incident.region != setting.scope and incident.condition in CHECKED and setting.concerns(incident):
            spared.setdefault((incident.check_id, incident.condition), set()).update(incident.channels)
    return {what: sorted(channels) for what, channels in spared.items()}


def _named(incidents: Iterable[Incident]) -> set[str]:
    return {incident.check_id for incident in incidents}


def _check_of(incident: Incident, setting: Setting) -> Check:
    """The check as it is configured now; as far as its notice tells, where it is no more."""
    known = setting.checks.get(incident.check_id)
    if known is not None:
        return known
    if incident.condition in (Condition.PROBER, Condition.SILENT, Condition.UNMONITORED):
        return subject(incident.check_id)
    notice = incident.notice
    # As it was stored, which another release may have allowed.
    return Check.model_construct(id=incident.check_id, kind="gone", title=notice.title, tags=notice.tags)


def _review(docket: Docket, check_id: str) -> None:
    """Let the incidents of one check follow what is said of it, and note how it stands."""
    check, setting = docket.setting.checks[check_id], docket.setting
    seen = docket.opinions.get(check_id)
    if seen is None:
        return
    was = docket.snapshot.standings.get(check_id, {})
    # Nobody may have looked since it held still.
    flips = Flips.from_dict(was).rest(docket.now, check.alert.flapping)
    more = {name: was[name] for name in KEPT if name in was}
    for condition, found in signals(check, seen, docket.now).items():
        before, after = _follow(docket, check, condition, setting.scope, found)
        if condition is Condition.DOWN and _is_open(before) != _is_open(after):
            flips = flips.flip(docket.now, check.alert.flapping)
            more |= {} if _is_open(after) else {"recovered_at": docket.now}
    docket.flips[check_id] = flips = flips.rest(docket.now, check.alert.flapping)
    _stand(docket, check_id, seen, was, {**more, **flips.to_dict()})


def _review_budget(docket: Docket, check_id: str) -> None:
    """Let the incidents about how fast one check's budget is used up follow what was counted, each count once.

    A count that is older than what was decided on, as after another prober's decision, would undo that.
    """
    check, setting, stands = docket.setting.checks[check_id], docket.setting, docket.stands(check_id)
    burns = setting.burns.get(check_id)
    if burns is not None and burns.at <= float(stands.get("counted_at", 0.0)) <= docket.now:
        return
    for condition in BURNS:
        case = docket.cases.get((check_id, setting.scope, condition))
        told = case is not None and case.incident.closed_at is None and case.incident.told_at is not None
        found = burning(check, condition, told, setting, docket.now)
        before, after = _follow(docket, check, condition, setting.scope, found)
        if burns is not None and _is_open(before) != _is_open(after):
            docket.standings[check_id] = {**_UNSETTLED, **docket.stands(check_id), "counted_at": burns.at}


def _end_own_views(docket: Docket) -> None:
    """End what regions said by themselves, while they could not ask the others, once all say otherwise."""
    for name, region, condition in list(docket.cases):
        check, seen = docket.setting.checks.get(name), docket.opinions.get(name)
        if check is None or seen is None or region == docket.setting.scope:
            continue
        if isinstance(_found(docket, check, seen, condition), Ended):
            _follow(docket, check, condition, region, Ended(docket.now))


def _found(docket: Docket, check: Check, seen: Opinion, condition: Condition) -> Found:
    if condition not in BURNS:
        return signals(check, seen, docket.now).get(condition)
    return burning(check, condition, True, docket.setting, docket.now) if accounts_here(docket) else None


def _follow(
    docket: Docket, check: Check, condition: Condition, region: str, found: Found
) -> tuple[Incident | None, Incident | None]:
    key = (check.id, region, condition)
    before = docket.cases[key].incident if key in docket.cases else None
    after = evolve(before, found, check, condition, docket.setting, docket.now)
    if after is not None and after is not before:
        docket.cases[key] = Case(after, check, _ending(docket, check, condition) if isinstance(found, Ended) else "")
    return before, after


def _ending(docket: Docket, check: Check, condition: Condition) -> str:
    """What replaces "up again" where that would not be true."""
    seen = docket.opinions.get(check.id)
    if condition in BURNS:
        return "no objective any more" if check.slo is None or not check.slo.alert else ""
    if seen is None:
        return ""
    if condition is Condition.DOWN and seen.view.outlook is Outlook.PARTIAL:
        return f"up again in most regions, but not in {', '.join(seen.view.down)},"
    if condition is Condition.DOWN and seen.view.outlook is Outlook.DEGRADED:
        return "up again but degraded"
    return "now down" if condition is not Condition.DOWN and seen.view.outlook is Outlook.DOWN else ""


def _is_open(incident: Incident | None) -> bool:
    return incident is not None and incident.closed_at is None


def _stand(docket: Docket, check_id: str, seen: Opinion, was: Mapping[str, Any], more: Mapping[str, Any]) -> None:
    outlook = was.get("outlook", Outlook.UNKNOWN.value)
    since = was.get("since", 0.0)
    if seen.view.outlook.value != outlook:
        if docket.setting.regions:
            docket.transitions.append(_transition(check_id, outlook, seen, docket.now))
        outlook, since = seen.view.outlook.value, seen.view.since or docket.now
    stands = {"outlook": outlook, "since": since, **more}
    if stands != was and (was or seen.view.outlook is not Outlook.UNKNOWN):
        docket.standings[check_id] = stands


def _transition(check_id: str, before: str, seen: Opinion, now: float) -> Transition:
    known = Outlook(before) if before in Outlook.__members__.values() else Outlook.UNKNOWN
    was, now_is = (_VERDICTS.get(outlook, Verdict.UNKNOWN) for outlook in (known, seen.view.outlook))
    return Transition(check_id, "", was, now_is, at=now, since=seen.view.since or now)


def _review_removed(docket: Docket) -> None:
    """End what is open of checks that nobody watches any more."""
    for key, case in list(docket.cases.items()):
        if case.check.kind != "gone" or case.incident.closed_at is not None:
            continue
        votes = docket.snapshot.votes.get(case.incident.check_id, {})
        if any(vote.stale_at > docket.now for vote in votes.values()):
            continue  # another region's configuration still has it
        closed_at = max(docket.now, case.incident.opened_at)
        docket.cases[key] = Case(replace(case.incident, closed_at=closed_at), case.check, REMOVED)
        docket.forgotten.append(case.incident.check_id)


def _review_prober(docket: Docket) -> None:
    """What is about no check: this prober's own troubles, regions that fell silent, checks nobody looks at."""
    setting, now = docket.setting, docket.now
    _follow(docket, subject(PROBER), Condition.PROBER, setting.ourselves, _trouble(setting, now))
    if not setting.spare:
        _follow(docket, subject(PROBER), Condition.PROBER, setting.ourselves + ALONE, Ended(now))
    if setting.shared:  # whoever had all of the region before is no more
        _follow(docket, subject(PROBER), Condition.PROBER, setting.region, Ended(now))
    if not setting.regions:
        return
    for region, heard_at in docket.snapshot.regions.items():
        if region in setting.regions:
            found = Ended(now) if region == setting.region else silent(region, heard_at, setting, now)
            _follow(docket, subject(REGION + region), Condition.SILENT, "", found)
    _review_unlisted(docket)
    stands = {**docket.snapshot.standings, **docket.standings}
    lost = {
        check_id: (float(stands[check_id]["since"]), seen.view.absent)
        for check_id, seen in docket.opinions.items()
        if seen.view.outlook is Outlook.UNMONITORED and check_id in stands
    }
    _follow(docket, subject(UNMONITORED), Condition.UNMONITORED, "", unmonitored(lost, setting, now))


def _review_unlisted(docket: Docket) -> None:
    """Let go of regions that were taken from the configuration: nobody else ends what is open about them."""
    setting, now = docket.setting, docket.now
    # One that is heard of may only have an older configuration; one that is not is missed in nobody's.
    lately = {name for name, at in docket.snapshot.regions.items() if now - at < setting.silent_after_s}
    docket.gone += sorted(docket.snapshot.regions.keys() - lately - set(setting.regions))
    for name, region, condition in list(docket.cases):
        about = name.removeprefix(REGION) if condition is Condition.SILENT else region.removesuffix(ALONE)
        if about in setting.regions or condition not in (Condition.SILENT, Condition.PROBER):
            continue
        if condition is Condition.SILENT or about not in lately:
            _follow(docket, subject(name), condition, region, Ended(now))


def _trouble(setting: Setting, now: float) -> Found:
    if not setting.troubles:
        return Ended(now)
    return Signal(now, Reason.INTERNAL, "; ".join(setting.troubles.values()), speaker=setting.region)
