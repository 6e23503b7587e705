"""From results to what people are told: states advance, incidents open and close, notices are written for delivery.

``plan`` decides, and is pure; ``Recorder`` is the thread that takes every result in order and commits what follows.
"""

from prober.alerting.plan import Plan, Route, close_removed, plan
from prober.alerting.recorder import Recorder, Roster

__all__ = ["Plan", "Recorder", "Roster", "Route", "close_removed", "plan"]
