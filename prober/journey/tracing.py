"""The W3C trace context of a run (https://www.w3.org/TR/trace-context/): one trace, a span for each step."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from prober.journey.wire import Job

_TRACE_ID = re.compile(r"[0-9a-f]{32}")
_PORTS = {"http": 80, "https": 443}


def origin(url: str) -> str:
    """``https://shop.example:8443/a?b`` as ``https://shop.example:8443``; default ports are left out.

    Raises ValueError for what has no scheme and host.
    """
    parts = urlsplit(url)
    if parts.scheme not in _PORTS or not parts.hostname:
        raise ValueError(f"expected an origin such as https://shop.example, not {url!r}")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    port = "" if parts.port in (None, _PORTS[parts.scheme]) else f":{parts.port}"
    return f"{parts.scheme}://{host}{port}"


def is_first_party(url: str, origins: Iterable[str]) -> bool:
    """Whether ``url`` is of one of ``origins``."""
    try:
        return origin(url) in origins
    except ValueError:
        return False


def recorded_trace(facts: Mapping[str, Any]) -> str:
    """The trace id among the facts of a run; empty where there is none, or what is no such id."""
    told = facts.get("trace_id")
    return str(told) if told and _TRACE_ID.fullmatch(str(told)) else ""


def trace_id_of(run_id: str) -> str:
    """The trace of a run that was given none; 32 hex digits."""
    return hashlib.sha256(run_id.encode()).hexdigest()[:32]


def span_id(trace_id: str, *part: object) -> str:
    """The span of a part of a trace, always the same; 16 hex digits. None is the run outside its steps."""
    return hashlib.sha256(" ".join((trace_id, *map(str, part))).encode()).hexdigest()[:16]


def traceparent(trace_id: str, step: int | None) -> str:
    """The header's value for requests of the step with that index; the same step always has the same span."""
    return f"00-{trace_id}-{span_id(trace_id, step)}-01"


def headers_for(url: str, job: Job, step: int | None) -> dict[str, str]:
    """What a request to ``url`` carries of its run: the trace, where the origin is one of the user's own."""
    if not is_first_party(url, job.network.get("first_party", ())):
        return {}
    return {"traceparent": traceparent(job.trace_id, step), "X-Synthetic-Check": job.check_id}
