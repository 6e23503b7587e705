"""What people and machines may do over the web, carried to the store and to the loop that measures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from fnmatch import fnmatchcase

from prober.app.alarm import Alarm
from prober.app.asked import AskedRuns
from prober.app.beside import nearest
from prober.app.replies import acknowledge
from prober.config import Config
from prober.faults import Retryable, UserFault
from prober.log import Log
from prober.model import Hush, Incident
from prober.store import Store
from prober.web import Asked, Marker

_log = Log(__name__)


def no_passive_checks(check_id: str, signal: Mapping[str, object]) -> None:
    """What takes signals where nothing does. Raises UserFault."""
    raise UserFault(f"{check_id} is no passive check: it takes no signals")


@dataclass(frozen=True, slots=True)
class StoreActions:
    """The ``Actions`` of a running prober. Called in the web's threads; the recorder is told to look at once."""

    alarm: Alarm
    runs: AskedRuns
    config: Callable[[], Config]
    take_signal: Callable[[str, Mapping[str, object]], None] = no_passive_checks

    def run_now(self, check_id: str, run_id: str = "") -> Future[str]:
        return self.runs.ask(check_id, run_id)

    def asked(self, run_id: str) -> Asked | None:
        return self.runs.find(run_id)

    def ack(self, incident_id: str, by: str) -> Incident | None:
        return acknowledge(self.alarm, incident_id, by)

    def note(self, incident_id: str, text: str, by: str) -> bool:
        store = self._store("notes")
        return store.add_note(incident_id, text, by, store.now())

    def hush(self, hush: Hush) -> None:
        self._require_checks(hush)
        self._store("silences").add_hush(hush)
        self.alarm.poke()
        _log.info(
            "hushed",
            kind=hush.kind.value,
            hush=hush.id,
            checks=hush.checks,
            tags=hush.tags,
            seconds=round(hush.ends_at - hush.starts_at),
            by=hush.by,
        )

    def end_hush(self, hush_id: str) -> bool:
        store = self._store("silences")
        ended = store.end_hush(hush_id, store.now())
        if ended:
            self.alarm.poke()
            _log.info("hush ended", hush=hush_id)
        return ended

    def hushes(self) -> Sequence[Hush]:
        store = self._store("silences")
        return store.hushes(store.now())

    def mark(self, marker: Marker) -> None:
        self._store("markers").add_marker(marker.id, marker.at, marker.text, marker.tags, marker.url, marker.by)

    def markers(self, since: float, until: float) -> Sequence[Marker]:
        found = self._store("markers").markers(since, until)
        return [Marker(one.id, one.at, one.text, one.tags, one.url, one.by) for one in found]

    def ingest(self, check_id: str, signal: Mapping[str, object]) -> None:
        self.take_signal(check_id, signal)

    def _store(self, what: str) -> Store:
        """The store itself: of these things nothing moves over from the spare. Raises Retryable."""
        if self.alarm.recorder.away:
            raise Retryable(f"the store is away, and {what} are kept nowhere else")
        return self.alarm.store

    def _require_checks(self, hush: Hush) -> None:
        """Raise UserFault where a part of it is about none: what is misspelt would leave somebody unhushed."""
        checks = self.config().checks
        ids = [check.id for check in checks]
        subjects = (*ids, *(incident.check_id for incident in self.alarm.incidents))
        for pattern in hush.checks:
            if not any(fnmatchcase(subject, pattern) for subject in subjects):
                raise UserFault(f"no check {pattern!r}{nearest(pattern, ids, 'check')}")
        known = sorted({tag for check in checks for tag in check.tags})
        for tag in hush.tags:
            if tag not in known:
                raise UserFault(f"no check has the tag {tag!r}{nearest(tag, known, 'tag')}")
