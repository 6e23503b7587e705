"""The boundary around sinks that other packages bring along: their bugs cost their own results and nothing else."""

from __future__ import annotations

from collections.abc import Mapping

from prober.log import Log
from prober.model import Result
from prober.sinks import Sink

_log = Log(__name__)


class Guarded:
    """A Sink around one that may do what no sink may; results it broke on count as ``broken``."""

    def __init__(self, sink: Sink, kind: str) -> None:
        self._sink = sink
        self._kind = kind
        self._broken = 0

    def offer(self, result: Result) -> None:
        """Offer ``result``; the first failure is logged, all are counted."""
        try:
            self._sink.offer(result)
        except Exception as error:  # noqa: BLE001  the boundary
            self._broken += 1
            if self._broken == 1:
                _log.error("a sink failed by itself", sink=self._kind, run=result.run_id, exc_info=error)

    def close(self, grace_s: float) -> None:
        """Close it."""
        try:
            self._sink.close(grace_s)
        except Exception as error:  # noqa: BLE001  the boundary
            _log.error("a sink failed by itself at its end", sink=self._kind, exc_info=error)

    @property
    def queued(self) -> int:
        """What it says."""
        return self._sink.queued

    @property
    def dropped(self) -> Mapping[str, int]:
        """What it says, and what it broke on."""
        return {**self._sink.dropped, "broken": self._broken}
