"""The words of the domain as values: Check, Observation, Result, Transition, Incident, Notice, and their enums.

Everything here is data. Times are seconds as floats (``_s``), sizes are bytes, wall times are seconds since
1970 UTC. ``None`` means "not measured" and is never written as 0.
"""

from prober.model.alerts import Condition, Hush, HushKind, Incident, Notice, NoticeKind, Transition
from prober.model.checks import AlertPolicy, Check, Flapping, Quorum, Severity
from prober.model.results import (
    Artifact,
    Certificate,
    Failure,
    Judgement,
    Measure,
    Navigation,
    Observation,
    Outcome,
    Result,
    Step,
)
from prober.model.words import (
    Duration,
    Identifier,
    Reason,
    Strict,
    Verdict,
    format_duration,
    format_lasting,
    parse_duration,
)

__all__ = [
    "AlertPolicy",
    "Artifact",
    "Certificate",
    "Check",
    "Condition",
    "Duration",
    "Failure",
    "Flapping",
    "Hush",
    "HushKind",
    "Identifier",
    "Incident",
    "Judgement",
    "Measure",
    "Navigation",
    "Notice",
    "NoticeKind",
    "Observation",
    "Outcome",
    "Quorum",
    "Reason",
    "Result",
    "Severity",
    "Step",
    "Strict",
    "Transition",
    "Verdict",
    "format_duration",
    "format_lasting",
    "parse_duration",
]
