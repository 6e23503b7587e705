"""Stretches of time that are asked for."""

from __future__ import annotations

from prober.model import format_duration
from prober.web.api.models import Moment, Query
from prober.web.api.problems import Invalid, Mistake


class Between(Query):
    """A stretch of time."""

    since: Moment | None = None
    """From when on, such as ``2026-12-24T22:00:00Z``."""
    until: Moment | None = None
    """Until when; now where it is missing."""


def stretch(between: Between, now: float, usual_s: float, longest_s: float) -> tuple[float, float]:
    """The stretch that is asked for: of ``usual_s`` where no beginning is given. Raises Invalid for one too long."""
    until = now if between.until is None else between.until
    since = max(0.0, until - usual_s) if between.since is None else between.since
    if since > until:
        raise Invalid([Mistake(path="query.since", message="later than until, which is now where it is missing")])
    if until - since > longest_s:
        raise Invalid(
            [Mistake(path="query.since", message=f"expected at most {format_duration(longest_s)} before until")]
        )
    return since, until
