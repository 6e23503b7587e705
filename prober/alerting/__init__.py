"""From results to what people are told: states advance, incidents open and close, notices are written for delivery.

``decide`` decides, and is pure; ``Recorder`` is the thread that takes every result in order and commits what follows.
"""

from prober.alerting.decide import decide
from prober.alerting.recorder import Recorder, Roster, Surroundings
from prober.alerting.setting import Grouping, Route, Setting, Window

__all__ = ["Grouping", "Recorder", "Roster", "Route", "Setting", "Surroundings", "Window", "decide"]
