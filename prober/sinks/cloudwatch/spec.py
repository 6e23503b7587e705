"""What a user configures of the ways into CloudWatch: what is sent, whose account takes it, how it is sent."""

from __future__ import annotations

import re
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from prober.model import Duration
from prober.sinks import SinkSpec

Dimension = Literal["Check", "Region", "Kind", "Severity"]
Group = Literal["success", "duration", "phases", "vitals", "steps", "measures"]
Statistics = Literal["each", "values", "sets"]

_NAMESPACE = re.compile(r"[A-Za-z0-9._/#-][A-Za-z0-9._/#:-]{0,254}")


def _check_namespace(text: str) -> str:
    if not _NAMESPACE.fullmatch(text):
        raise ValueError("expected 1 to 255 letters, digits or . - _ / # : (no colon first)")
    if text.startswith("AWS/"):
        raise ValueError("namespaces under AWS/ are Amazon's own; choose another such as EventChain/Synthetics")
    return text


def _check_endpoint(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("expected a URL such as http://127.0.0.1:5000")
    if "@" in parts.netloc:
        raise ValueError("credentials belong into AWS's own places, not into the URL")
    return text


def _once_each(names: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(names)) != len(names):
        raise ValueError("expected each name once")
    return names


class Metrics(SinkSpec):
    """What is made of a result; the same by every way."""

    namespace: Annotated[str, AfterValidator(_check_namespace)] = "EventChain/Synthetics"
    """The namespace of the metrics."""
    dimensions: Annotated[tuple[Dimension, ...], Field(strict=False, min_length=1), AfterValidator(_once_each)] = (
        "Check",
        "Region",
    )
    """What tells one check's metrics from another's: Check, Region, Kind, Severity."""
    metrics: Annotated[tuple[Group, ...], Field(strict=False, min_length=1), AfterValidator(_once_each)] = (
        "success",
        "duration",
    )
    """What is sent: success and duration; phases, vitals, steps and measures cost more metrics for each check."""
    high_resolution: bool = False
    """true: kept by the second for three hours instead of by the minute; alarms on less than a minute cost more."""


class Account(SinkSpec):
    """Whose API is spoken to and as whom; what is not said is looked up in AWS's usual order of places."""

    aws_region: Annotated[str, Field(pattern=r"^[a-z]{2}(-[a-z]+)+-\d$")]
    """The AWS region that takes it, such as eu-west-1; alarms see what one region holds."""
    endpoint_url: Annotated[str, AfterValidator(_check_endpoint)] | None = None
    """Another address than AWS's own, such as a VPC endpoint or a local server."""
    profile: Annotated[str, Field(min_length=1)] | None = None
    """A profile of the AWS credentials file; AWS's usual order of places when missing."""
    role_arn: Annotated[str, Field(pattern=r"^arn:aws[a-z-]*:iam::\d{12}:role/.+$")] | None = None
    """A role to assume, as of another account: arn:aws:iam::123456789012:role/prober."""
    external_id: Annotated[str, Field(min_length=2, max_length=1224)] | None = None
    """What the role's trust policy asks for besides."""
    flush_interval: Annotated[Duration, Field(ge=0.05, le=300)] = 10.0
    """The longest time data wait for a fuller batch."""
    queue_limit: Annotated[int, Field(ge=1, le=1_000_000)] = 20_000
    """Data kept while AWS cannot be reached, 32 MiB at most; from half of it on they are thinned, and in the end the
    oldest are dropped and counted."""
    max_age: Annotated[Duration, Field(ge=1, le=86_400)] = 7_200.0
    """How long data that AWS does not take are tried again; older ones raise no alarm any more."""

    @model_validator(mode="after")
    def _external_id_needs_role(self) -> Account:
        if self.external_id and not self.role_arn:
            raise ValueError("external_id is for assuming a role; add role_arn")
        return self


class Spec(Account, Metrics):
    """Results as CloudWatch metrics; every metric name with every combination of dimensions is paid for
    (``prober validate --cost``)."""

    kind: Literal["cloudwatch"]
    """cloudwatch."""
    statistics: Statistics = "each"
    """How the runs of a period (a minute; a second in high resolution) are sent. each: every run at once. values: once
    the period is over, every value with its count in one datum, so that a repeated request changes neither minimum,
    maximum, average nor percentiles. sets: the same as count, sum, minimum and maximum, without percentiles."""
