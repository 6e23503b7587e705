"""The sink: every interval all samples, as a scrape would take them, and an end for series that are gone."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cramjam

from prober.clock import Clock
from prober.faults import DeliveryFault, Permanent
from prober.log import Log
from prober.model import Result
from prober.sinks._post import Post
from prober.sinks._pump import Backoff, Parcel, Pump
from prober.sinks.prometheus import Exposition
from prober.sinks.prometheus.remote import Spec, wire, wire2

MOST_SERIES = 2_000  # in one request, as Prometheus itself sends them
UNSUPPORTED = 415

_log = Log(__name__)


@dataclass(frozen=True, slots=True)
class Form:
    """How a version of the protocol writes series and requests."""

    version: str
    headers: Mapping[str, str]
    head: Callable[[bytes, Mapping[str, str]], Any]
    body: Callable[[Sequence[tuple[Any, bytes]], int], bytes]


FORMS = {
    "1": Form("1.0", wire.HEADERS, wire.head, wire.body),
    "2": Form("2.0", wire2.HEADERS, wire2.head, wire2.body),
}


class Writer:
    """A Sink; ``queued`` and ``dropped`` count samples.

    Results are not taken one by one: what is pushed is what the exposition says when it is asked.
    """

    def __init__(self, spec: Spec, exposition: Exposition, clock: Clock, backoff: Backoff | None = None) -> None:
        self._spec = spec
        self._exposition = exposition
        self._clock = clock
        self._form = FORMS["1" if spec.version == "auto" else spec.version]
        self._agreed = spec.version != "auto"
        self._sent: Mapping[bytes, Any] = {}
        """The heads of the series that were sent last, by their text."""
        self._sent_at_ms = 0
        self._post = Post(spec.url, spec.headers, lambda status: status == 429 or status >= 500, self._hear)
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
        if not self._agreed and not ending:
            self._agree()
        if ending and self._sent:
            return self._parcels(dict.fromkeys(self._sent.values(), wire.STALE).items())
        if self._pump.crowded and not ending:
            self._skipped = not self._skipped  # half as often, so that the queue lasts twice as long
            if self._skipped:
                return []
        seen: dict[bytes, Any] = {}
        parcels = self._parcels(self._now(seen))
        self._sent = seen
        return parcels

    def _agree(self) -> None:
        """Ask what is spoken there. While it does not answer 1.0 is, which those of 2.0 take too."""
        self._speak(FORMS["2"])
        self._agreed = True  # unless the answer says otherwise
        try:
            self._post(bytes(cramjam.snappy.compress_raw(wire2.HELLO)), self._form.headers)
        except DeliveryFault as fault:
            self._agreed = isinstance(fault, Permanent)
            self._speak(FORMS["1"])
        if self._agreed:
            _log.info("remote write agreed on a version", version=self._form.version)

    def _hear(self, status: int, headers: Mapping[str, str]) -> None:
        """Go back to 1.0 where 2.0 turns out not to be understood."""
        taken_for_one = status < 300 and wire2.WRITTEN not in headers
        if self._form is FORMS["2"] and self._spec.version == "auto" and (status == UNSUPPORTED or taken_for_one):
            self._speak(FORMS["1"])

    def _speak(self, form: Form) -> None:
        if form is not self._form:
            self._form = form
            self._sent = {series: form.head(series, self._spec.labels) for series in self._sent}

    def _now(self, seen: dict[bytes, Any]) -> Iterator[tuple[Any, bytes]]:
        """Head and value of every series there is, kept in ``seen``, and of those that are gone."""
        before, more = self._sent, self._spec.labels
        for series, text in wire.lines_of(self._exposition.lines()):
            head = seen[series] = before.get(series) or self._form.head(series, more)
            yield head, wire.value(text)
        for series in before.keys() - seen.keys():
            yield before[series], wire.STALE

    def _parcels(self, samples: Iterable[tuple[Any, bytes]]) -> list[Parcel]:
        # A receiver takes samples in order only, also where the clock was put back.
        self._sent_at_ms = max(int(self._clock.wall() * 1000), self._sent_at_ms + 1)
        parcels, some = [], list[tuple[Any, bytes]]()
        for sample in samples:
            some.append(sample)
            if len(some) == MOST_SERIES:
                parcels.append(self._parcel(some))
                some = []
                time.sleep(0)  # the probing threads come first
        return [*parcels, self._parcel(some)] if some else parcels

    def _parcel(self, some: list[tuple[Any, bytes]]) -> Parcel:
        body = bytes(cramjam.snappy.compress_raw(self._form.body(some, self._sent_at_ms)))
        return Parcel(body, len(some), headers=self._form.headers)

    def _deliver(self, parcel: Parcel) -> int:
        self._post(parcel.body, parcel.headers)
        return 0
