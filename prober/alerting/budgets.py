"""Whether a check uses up its budget of failures too fast for people not to know, and who decides that. Pure."""

from __future__ import annotations

from prober.alerting.burns import BURNS, Burns
from prober.alerting.docket import Docket
from prober.alerting.setting import Setting
from prober.alerting.signals import Ended, Found, Signal
from prober.model import Check, Condition, Incident, Reason, format_duration
from prober.model.slo import Pair
from prober.state import Outlook
from prober.store import Failing

AFTERMATH_S = 1_800.0
"""For so long an outage that people know of still fills the short windows of what burns fast."""
UNSETTLED_S = 300.0
"""For how long it is left to settle whether the check goes down, which would say it all."""


def accounts_here(docket: Docket) -> bool:
    """Whether budgets are this prober's to decide on: of regions that share a store one does it for all.

    What each has counted differs a little, and one would end what the other has just begun.
    """
    setting = docket.setting
    if setting.spare or not setting.regions:
        return not setting.spare
    heard = docket.snapshot.regions
    lately = [name for name in setting.regions if docket.now - heard.get(name, 0.0) < setting.silent_after_s]
    return setting.region <= min(lately, default=setting.region)


def concerned(docket: Docket) -> list[str]:
    """The checks that alarm or did so before."""
    alarming = {name for name, burns in docket.setting.burns.items() if burns.alarming}
    before = {name for name, _, condition in docket.cases if condition in BURNS}
    return sorted((alarming | before) & docket.setting.checks.keys())


def burning(check: Check, condition: Condition, told: bool, setting: Setting, now: float) -> Found:
    """Whether ``condition`` holds of ``check``; once it is ``told``, until it has clearly ended."""
    burns = setting.burns.get(check.id)
    if check.slo is None or not check.slo.alert:
        return Ended(now)
    if burns is None or burns.slo != check.slo:
        return None
    pair = burns.pair(condition)
    if pair is not None:
        return _signal(check, burns, pair, setting)
    return Ended(burns.at) if not told or burns.lasts(condition) is False else None


def waits_for_outage(check: Check, incident: Incident, docket: Docket) -> str:
    """What says already that the budget of ``check`` is being used up, or may be about to."""
    if incident.condition not in BURNS:
        return ""
    for name in (check.id, *check.depends_on):
        seen = docket.opinions.get(name)
        if seen is not None and seen.view.outlook is Outlook.DOWN:
            return "it is down" if name == check.id else f"depends on {name}"
    if docket.now < float(docket.stands(check.id).get("recovered_at", 0.0)) + AFTERMATH_S:
        return "it was down until lately"
    own = docket.opinions.get(check.id)
    if own is not None and own.worsening and docket.now < incident.decided_at + UNSETTLED_S:
        return "it may be going down"
    fast = docket.cases.get((check.id, incident.region, Condition.BURNS_FAST))
    if incident.condition is Condition.BURNS_SLOWLY and fast is not None and fast.incident.closed_at is None:
        return "it burns fast"
    return ""


def said(burns: Burns, pair: Pair) -> str:
    """How fast it is used up, in one line."""
    long, left, whole = burns.widened(pair.long), burns.left, format_duration(burns.slo.window)
    count, rate = burns.counts[long], burns.rate(long) or 0.0
    rest = "" if left is None else f"; {max(left, 0.0):.0%} of the budget of {whole} is left"
    seen = f"; last: {burns.failing.message}" if burns.failing and burns.failing.message else ""
    return f"{rate:.3g} times as fast as allowed: {count.bad} of {count.runs} runs failed in {long}{rest}{seen}"


def _signal(check: Check, burns: Burns, pair: Pair, setting: Setting) -> Signal:
    failing = burns.failing or Failing((), Reason.INTERNAL, "")
    expected = setting.expected(check) if setting.regions else ()
    return Signal(
        since=burns.at,
        reason=failing.reason,
        message=said(burns, pair),
        regions_down=tuple(region for region in expected if region in failing.regions),
        regions_up=tuple(region for region in expected if region not in failing.regions),
    )
