"""What a user configures of the OTLP sink, and what its presets make of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field, model_validator

from prober.model import Duration
from prober.secret import Secret
from prober.sinks import SinkSpec
from prober.sinks._post import Headers, HeaderValue, Url

Preset = Literal["newrelic", "newrelic-eu", "newrelic-gov", "datadog", "datadog-agent"]
Signal = Literal["traces", "metrics"]
Temporality = Literal["delta", "cumulative"]


@dataclass(frozen=True, slots=True)
class Service:
    """What is particular to a service."""

    endpoint: str
    key_header: str = ""
    temporality: Temporality = "cumulative"
    request_bytes: int = 4_000_000
    """The most a request may be before it is compressed."""


_NEWRELIC = 900_000  # of the million bytes a request may have
_SERVICES: dict[Preset | None, Service] = {
    None: Service("http://localhost:4318"),
    "newrelic": Service("https://otlp.nr-data.net", "api-key", "delta", _NEWRELIC),
    "newrelic-eu": Service("https://otlp.eu01.nr-data.net", "api-key", "delta", _NEWRELIC),
    "newrelic-gov": Service("https://gov-otlp.nr-data.net", "api-key", "delta", _NEWRELIC),
    # 512 KiB is what metrics may have compressed; kept to before that, so that no guess is needed.
    "datadog": Service("https://otlp.{site}", "dd-api-key", "delta", 500_000),
    "datadog-agent": Service("http://localhost:4318", "", "delta"),
}


class Spec(SinkSpec):
    """Runs as traces and metrics over OTLP/HTTP: a collector, New Relic, Datadog. Needs the extra ``otel``."""

    kind: Literal["otlp"]
    """otlp."""
    preset: Preset | None = None
    """newrelic, newrelic-eu, newrelic-gov, datadog (its intake, without an agent) or datadog-agent: their endpoint,
    header, temporality and limits."""
    endpoint: Url | None = None
    """Where OTLP is taken, without ``/v1/...``; http://localhost:4318 without a preset."""
    api_key: HeaderValue | None = None
    """The key that newrelic and datadog want."""
    site: Annotated[str, Field(pattern=r"^[a-z0-9.-]+$")] = "datadoghq.com"
    """Datadog's site, such as datadoghq.eu or us5.datadoghq.com."""
    headers: Headers = {}
    """Headers of every request; their values are held as secrets."""
    signals: Annotated[tuple[Signal, ...], Field(strict=False, min_length=1)] = ("traces", "metrics")
    """What is sent."""
    temporality: Temporality | None = None
    """delta or cumulative: what counters and histograms count from; the preset's, otherwise cumulative."""
    service_name: Annotated[str, Field(min_length=1)] = "prober"
    """``service.name`` of the resource."""
    attributes: dict[str, str] = {}
    """More attributes of the resource, such as ``deployment.environment.name``."""
    flush_interval: Annotated[Duration, Field(ge=0.05, le=300)] = 10.0
    """Time between two requests of a kind."""
    queue_limit: Annotated[int, Field(ge=1, le=1_000_000)] = 5_000
    """Runs kept until they are packed into a request; further ones are dropped and counted."""

    @model_validator(mode="after")
    def _has_its_key(self) -> Spec:
        wanted = self.service.key_header
        if wanted and self.api_key is None:
            raise ValueError(f"preset {self.preset} needs an api_key")
        if self.api_key is not None and not wanted:
            raise ValueError("api_key goes with the presets newrelic and datadog; use headers")
        return self

    @property
    def service(self) -> Service:
        """What the preset says."""
        return _SERVICES[self.preset]

    @property
    def counts(self) -> Temporality:
        """What counters and histograms count from."""
        return self.temporality or self.service.temporality

    def url(self, signal: Signal) -> str:
        """Where ``signal`` is posted."""
        base = self.endpoint or self.service.endpoint.format(site=self.site)
        return f"{base.rstrip('/')}/v1/{signal}"

    def all_headers(self) -> dict[str, str | Secret]:
        """The headers of every request."""
        key: dict[str, str | Secret] = {self.service.key_header: self.api_key} if self.api_key else {}
        return {"Content-Type": "application/x-protobuf", "Content-Encoding": "gzip", **key, **self.headers}
