"""Fifty people refreshing the overview of 500 checks: what they wait for, and what probes notice that run meanwhile."""

from __future__ import annotations

import json
import math
import random
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loopback import config, fetch, serving, target, until
from serving import Run, read
from sqlalchemy import text
from verdicts import Figure, conclude, quantile, quick_wanted
from visitors import Seen

from prober.model import Verdict
from prober.store import Store, schema
from prober.store.shares import UNTOLD, UNWATCHED
from prober.store.tally import DAY_S, SLOTS, Tally, pack

CHECKS, INTERVAL = 500, "1s"
PEOPLE, EVERY_S = 50, 5.0
STREAM = "/events"
LAG_MS, ERROR_MS, OVERVIEW_MS, PAGE_KB, CHECK_MS = 10.0, 2.0, 60.0, 150.0, 100.0
DAYS, FINE_DAYS = 90, 90
KINDS = 97
"""So many different hours there are, and days."""
CHECK_PAGES = 40


@dataclass(frozen=True)
class Span:
    """How long each stretch is, and how far back the history goes in steps of five minutes."""

    stretch_s: float
    fine_days: int
    settle_s: float = 4.0


@dataclass(frozen=True)
class Seen90:
    """What was measured."""

    calm: tuple[float, float]
    busy: tuple[float, float]
    visitors: Seen
    check_pages_s: list[float]
    runs: list[Run]


def name(number: int) -> str:
    """What ``loopback.config`` calls a check."""
    return f"check-{number:05}"


def remember(path: Path, checks: int, now: float, fine_days: int) -> None:
    """A store that has been watching ``checks`` for ninety days, one run a minute: what is kept of that."""
    today, chance = int(now // DAY_S), random.Random(1)
    hours = [pack({slot: _tally(5, random.Random(kind)) for slot in range(SLOTS)}) for kind in range(KINDS)]
    days = [pack({0: _tally(1_440, random.Random(kind))}) for kind in range(KINDS)]
    with closing(Store(path)) as store, store._writing() as connection:
        since = float((today - DAYS) * DAY_S)
        ids = [name(number) for number in range(checks)]
        for day in range(today - DAYS, today):
            runs = {"region": "local", "day": day, "runs": 1_440, "good": 1_440}
            rows: list[dict[str, Any]] = [{**runs, "check_id": one, "payload": chance.choice(days)} for one in ids]
            schema.insert(connection, schema.days, rows)
            fine = range(day * 24, day * 24 + 24) if day >= today - fine_days else ()
            rows = [
                {"check_id": one, "region": "local", "hour": hour, "payload": chance.choice(hours)}
                for one in ids
                for hour in fine
            ]
            schema.insert(connection, schema.hours, rows)
        schema.insert(
            connection,
            schema.watched,
            [
                {"check_id": one, "region": "local", "lacking": lacking, "since": since, "until": now - 60.0}
                for one in ids
                for lacking in (UNWATCHED, UNTOLD)
            ],
        )
        changes = [
            {"check_id": one, "region": "local", "before": before, "after": after, "at": at, "since": at - 60.0}
            for number, one in enumerate(ids)
            for outage in range(number % 7)
            for before, after, at in _outage(since + (outage + 1) * 12.3 * DAY_S + number)
        ]
        schema.insert(connection, schema.transitions, changes)
        connection.execute(text("ANALYZE"))


def _outage(at: float) -> list[tuple[str, str, float]]:
    up, down = Verdict.UP.value, Verdict.DOWN.value
    return [(up, down, at), (down, up, at + 1_200.0)]


def _tally(runs: int, chance: random.Random) -> Tally:
    """What ``runs`` good runs of some check came to."""
    whole, usual_s = Tally(runs=runs, good=runs), chance.uniform(0.01, 0.2)
    for _ in range(runs):
        took_s = usual_s * chance.lognormvariate(0.0, 0.3)
        whole.took(took_s, {"connect": 0.1 * took_s, "processing": 0.8 * took_s})
    return whole


def visited(port: int, lasting_s: float, stream: str = STREAM) -> Seen:
    """What fifty people saw in so long."""
    command = [sys.executable, Path(__file__).with_name("visitors.py"), str(port), str(PEOPLE), str(EVERY_S)]
    done = subprocess.run([*command, str(lasting_s), stream], stdout=subprocess.PIPE, text=True, check=True)
    return Seen(**json.loads(done.stdout))


def check_pages(port: int, checks: int, pause_s: float = 0.2) -> list[float]:
    """How long the pages of some checks take over ninety days, each asked for the first time."""
    found = []
    for number in range(0, checks, max(1, checks // CHECK_PAGES)):
        began = time.perf_counter()
        body = fetch(port, f"/checks/{name(number)}?range=90d")
        found.append(time.perf_counter() - began)
        assert name(number).encode() in body, body[:200]
        time.sleep(pause_s)
    return found


def measured(checks: int, span: Span) -> Seen90:
    with target() as shop, tempfile.TemporaryDirectory() as home:
        place = Path(home)
        remember(place / "prober.db", checks, time.time(), span.fine_days)
        with serving(place, config(place, [shop.url(1)] * checks, INTERVAL)) as (_, port, record):
            until(lambda: shop.count() >= checks * 5, "every check has run some times", 120, 0.5)
            until(lambda: name(0).encode() in fetch(port, "/"), "the overview shows the checks", 60, 0.5)
            time.sleep(span.settle_s)
            began = time.time()
            time.sleep(span.stretch_s)
            calm = began, time.time()
            began = time.time()
            seen = visited(port, span.stretch_s)
            busy = began, time.time()
            pages = check_pages(port, checks)
        return Seen90(calm, busy, seen, pages, read(record))


def lags_ms(runs: list[Run], stretch: tuple[float, float]) -> list[float]:
    """How late the runs of a stretch began, but for the first of each check."""
    began, ended = stretch
    return [run.lag_s * 1_000 for run in runs if began <= run.at <= ended and not math.isnan(run.lag_s)]


def errors_ms(runs: list[Run], stretch: tuple[float, float]) -> list[float]:
    """How wrong their first bytes were reported."""
    return [abs(run.error_s) * 1_000 for run in runs if run.told and run.overlaps(*stretch)]


def main() -> int:
    quick = quick_wanted(__doc__)
    seen = measured(CHECKS, Span(6.0, 3, 2.0) if quick else Span(60.0, FINE_DAYS))
    looks = seen.visitors.looks
    refused = sum(status != 200 for _, _, status, _ in looks)
    assert not refused, f"{refused} of {len(looks)} looks were answered otherwise than with the page"
    took_ms = [took_s * 1_000 for _, took_s, _, _ in looks]
    pages_ms = [took_s * 1_000 for took_s in seen.check_pages_s]
    lags, calm_lags = lags_ms(seen.runs, seen.busy), lags_ms(seen.runs, seen.calm)
    errors, calm_errors = errors_ms(seen.runs, seen.busy), errors_ms(seen.runs, seen.calm)
    figures = [
        Figure("lag_p99_ms", quantile(lags, 0.99), LAG_MS, quantile(calm_lags, 0.99)),
        Figure("lag_p50_ms", quantile(lags, 0.5), None, quantile(calm_lags, 0.5)),
        Figure("error_p99_ms", quantile(errors, 0.99), ERROR_MS, quantile(calm_errors, 0.99)),
        Figure("error_p50_ms", quantile(errors, 0.5), None, quantile(calm_errors, 0.5)),
        Figure("overview_p95_ms", quantile(took_ms, 0.95), OVERVIEW_MS),
        Figure("overview_p50_ms", quantile(took_ms, 0.5)),
        Figure("overview_kb", max(size for _, _, _, size in looks) / 1_000, PAGE_KB),
        Figure("check_90d_p95_ms", quantile(pages_ms, 0.95), CHECK_MS),
        Figure("check_90d_p50_ms", quantile(pages_ms, 0.5)),
        Figure("looks", len(looks)),
        Figure("streams", seen.visitors.streams),
        Figure("stream_kb_per_s", seen.visitors.stream_bytes / 1_000 / (seen.busy[1] - seen.busy[0])),
    ]
    return conclude("web", "nobody looks", figures, quick=quick)


if __name__ == "__main__":
    sys.exit(main())
