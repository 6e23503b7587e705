"""One check: how it is, how it was, how fast, its latest runs, its certificate and configuration."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from prober.faults import Retryable
from prober.history import Bucket, Budget, Day, History, Page, Query, Stretch, Uptime
from prober.model import Check, Incident
from prober.web.auth.who import Answer
from prober.web.pages.bars import bars, bars_label, day_label, letters, together
from prober.web.pages.board import overall
from prober.web.pages.charts import Chart, chart
from prober.web.pages.config import as_yaml
from prober.web.pages.frame import Pages
from prober.web.view import Marker, Row, View

AT_ONCE = 4
"""So many of these pages ask the store at a time; while it does not answer, the rest of the web side goes on."""
HOUR_S, DAY_S = 3_600.0, 86_400.0
RANGES: Mapping[str, tuple[float, int]] = {
    "24h": (DAY_S, 96),
    "7d": (7 * DAY_S, 84),
    "30d": (30 * DAY_S, 120),
    "90d": (90 * DAY_S, 90),
}
"""By name: how long, and into how many buckets."""
DAYS = 90
RUNS = 25
FAILED = ("down", "degraded", "unknown")
SAID = {"silenced": "Silenced. It is measured all the same; nobody is told."}
"""What a button did, in words."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What of the check is asked for."""

    range: str = "24h"
    region: str = ""
    failed: bool = False
    before: int | None = None

    @classmethod
    def of(cls, query: Mapping[str, str], regions: Sequence[str]) -> Asked:
        """As the query has it; what makes no sense is left out."""
        given, region, before = query.get("range", ""), query.get("region", ""), query.get("before", "")
        return cls(
            given if given in RANGES else "24h",
            region if region in regions else "",
            query.get("runs") == "failed",
            int(before) if before.isascii() and before.isdigit() and len(before) < 19 else None,
        )

    def link(self, **changed: Any) -> str:
        """The query that asks for the same but for ``changed``; what is as it is without being asked for stays out."""
        asked = replace(self, **changed)
        given = {
            "range": asked.range if asked.range != "24h" else "",
            "region": asked.region,
            "runs": "failed" if asked.failed else "",
            "before": asked.before,
        }
        return "?" + urlencode({name: value for name, value in given.items() if value})


@dataclass(frozen=True, slots=True)
class Past:
    """What the history says of the check."""

    asked: Asked
    regions: tuple[str, ...]
    uptimes: tuple[tuple[str, tuple[Uptime, ...]], ...]
    """By region, all together first: over each of ``RANGES``."""
    days: tuple[Day, ...]
    chart: Chart
    buckets: tuple[Bucket, ...]
    incidents: tuple[Incident, ...]
    markers: tuple[Marker, ...]
    runs: Page
    budget: Budget | None

    @property
    def bars(self) -> Any:
        """The days as bars."""
        code = letters(self.days)
        label = bars_label(code, together([day.uptime for day in self.days]))
        return bars(code, label, "bars wide", [day_label(day) for day in self.days])

    @property
    def bad_days(self) -> list[str]:
        """The days that were not all up, in words, the latest first."""
        return [day_label(day) for day in reversed(self.days) if day.worst not in (Stretch.UP, Stretch.NO_DATA)]


def check_page(pages: Pages) -> Answer:
    """The route of ``/checks/{check_id}``."""
    turns, view = asyncio.Semaphore(AT_ONCE), pages.view

    async def answer(request: Request) -> Response:
        check_id = request.path_params["check_id"]
        row = view.row(check_id)
        check = next((check for check in view.checks() if check.id == check_id), None)
        if row is None:
            raise HTTPException(404, "no such check")
        past, away = None, False
        if view.history is not None:
            try:
                async with turns:
                    past = await run_in_threadpool(look_back, view, view.history, row, check, request.query_params)
            except Retryable:
                away = True
        done = SAID.get(request.query_params.get("done", ""), "")
        return pages.page(request, "check.html", **_values(view, row, check, past), away=away, done=done)

    return answer


def look_back(view: View, history: History, row: Row, check: Check | None, query: Mapping[str, str]) -> Past:
    """Ask the history everything the page shows."""
    regions, now = history.regions(row.check_id), view.clock.wall()
    asked = Asked.of(query, regions)
    lasts_s, points = RANGES[asked.range]
    since = now - lasts_s
    buckets = history.latency(row.check_id, asked.region, since, now, points)
    incidents = history.incidents(row.check_id, since, now)
    markers = _markers(view, check, since, now)
    return Past(
        asked,
        regions,
        tuple(
            (
                region,
                history.uptimes(row.check_id, region, [now - length_s for length_s, _ in RANGES.values()], now),
            )
            for region in ("", *(regions if len(regions) > 1 else ()))
        ),
        tuple(history.days([row.check_id], asked.region, DAYS).get(row.check_id, ())),
        chart(
            buckets,
            history.spans(row.check_id, asked.region, since, now),
            since,
            now,
            [_band(incident, now) for incident in incidents],
            [(marker.at, marker.text) for marker in markers],
        ),
        buckets,
        incidents,
        markers,
        history.results(
            Query(row.check_id, asked.region or None, FAILED if asked.failed else (), before=asked.before, limit=RUNS)
        ),
        history.budget(check, now) if check is not None else None,
    )


def _markers(view: View, check: Check | None, since: float, until: float) -> tuple[Marker, ...]:
    if view.actions is None or check is None:
        return ()
    found = view.actions.markers(since, until)
    return tuple(marker for marker in found if not marker.tags or not set(marker.tags).isdisjoint(check.tags))


def _band(incident: Incident, now: float) -> tuple[float, float, str]:
    end = now if incident.closed_at is None else incident.closed_at
    return incident.opened_at, end, f"{incident.condition.replace('_', ' ')}: {incident.message}"


def _values(view: View, row: Row, check: Check | None, past: Past | None) -> dict[str, Any]:
    now = view.clock.wall()
    ours = [one for one in view.incidents() if one.check_id == row.check_id and one.closed_at is None]
    return {
        "row": row,
        "check": check,
        "past": past,
        "state_now": overall(row, ours),
        "open_incidents": ours,
        "certificates": _certificates(row, now),
        "config": view.masked(as_yaml(check)) if check is not None else "",
        "ranges": list(RANGES),
        "actions": view.actions,
    }


def _certificates(row: Row, now: float) -> list[tuple[Any, float]]:
    """(certificate, days left), the peer's own first."""
    return [(one, (one.not_after - now) / DAY_S) for one in row.certificates]
