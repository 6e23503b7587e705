"""The outbox's other end: notices that were committed are sent, at least once and in order, whatever happens.

One lane per channel, all in one thread with a loop of its own: a slow service delays nobody but itself. Within a
lane one notice is sent at a time; one that waits for its next attempt holds up only its own incident.
"""

from prober.delivery.attempts import backoff_s, next_attempt
from prober.delivery.outbox import Entry, Outbox
from prober.delivery.worker import Delivery

__all__ = ["Delivery", "Entry", "Outbox", "backoff_s", "next_attempt"]
