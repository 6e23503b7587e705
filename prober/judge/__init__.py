"""Expectations as data, and the judgement as a pure function of them and an Observation."""

from __future__ import annotations

from prober.judge.expect import Bound, BrowserExpect, CertificateRule, Expect, HttpExpect, TlsExpect
from prober.judge.records import DnsExpect, RecordRule
from prober.judge.texts import HeaderRule, JsonRule, TextRule
from prober.model import Judgement, Observation, Reason, Verdict

__all__ = [
    "Bound",
    "BrowserExpect",
    "CertificateRule",
    "DnsExpect",
    "Expect",
    "HeaderRule",
    "HttpExpect",
    "JsonRule",
    "RecordRule",
    "TextRule",
    "TlsExpect",
    "judge",
]

_ORDER = {Verdict.UP: 0, Verdict.DEGRADED: 1, Verdict.UNKNOWN: 2, Verdict.DOWN: 3}


def judge(observation: Observation, expectations: Expect, now: float) -> Judgement:
    """What ``expectations`` make of ``observation`` at wall time ``now``. Pure.

    The worst outcome decides, the first of equals; a failure to measure outweighs them all.
    """
    failure = observation.failure
    if failure is not None:
        outcomes = tuple(o for o in expectations.outcomes(observation, now) if o.reason is not Reason.STATUS)
        verdict = Verdict.UNKNOWN if failure.reason.ours else Verdict.DOWN
        return Judgement(verdict, failure.reason, failure.message, outcomes)
    outcomes = tuple(expectations.outcomes(observation, now))
    worst = max(outcomes, key=lambda outcome: _ORDER[outcome.verdict], default=None)
    if worst is None or worst.verdict is Verdict.UP:
        return Judgement(Verdict.UP, Reason.OK, "", outcomes)
    message = f"{worst.expectation}: expected {worst.expected}, saw {worst.seen}"
    return Judgement(worst.verdict, worst.reason, message, outcomes)
