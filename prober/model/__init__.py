"""The words of the domain as values: Check, Observation, Result, Transition, Incident, Notice, and their enums.

Everything here is data. Times are seconds as floats (``_s``), sizes are bytes, wall times are seconds since
1970 UTC. ``None`` means "not measured" and is never written as 0.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from prober.model.verdicts import Reason, Verdict

if TYPE_CHECKING:
    from prober.model.alerts import Condition, Hush, HushKind, Incident, Notice, NoticeKind, Transition
    from prober.model.checks import AlertPolicy, Check, Flapping, Quorum, Severity, Slo
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
        Strict,
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
    "Slo",
    "Step",
    "Strict",
    "Transition",
    "Verdict",
    "format_duration",
    "format_lasting",
    "parse_duration",
]

# Whoever only names a reason, such as the faults and with them the command line, need not wait for pydantic.
_FILES = {
    "alerts": ("Condition", "Hush", "HushKind", "Incident", "Notice", "NoticeKind", "Transition"),
    "checks": ("AlertPolicy", "Check", "Flapping", "Quorum", "Severity", "Slo"),
    "results": (
        *("Artifact", "Certificate", "Failure", "Judgement", "Measure"),
        *("Navigation", "Observation", "Outcome", "Result", "Step"),
    ),
    "words": ("Duration", "Identifier", "Strict", "format_duration", "format_lasting", "parse_duration"),
}
_FILE_OF = {name: file for file, names in _FILES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _FILE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"{__name__}.{_FILE_OF[name]}"), name)
    return value
