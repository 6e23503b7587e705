"""The exposition: every check's sample lines, formatted when its result arrives and only joined when scraped."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator, Mapping

from prober.model import Check, Result, Verdict
from prober.pace import paced
from prober.sinks.prometheus.families import FAMILIES, LAG, LAG_BUCKETS_S, Family
from prober.sinks.prometheus.ledger import Histogram, Ledger
from prober.sinks.prometheus.text import join_labels

__all__ = ["FAMILIES", "Exposition", "Family"]

_CHUNK = 2_000  # mappings looked through before the probing loop gets its turn
_PAUSE_S = 0.0002


class Exposition:
    """What ``/metrics`` says of the checks. Every method may be called from any thread.

    ``render`` takes no lock over checks that ran: each check's lines are one immutable value that writers replace as a
    whole, so a scrape sees each check as it was after one of its results, never half of it.
    """

    def __init__(self, job: str, region: str) -> None:
        self._job = job
        self._region = region
        self._writing = threading.Lock()
        self._ledgers: dict[str, Ledger] = {}
        self._lag = Histogram(LAG_BUCKETS_S)

    def add(self, check: Check) -> None:
        """Show ``check``; again after a change, which keeps its counters and forgets what was measured."""
        with self._writing:
            known = self._ledgers.get(check.id)
            if known is None:
                self._ledgers[check.id] = Ledger(check, self._job, self._region)
            elif known.check != check:
                known.change(check)

    def remove(self, check_id: str) -> None:
        """Take every series of the check away at once; results that still come are ignored."""
        with self._writing:
            self._ledgers.pop(check_id, None)

    def offer(self, result: Result) -> None:
        """Replace what is shown of the result's check, and count it."""
        with self._writing:
            if ledger := self._ledgers.get(result.check.id):
                ledger.take(result)

    def set_state(self, check_id: str, verdict: Verdict, consecutive_failures: int) -> None:
        """Show the state that alerting has decided on."""
        with self._writing:
            if ledger := self._ledgers.get(check_id):
                ledger.set_state(verdict, consecutive_failures)

    def count_missed(self, check_id: str, n: int) -> None:
        """Count ``n`` slots that passed without a run."""
        with self._writing:
            if ledger := self._ledgers.get(check_id):
                ledger.count_missed(n)

    def count_cancelled(self, check_id: str) -> None:
        """Count a run that was cancelled and has no result."""
        with self._writing:
            if ledger := self._ledgers.get(check_id):
                ledger.count_cancelled()

    def observe_lag(self, seconds: float) -> None:
        """Note how late a run started after its slot."""
        with self._writing:
            self._lag.observe(seconds)

    def missed(self) -> Mapping[str, int]:
        """Slots that passed without a run since the start, of the checks that have such."""
        return {ledger.check.id: ledger.missed for ledger in list(self._ledgers.values()) if ledger.missed}

    def lag_within(self, share: float) -> float | None:
        """How late ``share`` of the runs started after their slot at most; None before there were any."""
        with self._writing:
            return self._lag.within(share)

    def render(self, *, openmetrics: bool = False) -> Iterator[bytes]:
        """The text format 0.0.4 in pieces: families grouped, HELP and TYPE once, those without samples left out.

        Or OpenMetrics 1.0.0 without its end, with traces as exemplars.
        """
        ledgers = list(self._ledgers.values())
        self._show(ledgers)
        seen = [self._lag_lines()]
        for ledger in ledgers:
            seen += ledger.parts_with_traces if openmetrics else ledger.parts
        for family in FAMILIES:
            head = family.openmetrics_head if openmetrics else family.head
            for start in range(0, len(seen), _CHUNK):
                name = family.name
                piece = b"".join([lines[name] for lines in seen[start : start + _CHUNK] if name in lines])
                time.sleep(_PAUSE_S)
                if piece:
                    yield head + piece
                    head = b""

    def lines(self) -> Iterator[bytes]:
        """The sample lines of one check after another, without HELP and TYPE; not in the order of the text format."""
        ledgers = list(self._ledgers.values())
        self._show(ledgers)
        for ledger in ledgers:
            yield b"".join([lines for part in ledger.parts for lines in part.values()])

    def _show(self, ledgers: Iterable[Ledger]) -> None:
        """Make the lines of checks that never ran."""
        for ledger in paced([ledger for ledger in ledgers if not ledger.parts]):
            with self._writing:
                ledger.show()

    def _lag_lines(self) -> Mapping[str, bytes]:
        # Ten lines of one series: not worth formatting for every run, as those of the checks are.
        with self._writing:
            return {LAG.name: self._lag.lines(LAG.name, join_labels((("region", self._region),)))}
