"""From results to what people are told: states advance, incidents open and close, notices are written for delivery.

``decide`` decides, and is pure; ``Recorder`` is the thread that takes every result in order and commits what follows;
``Meter`` is the thread that counts, once a minute, how fast objectives' budgets are used up.
"""

from prober.alerting.burns import Burns
from prober.alerting.decide import decide
from prober.alerting.meter import Meter
from prober.alerting.recorder import Recorder, Roster, Surroundings
from prober.alerting.setting import Grouping, Route, Setting, Window

__all__ = [
    "Burns",
    "Grouping",
    "Meter",
    "Recorder",
    "Roster",
    "Route",
    "Setting",
    "Surroundings",
    "Window",
    "decide",
]
