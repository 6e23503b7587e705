"""How much room a year of 500 checks takes, every minute in one region, and how soon questions on it are answered.

A day of some checks is recorded and rolled up as by ``prober serve``; the rest is made of copies of it.
"""

from __future__ import annotations

import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

from sqlalchemy import text
from verdicts import Figure, conclude, quick_wanted

from prober.clock import MovedClock
from prober.history import History
from prober.history.words import Query
from prober.model import Check, Observation, Reason, Result, Verdict
from prober.pace import keep_what_is_there
from prober.store import Batch, Store

CHECKS, RECORDED, QUICK_RECORDED = 500, 50, 10
DAY_S, MINUTES, FINE_DAYS, YEAR_DAYS, RAW_DAYS = 86_400, 1_440, 90, 365, 7
ROOM_MB, DAYS_MS, LINES_MS, PAGE_MS, ROLL_MS = 4_300.0, 30.0, 30.0, 100.0, 150.0
START = 1_700_006_400.0  # a midnight
SQLITE_LENGTHS = "SELECT name, sum(pgsize) AS bytes FROM dbstat GROUP BY name"


def result(check: Check, at: float, chance: random.Random) -> Result:
    """A run over HTTPS as libcurl tells of it."""
    base = 0.02 + 0.0004 * (hash(check.id) % 400)
    took = base * chance.lognormvariate(0.0, 0.25)
    phases = {"resolve": 0.001, "connect": 0.1 * took, "tls": 0.2 * took, "processing": 0.6 * took}
    facts = {"status": 200, "http_version": "2", "remote_address": "192.0.2.17:443", "size": 18_213, "redirects": 0}
    seen = Observation(took, {**phases, "transfer": 0.05 * took, "total": took}, facts)
    return Result(check, "eu", f"{chance.getrandbits(64):016x}", at, Verdict.UP, Reason.OK, "", seen)


def record(store: Store, clock: MovedClock, checks: list[Check]) -> float:
    """A day of ``checks``; how long rolling up a minute of as many took, in ms of this process's time."""
    chance, rolling_s = random.Random(1), 0.0
    for minute in range(0, MINUTES, 10):
        times = [START + 60.0 * (minute + number) for number in range(10)]
        results = tuple(result(check, at, chance) for at in times for check in checks)
        states = tuple(_state(check, times[-1]) for check in checks)
        store.commit(Batch("eu", str(minute), results, states))
        clock.set_wall(times[-1] + 1.0)
        began = time.process_time()
        while store.roll_up(lambda hush, check_id: False):
            pass
        rolling_s += time.process_time() - began
    return 1_000 * rolling_s / MINUTES


def _state(check: Check, at: float) -> dict[str, object]:
    return {"check_id": check.id, "region": "eu", "verdict": "up", "last_at": at, "stale_s": 130.0}


def room(store: Store) -> dict[str, float]:
    """Bytes per row of each table, with its indexes."""
    with store._reading() as connection:
        sizes = {row.name: row.bytes for row in connection.execute(text(SQLITE_LENGTHS))}
        owners = {
            row.name: row.tbl_name for row in connection.execute(text("SELECT name, tbl_name FROM sqlite_master"))
        }
        counts = {
            name: connection.execute(text(f"SELECT count(*) FROM {name}")).scalar_one()
            for name in ("results", "hours", "days")
        }
    whole = {name: sum(size for part, size in sizes.items() if owners.get(part, part) == name) for name in counts}
    return {name: whole[name] / counts[name] for name in counts}


def multiply(store: Store, recorded: int, fine_days: int) -> None:
    """As many checks as wanted, and as many days before the recorded one."""
    named = "substr('000' || (check_id + :copy * :n), -3)"
    hours = f"INSERT INTO hours SELECT {named}, hour - 24 * :day, region, payload FROM recorded_hours"
    days = f"INSERT INTO days SELECT {named}, day - :day, region, runs, good, payload FROM recorded_days"
    watched = f"INSERT INTO watched SELECT {named}, region, lacking, since, until FROM watched WHERE check_id < :limit"
    states = (
        f"INSERT INTO states SELECT {named}, region, verdict, payload, heard_at, stale_at FROM states "
        "WHERE check_id < :limit"
    )
    given = {"n": recorded, "limit": f"{recorded:03d}"}
    with store._writing() as connection:
        for table in ("hours", "days"):
            connection.execute(text(f"CREATE TABLE recorded_{table} AS SELECT * FROM {table}"))
            connection.execute(text(f"DELETE FROM {table}"))
        for copy in range(1, CHECKS // recorded):
            for statement in (watched, states):
                connection.execute(text(statement), {**given, "copy": copy})
        connection.execute(text("UPDATE watched SET since = since - 86400 * 89"))
    # In the order that they would have come about in.
    for day in reversed(range(FINE_DAYS)):
        with store._writing() as connection:
            for copy in range(CHECKS // recorded):
                for statement in (hours, days) if day < fine_days else (days,):
                    connection.execute(text(statement), {"n": recorded, "copy": copy, "day": day})
    with store._writing() as connection:
        connection.execute(text("ANALYZE"))


def timed(ask: Callable[[], object], times: int = 1) -> float:
    """How long one takes, in ms: the median of ``times``, since other work on the machine is in some of them."""
    took = []
    for _ in range(times):
        began = time.perf_counter()
        ask()
        took.append(1_000 * (time.perf_counter() - began))
    return statistics.median(took)


def page(history: History, check_id: str, now: float) -> Iterator[Callable[[], object]]:
    """What the page of a check asks over 90 days."""
    for days in (1, 7, 30, 90):
        yield lambda days=days: history.uptime(check_id, "", now - days * DAY_S, now)  # type: ignore[misc]
    yield lambda: history.latency(check_id, "", now - 90 * DAY_S, now, 200)
    yield lambda: history.spans(check_id, "", now - 90 * DAY_S, now)
    yield lambda: history.days([check_id], "", 90)
    yield lambda: history.results(Query(check_id, limit=20))
    yield lambda: history.incidents(check_id, now - 90 * DAY_S, now)


def main() -> int:
    quick = quick_wanted(__doc__)
    recorded = QUICK_RECORDED if quick else RECORDED
    clock = MovedClock(START)
    with tempfile.TemporaryDirectory() as place, closing(Store(Path(place) / "prober.db", clock)) as store:
        checks = [Check(id=f"{number:03d}", kind="http", interval="60s") for number in range(CHECKS)]
        roll_ms = record(store, clock, checks[:recorded]) * CHECKS / recorded
        rows = room(store)
        multiply(store, recorded, 3 if quick else FINE_DAYS)
        now, ids = clock.wall(), [check.id for check in checks]
        names = iter(ids)

        def anew() -> History:
            return History(store, lambda: checks, clock=clock)

        keep_what_is_there()  # as ``serve`` does
        history = anew()
        cold_days = timed(lambda: history.days(ids, "", 90))
        cold_lines = timed(lambda: history.sparklines(ids, now - DAY_S, now, 49))
        figures = {
            "days_ms": timed(lambda: (clock.advance(5.0), history.days(ids, "", 90)), 20),
            "sparklines_ms": timed(lambda: (clock.advance(5.0), history.sparklines(ids, now - DAY_S, now, 49)), 20),
            "check_page_ms": timed(lambda: [ask() for ask in page(anew(), next(names), now)], 20),
            "latency_90d_ms": timed(lambda: history.latency(ids[7], "", now - 90 * DAY_S, now, 200), 10),
        }
    megabytes = {
        "results": rows["results"] * CHECKS * MINUTES * RAW_DAYS / 1e6,
        "hours": rows["hours"] * CHECKS * 24 * FINE_DAYS / 1e6,
        "days": rows["days"] * CHECKS * YEAR_DAYS / 1e6,
    }
    return conclude(
        "history",
        "",
        [
            Figure("year_mb", sum(megabytes.values()), ROOM_MB),
            *(Figure(f"{name}_mb", size) for name, size in megabytes.items()),
            *(Figure(f"bytes_per_row_of_{name}", size) for name, size in rows.items()),
            Figure("roll_up_ms_per_minute", roll_ms, ROLL_MS),
            Figure("days_cold_ms", cold_days),
            Figure("sparklines_cold_ms", cold_lines),
            Figure("days_ms", figures["days_ms"], DAYS_MS),
            Figure("sparklines_ms", figures["sparklines_ms"], LINES_MS),
            Figure("latency_90d_ms", figures["latency_90d_ms"]),
            Figure("check_page_ms", figures["check_page_ms"], PAGE_MS),
        ],
        quick=quick,
    )


if __name__ == "__main__":
    sys.exit(main())
