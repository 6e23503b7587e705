"""CloudWatch Logs: every result as one JSON event, in batches as PutLogEvents wants them.

https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html
"""

from __future__ import annotations

import re
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator

from prober.clock import Clock, SystemClock
from prober.log import Log
from prober.model import Result
from prober.sinks import Sink
from prober.sinks._results import encoded
from prober.sinks.cloudwatch.backlog import Backlog
from prober.sinks.cloudwatch.feed import Backoff, Feed, Puts
from prober.sinks.cloudwatch.spec import Account

if TYPE_CHECKING:
    from prober.sinks.cloudwatch.service import Api

BATCH_EVENTS = 10_000
BATCH_BYTES = 1_048_576
EVENT_BYTES = 26  # counted for each event besides its message
LONGEST_MESSAGE_BYTES = 1_000_000
LONGEST_SPAN_MS = 24 * 3_600_000 - 1

_log = Log(__name__)
_GROUP = re.compile(r"(?!aws/)[A-Za-z0-9._/#-]{1,512}")
_STREAM = re.compile(r"[^:*]{1,480}")

Days = Literal[
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653
]  # fmt: skip


def _check_group(text: str) -> str:
    if not _GROUP.fullmatch(text):
        raise ValueError("expected up to 512 letters, digits or . - _ / #, not beginning with aws/")
    return text


def _check_stream(text: str) -> str:
    if not _STREAM.fullmatch(text):
        raise ValueError("expected up to 480 characters without : and *")
    return text


class Spec(Account):
    """Results as JSON events in CloudWatch Logs, for Logs Insights; the fields are those of ``prober run --json``."""

    kind: Literal["cloudwatch_logs"]
    """cloudwatch_logs."""
    log_group: Annotated[str, AfterValidator(_check_group)] = "/eventchain/synthetics"
    """The log group; created when it is missing."""
    log_stream: Annotated[str, AfterValidator(_check_stream)] | None = None
    """The beginning of the stream's name, which ends in the day; the machine's name when missing."""
    retention_days: Days | None = 30
    """How long the group keeps events, of the days AWS offers; null leaves the group's own setting alone."""


@dataclass(frozen=True, slots=True)
class Event:
    """One result as it will stand in the log."""

    at_ms: int
    message: str
    size: int
    since: float
    weight: int = 1
    due: float = 0.0


class Events(Backlog[Event]):
    """A backlog of results as events."""

    def __init__(self, spec: Spec) -> None:
        super().__init__("cloudwatch_logs", spec.queue_limit, BATCH_EVENTS, BATCH_BYTES)

    def add(self, result: Result) -> None:
        if self._spares(result):
            self.dropped["thinned"] += 1
            return
        message = encoded(result, LONGEST_MESSAGE_BYTES)
        size = len(message) + EVENT_BYTES
        self._push(Event(round(result.started_at * 1000), message.decode(), size, monotonic()))
        self._make_room()

    def joins(self, batch: list[Event], item: Event) -> bool:
        """Whether ``batch`` would still span less than a day."""
        # Runs end in nearly the order they began in, so that its first event is as good as its oldest.
        return abs(item.at_ms - batch[0].at_ms) <= LONGEST_SPAN_MS // 2

    def take(self, everything: bool) -> list[Event]:
        return sorted(super().take(everything), key=lambda event: event.at_ms)


class Stream:
    """The stream of this machine and day."""

    def __init__(self, api: Api, spec: Spec, clock: Clock) -> None:
        self._api = api
        self._spec = spec
        self._clock = clock
        self._prefix = spec.log_stream or re.sub(r"[:*]", "_", socket.gethostname())[:480] or "prober"
        self._made = ""
        self._kept = False

    def put(self, items: Sequence[Event]) -> int:
        """Send ``items``, which are in order; how many were refused as too old, too new or expired."""
        from prober.sinks.cloudwatch.service import Unready

        stream = f"{self._prefix}/{datetime.fromtimestamp(self._clock.wall(), UTC):%Y-%m-%d}"
        if stream != self._made:
            self._make(stream)
        events = [{"timestamp": event.at_ms, "message": event.message} for event in items]
        names = {"logGroupName": self._spec.log_group, "logStreamName": stream}
        try:
            answer = self._api.call("put_log_events", **names, logEvents=events)
        except Unready as fault:
            if fault.code == "ResourceNotFoundException":  # somebody has removed it
                self._made = ""
            raise
        return _refused(answer.get("rejectedLogEventsInfo") or {}, len(items))

    def close(self) -> None:
        """Give up connections."""
        self._api.close()

    def _make(self, stream: str) -> None:
        group = {"logGroupName": self._spec.log_group}
        self._ask("create_log_group", **group)
        if self._spec.retention_days and not self._kept:
            self._ask("put_retention_policy", **group, retentionInDays=self._spec.retention_days)
            self._kept = True
        self._ask("create_log_stream", **group, logStreamName=stream)
        self._made = stream

    def _ask(self, operation: str, **arguments: Any) -> None:
        """Have it so; that it is so already is well, and who may not say so may find that others did."""
        from prober.sinks.cloudwatch.service import Refused, Unready

        try:
            self._api.call(operation, **arguments)
        except Refused as fault:
            if fault.code != "ResourceAlreadyExistsException":
                raise
        except Unready as fault:
            if not fault.code.startswith("AccessDenied"):
                raise
            _log.warning("a sink may not prepare its log", operation=operation, problem=str(fault))


def open_sink(spec: Spec) -> Sink:
    """A running feed; it connects when there is something to send."""
    feed = feed_of(spec, SystemClock(), Backoff(give_up_s=spec.max_age))
    feed.start()
    return feed


def feed_of(spec: Spec, clock: Clock, backoff: Backoff) -> Feed[Event]:
    """A feed of events that was not started yet."""

    def connect() -> Puts[Event]:
        from prober.sinks.cloudwatch.service import Api  # boto3 is slow to import

        return Stream(Api(spec, "logs"), spec, clock)

    return Feed("cloudwatch_logs", Events(spec), connect, spec.flush_interval, backoff)


def _refused(info: dict[str, Any], count: int) -> int:
    """How many of ``count`` events in order were not kept, though the request was taken."""
    old = max(info.get("tooOldLogEventEndIndex", 0), info.get("expiredLogEventEndIndex", 0))
    new = min(info.get("tooNewLogEventStartIndex", count), count)
    if not (refused := count - len(range(old, new))):
        return 0
    _log.warning("CloudWatch Logs refused events for their time", refused=refused, **info)
    return refused
