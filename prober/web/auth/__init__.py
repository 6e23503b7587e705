"""Who asks, and what they may do. The door in front of every route says who; the routes say what it takes."""

from prober.web.auth.access import Access
from prober.web.auth.door import Door
from prober.web.auth.forms import checked_form, read_form
from prober.web.auth.who import EVERYTHING, NOBODY, Scope, Who, needs, who_asks

__all__ = [
    "EVERYTHING",
    "NOBODY",
    "Access",
    "Door",
    "Scope",
    "Who",
    "checked_form",
    "needs",
    "read_form",
    "who_asks",
]
