"""The embedded metric format: a line of JSON on stdout, of which CloudWatch makes metrics once it is in a log group.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Annotated, Any, Literal

from pydantic import Field

from prober.clock import Clock, SystemClock, iso
from prober.faults import Retryable, describe
from prober.model import Result
from prober.sinks import Sink
from prober.sinks.cloudwatch.backlog import Backlog
from prober.sinks.cloudwatch.data import Datum, data_of, flaw
from prober.sinks.cloudwatch.feed import Backoff, Feed
from prober.sinks.cloudwatch.spec import Metrics

STDOUT = 1
FLUSH_INTERVAL_S = 1.0
BATCH_LINES = 1_000
BATCH_BYTES = 1_000_000
MOST_METRICS = 100
MOST_VALUES = 100
LONGEST_TEXT = 1_000


class Spec(Metrics):
    """Results as CloudWatch metrics in the embedded format, one line each on stdout: no API calls and no credentials
    where ECS, EKS or the CloudWatch agent take stdout to a log group; metrics and ingested logs are paid for."""

    kind: Literal["emf"]
    """emf."""
    queue_limit: Annotated[int, Field(ge=1, le=1_000_000)] = 20_000
    """Lines kept while nobody reads stdout; from half of it on good results are thinned to a tenth."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line to be written."""

    data: bytes
    weight: int
    since: float
    due: float = 0.0

    @property
    def size(self) -> int:
        return len(self.data)


class Lines(Backlog[Line]):
    """A backlog of lines."""

    def __init__(self, spec: Spec, clock: Clock) -> None:
        super().__init__("emf", spec.queue_limit, BATCH_LINES, BATCH_BYTES)
        self._spec = spec
        self._clock = clock

    def add(self, result: Result) -> None:
        now = self._clock.wall()
        every = list(data_of(result, self._spec))
        if self._spares(result):
            self.dropped["thinned"] += len(every)
            return
        good = [datum for datum in every if not flaw(datum, now) and _unmistaken(datum)]
        self.dropped["rejected"] += len(every)
        for document, count in documents(result, good, self._spec):
            self._push(Line(json.dumps(document, separators=(",", ":")).encode() + b"\n", count, monotonic()))
            self.dropped["rejected"] -= count
        self._make_room()


class Pipe:
    """An open file that takes lines."""

    def __init__(self, descriptor: int = STDOUT) -> None:
        self._descriptor = descriptor
        self._torn = False

    def put(self, items: Sequence[Line]) -> int:
        """Write ``items``; after a fault all of them again, on a line of their own."""
        data = b"\n" * self._torn + b"".join(line.data for line in items)
        self._torn = True
        try:
            while data:
                data = data[os.write(self._descriptor, data) :]
        except OSError as error:
            raise Retryable(f"stdout: {describe(error)}") from error
        self._torn = False
        return 0

    def close(self) -> None:
        """Leave it to the process."""


def open_sink(spec: Spec) -> Sink:
    """A running feed of stdout."""
    feed = feed_of(spec, SystemClock(), Pipe())
    feed.start()
    return feed


def feed_of(spec: Spec, clock: Clock, pipe: Pipe, backoff: Backoff | None = None) -> Feed[Line]:
    """A feed of ``pipe`` that was not started yet."""
    return Feed("emf", Lines(spec, clock), lambda: pipe, FLUSH_INTERVAL_S, backoff or Backoff())


def documents(result: Result, data: Sequence[Datum], spec: Spec) -> Iterator[tuple[dict[str, Any], int]]:
    """One document for every set of dimensions in ``data``, which ``result`` made, and how many data it holds."""
    context = {
        "run_id": result.run_id,
        "target": result.check.target[:LONGEST_TEXT],
        "verdict": result.verdict.value,
        "reason": result.reason.value,
        "message": result.message[:LONGEST_TEXT],
        "started_at": iso(result.started_at),
    }
    by_dimensions: dict[tuple[tuple[str, str], ...], dict[str, list[Datum]]] = {}
    for datum in data:
        by_dimensions.setdefault(datum.dimensions, {}).setdefault(datum.name, []).append(datum)
    for dimensions, by_name in by_dimensions.items():
        names = list(by_name)
        for start in range(0, len(names), MOST_METRICS):
            part = {name: by_name[name][:MOST_VALUES] for name in names[start : start + MOST_METRICS]}
            yield context | _document(dimensions, part, spec), sum(map(len, part.values()))


def _unmistaken(datum: Datum) -> bool:
    """Whether no label has the name of something else in the document, where all stand side by side."""
    return not {"_aws", "Success", "Duration", datum.name} & {name for name, _ in datum.dimensions}


def _document(dimensions: tuple[tuple[str, str], ...], metrics: dict[str, list[Datum]], spec: Spec) -> dict[str, Any]:
    resolution = {"StorageResolution": 1} if spec.high_resolution else {}
    told = [{"Name": name, "Unit": data[0].unit, **resolution} for name, data in metrics.items()]
    directive = {"Namespace": spec.namespace, "Dimensions": [[key for key, _ in dimensions]], "Metrics": told}
    at_ms = round(next(iter(metrics.values()))[0].at * 1000)
    return {
        **dict(dimensions),
        **{name: data[0].value if len(data) == 1 else [one.value for one in data] for name, data in metrics.items()},
        "_aws": {"Timestamp": at_ms, "CloudWatchMetrics": [directive]},
    }
