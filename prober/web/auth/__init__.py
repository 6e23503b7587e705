"""Who asks, and what they may do. The door in front of every route says who; the routes say what it takes."""

from prober.web.auth.who import EVERYTHING, NOBODY, Scope, Who, needs, who_asks

__all__ = ["EVERYTHING", "NOBODY", "Scope", "Who", "needs", "who_asks"]
