"""What an exception of a journey means: its reason, and one line for the person who reads the alert."""

from __future__ import annotations

import linecache
import traceback
from pathlib import Path

from prober.faults import ProbeError, classify, describe
from prober.journey.params import BadParams
from prober.journey.run import StepTimeout
from prober.model import Failure, Reason


def explain(fault: BaseException, file: str) -> Failure:
    """The failure behind ``fault``, raised while the journey in ``file`` ran."""
    place = _place(fault, file)
    if isinstance(fault, BadParams):
        return Failure(Reason.SCRIPT_ERROR, str(fault))
    if isinstance(fault, StepTimeout):
        return Failure(Reason.STEP_TIMEOUT, str(fault))
    if isinstance(fault, AssertionError):
        return Failure(Reason.STEP, without_call_log(str(fault)) or _source(fault, file) or f"assertion failed{place}")
    if type(fault).__module__.partition(".")[0] in ("httpx", "httpcore"):
        return _explain_http(fault)
    if isinstance(fault, TimeoutError):
        return Failure(Reason.STEP_TIMEOUT, f"{describe(fault)}{place}")
    if isinstance(fault, SyntaxError):
        return Failure(Reason.SCRIPT_ERROR, f"{fault.msg} ({Path(fault.filename or file).name}:{fault.lineno})")
    return Failure(Reason.SCRIPT_ERROR, f"{type(fault).__name__}: {describe(fault)}{place}")


def without_call_log(text: str) -> str:
    """A message of Playwright's as one line: what it wanted and what it saw, without the log of its attempts."""
    told, _, log = text.partition("Call log:")
    lines = [line.strip() for line in told.splitlines() if line.strip()]
    if len(lines) <= 1:  # a bare timeout; what it waited for stands in the log
        lines += [line.strip(" -") for line in log.splitlines() if "waiting for" in line][:1]
    return "; ".join(lines)[:500]


def _explain_http(fault: BaseException) -> Failure:
    message = f"{type(fault).__name__}: {describe(fault)}"
    if type(fault).__name__ == "HTTPStatusError":
        return Failure(Reason.STATUS, describe(fault).partition(" For more information")[0])
    if isinstance(fault.__cause__, ProbeError):  # our own transport knows best
        return Failure(fault.__cause__.reason, fault.__cause__.message)
    if type(fault).__name__.endswith("Timeout"):
        return Failure(Reason.CONNECT_TIMEOUT if "Connect" in message else Reason.TIMEOUT, message)
    cause: BaseException | None = fault
    while cause is not None:
        if (reason := classify(cause)) is not Reason.INTERNAL:
            return Failure(reason, message)
        cause = cause.__cause__ or cause.__context__
    return Failure(Reason.CONNECT, message)


def _frame(fault: BaseException, file: str) -> traceback.FrameSummary | None:
    frames = [frame for frame in traceback.extract_tb(fault.__traceback__) if frame.filename == file]
    return frames[-1] if frames else None


def _place(fault: BaseException, file: str) -> str:
    frame = _frame(fault, file)
    return f" ({Path(file).name}:{frame.lineno})" if frame else ""


def _source(fault: BaseException, file: str) -> str:
    frame = _frame(fault, file)
    linecache.checkcache(file)
    line = linecache.getline(file, frame.lineno or 0).strip() if frame else ""
    return f"{line} does not hold{_place(fault, file)}" if line else ""
