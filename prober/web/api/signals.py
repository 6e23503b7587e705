"""What passive checks are told, by the jobs that they watch."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field
from starlette.exceptions import HTTPException

from prober.faults import UserFault
from prober.web.api.checks import known_check
from prober.web.api.models import Given, Lines, Shown
from prober.web.api.operation import Answer, Call, Operation
from prober.web.auth import Scope

LONGEST_S = 366 * 86_400


class SignalGiven(Given):
    """What a job says of itself."""

    kind: Literal["start", "success", "fail"]
    message: Annotated[Lines, Field(max_length=2_000)] | None = None
    """A line on how it went."""
    duration_s: Annotated[float, Field(ge=0, le=LONGEST_S, allow_inf_nan=False)] | None = None
    """How long it took."""


class SignalTaken(Shown):
    """What was taken."""

    check_id: str
    kind: str


def take_signal(call: Call, body: SignalGiven) -> Answer:
    """Hand it to the check."""
    check = known_check(call)
    try:
        call.actions.ingest(check.id, body.model_dump(exclude_none=True))
    except UserFault as fault:
        raise HTTPException(409, f"{fault}.") from None
    return Answer(SignalTaken(check_id=check.id, kind=body.kind), 202)


OPERATIONS = (
    Operation(
        "POST",
        "/checks/{check_id}/signals",
        "sendSignal",
        "Tell a passive check that its job has started, succeeded or failed",
        Scope.INGEST,
        take_signal,
        SignalTaken,
        body=SignalGiven,
        status=202,
        problems=(404, 409),
        example={"check_id": "nightly-backup", "kind": "success"},
        sent={"kind": "success", "duration_s": 42.5},
    ),
)
