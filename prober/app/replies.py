"""What people answer to notices by the links in them, carried to the store."""

from __future__ import annotations

from dataclasses import dataclass

from prober.app.alarm import Alarm
from prober.faults import Retryable
from prober.log import Log
from prober.model import Hush, HushKind, Incident
from prober.store import Store
from prober.web import Matter, holds

_log = Log(__name__)


@dataclass(frozen=True, slots=True)
class StoreReplies:
    """Called in the web's threads; the recorder is told to look at once."""

    alarm: Alarm

    def verify(self, action: str, incident_id: str, signature: str) -> bool:
        """Whether we signed it. Raises Retryable while we cannot know."""
        if self.alarm.key is None:
            raise Retryable("the store has not been in reach since the start")
        return holds(self.alarm.key, action, incident_id, signature)

    def matter(self, incident_id: str) -> Matter | None:
        """The incident and the checks that were told with it."""
        store = self.alarm.current
        incident = store.incident(incident_id)
        if incident is None and store is not self.alarm.store:
            raise Retryable("it is not on the spare; the store is away")
        return None if incident is None else Matter(incident, _others(store, incident))

    def ack(self, incident_id: str, by: str) -> Matter | None:
        """Acknowledge it."""
        incident = acknowledge(self.alarm, incident_id, by)
        return None if incident is None else Matter(incident, _others(self.alarm.current, incident))

    def silence(self, incident_id: str, seconds: float, by: str) -> Matter | None:
        """Let nothing be told of its checks. Asked for again by the same notice, it is the same silence, changed."""
        if self.alarm.recorder.away:
            raise Retryable("silences on the spare would end when the store is back")
        matter = self.matter(incident_id)
        if matter is None:
            return None
        now, checks = self.alarm.store.now(), (matter.incident.check_id, *matter.others)
        hush = Hush(
            matter.incident.id, HushKind.SILENCE, now, now + seconds, checks, reason="by the link in its notice", by=by
        )
        self.alarm.store.add_hush(hush)
        self.alarm.poke()
        _log.info("silenced", incident=incident_id, checks=checks, seconds=round(seconds), by=by)
        return matter


def acknowledge(alarm: Alarm, incident_id: str, by: str) -> Incident | None:
    """Acknowledge the incident where it is: one on the spare moves to the store with its acknowledgement.

    None where there is no such incident. Raises Retryable where that cannot be known.
    """
    store = alarm.current
    incident = store.ack(incident_id, by, store.now())
    if incident is None and store is not alarm.store:
        raise Retryable("it is not on the spare; the store is away")
    if incident is not None:
        alarm.poke()
        _log.info("acknowledged", incident=incident.id, check=incident.check_id, by=incident.acked_by)
    return incident


def _others(store: Store, incident: Incident) -> tuple[str, ...]:
    return tuple(one.check_id for one in store.open_incidents() if one.led_by == incident.id)
