"""The past as people ask for it: how long a check was up, how fast it was, what happened in an incident."""

from prober.history.ask import History
from prober.history.planned import Window, covers, noted
from prober.history.words import GOOD, Bucket, Budget, Day, Event, IncidentQuery, Page, Query, Span, Stretch, Uptime

__all__ = [
    "GOOD",
    "Bucket",
    "Budget",
    "Day",
    "Event",
    "History",
    "IncidentQuery",
    "Page",
    "Query",
    "Span",
    "Stretch",
    "Uptime",
    "Window",
    "covers",
    "noted",
]
