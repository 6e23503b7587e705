"""What a gRPC health check must say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from prober.judge.expect import TlsExpect
from prober.judge.outcome import outcome
from prober.judge.texts import listed
from prober.model import Observation, Outcome, Reason

STATUSES: Mapping[int, str] = {0: "UNKNOWN", 1: "SERVING", 2: "NOT_SERVING", 3: "SERVICE_UNKNOWN"}
"""The values of grpc.health.v1's ServingStatus."""

Status = Literal["UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"]


class HealthExpect(TlsExpect):
    """What is expected of a gRPC health check."""

    status: Annotated[tuple[Status, ...], BeforeValidator(listed), Field(strict=False)] = ("SERVING",)
    """The states of the service that are good: SERVING, NOT_SERVING, UNKNOWN or SERVICE_UNKNOWN."""

    def outcomes(self, seen: Observation, now: float) -> Iterator[Outcome]:
        if seen.facts.get("serving_status"):
            status = seen.facts["serving_status"]
            yield outcome("serving status", status in self.status, Reason.STATUS, " or ".join(self.status), status)
        yield from super().outcomes(seen, now)
