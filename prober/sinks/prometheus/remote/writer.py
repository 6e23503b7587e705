"""The sink: every interval all samples, as a scrape would take them, and an end for series that are gone."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping

import cramjam

from prober.clock import Clock
from prober.model import Result
from prober.sinks._post import Post
from prober.sinks._pump import Backoff, Parcel, Pump
from prober.sinks.prometheus import Exposition
from prober.sinks.prometheus.remote import Spec, wire

MOST_SERIES = 2_000  # in one request, as Prometheus itself sends them
HEADERS = {
    "Content-Type": "application/x-protobuf",
    "Content-Encoding": "snappy",
    "X-Prometheus-Remote-Write-Version": "0.1.0",
}


class Writer:
    """A Sink; ``queued`` and ``dropped`` count samples.

    Results are not taken one by one: what is pushed is what the exposition says when it is asked.
    """

    def __init__(self, spec: Spec, exposition: Exposition, clock: Clock, backoff: Backoff | None = None) -> None:
        self._spec = spec
        self._exposition = exposition
        self._clock = clock
        self._sent: Mapping[bytes, bytes] = {}
        """The heads of the series that were sent last, by their text."""
        self._sent_at_ms = 0
        self._post = Post(spec.url, {**HEADERS, **spec.headers}, lambda status: status == 429 or status >= 500)
        self._pump = Pump("remote write", spec.interval, self._pack, self._deliver, self._post.close, backoff)
        self._skipped = False

    def start(self) -> None:
        """Begin to send."""
        self._pump.start()

    def offer(self, result: Result) -> None:
        """Nothing: the exposition has it."""

    def close(self, grace_s: float) -> None:
        """Send what is queued and end every series, for at most ``grace_s`` seconds."""
        self._pump.close(grace_s)

    @property
    def queued(self) -> int:
        """Samples waiting to be sent."""
        return self._pump.queued

    @property
    def dropped(self) -> Mapping[str, int]:
        """Samples given up since the start, by reason."""
        return self._pump.dropped

    def _pack(self, ending: bool) -> list[Parcel]:
        if ending and self._sent:
            return self._parcels(dict.fromkeys(self._sent.values(), wire.STALE).items())
        if self._pump.crowded and not ending:
            self._skipped = not self._skipped  # half as often, so that the queue lasts twice as long
            if self._skipped:
                return []
        seen: dict[bytes, bytes] = {}
        parcels = self._parcels(self._now(seen))
        self._sent = seen
        return parcels

    def _now(self, seen: dict[bytes, bytes]) -> Iterator[tuple[bytes, bytes]]:
        """Head and value of every series there is, kept in ``seen``, and of those that are gone."""
        before, more = self._sent, self._spec.labels
        for series, text in wire.lines_of(self._exposition.lines()):
            head = seen[series] = before.get(series) or wire.head(series, more)
            yield head, wire.value(text)
        for series in before.keys() - seen.keys():
            yield before[series], wire.STALE

    def _parcels(self, samples: Iterable[tuple[bytes, bytes]]) -> list[Parcel]:
        # A receiver takes samples in order only, also where the clock was put back.
        self._sent_at_ms = max(int(self._clock.wall() * 1000), self._sent_at_ms + 1)
        at = wire.moment(self._sent_at_ms)
        parcels, some = [], list[bytes]()
        for head, value in samples:
            some.append(head + value + at)
            if len(some) == MOST_SERIES:
                parcels.append(_parcel(some))
                some = []
                time.sleep(0)  # the probing threads come first
        return [*parcels, _parcel(some)] if some else parcels

    def _deliver(self, parcel: Parcel) -> int:
        self._post(parcel.body)
        return 0


def _parcel(series: list[bytes]) -> Parcel:
    return Parcel(bytes(cramjam.snappy.compress_raw(b"".join(series))), len(series))
