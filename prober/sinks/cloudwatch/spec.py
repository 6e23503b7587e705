"""What a user configures of the CloudWatch sink."""

from __future__ import annotations

import re
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from prober.model import Duration
from prober.sinks import SinkSpec

Dimension = Literal["Check", "Region", "Kind", "Severity"]
Group = Literal["success", "duration", "phases", "vitals", "steps", "measures"]

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


class Spec(SinkSpec):
    """Results as CloudWatch metrics; every metric name with every combination of dimensions is paid for."""

    kind: Literal["cloudwatch"]
    """cloudwatch."""
    aws_region: Annotated[str, Field(pattern=r"^[a-z]{2}(-[a-z]+)+-\d$")]
    """The AWS region the metrics are kept in, such as eu-west-1."""
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
    endpoint_url: Annotated[str, AfterValidator(_check_endpoint)] | None = None
    """Another address than AWS's own, such as a VPC endpoint or a local server."""
    profile: Annotated[str, Field(min_length=1)] | None = None
    """A profile of the AWS credentials file; AWS's usual order of places when missing."""
    flush_interval: Annotated[Duration, Field(ge=0.05, le=300)] = 10.0
    """The longest time data wait for a fuller batch."""
    queue_limit: Annotated[int, Field(ge=1, le=1_000_000)] = 20_000
    """Data kept while CloudWatch cannot be reached; the oldest are dropped and counted."""
