"""What results come to is kept when they are gone: all of them, each once, whoever rolls up and wherever that ends."""

import multiprocessing
import os
import secrets
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from fakes.alerts import AT, REGION, check, runs
from fakes.storing import batch, state
from fakes.watching import Watching
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert, select

from prober.clock import MovedClock
from prober.model import Hush, HushKind
from prober.schedule import freshness_s
from prober.store import Store, rollups, schema
from prober.store.coverage import Coverage, common, merged, subtracted
from prober.store.sketch import ACCURACY, quantiles
from prober.store.tally import Tally, pack, unpack

SHOP, DESK = check("shop"), check("desk", interval="300s")
DAY_S = 86_400.0


def covers(hush: Hush, check_id: str) -> bool:
    return hush.covers(check_id, ())


def roll(store: Store, limit: int = 2_000) -> int:
    """All there is, in pieces."""
    results = 0
    while piece := store.roll_up(covers, limit):
        results += piece
    return results


def contents(store: Store) -> dict[str, Any]:
    """What is kept, as plain values."""
    with store._reading() as connection:
        tables = {name: connection.execute(select(schema.metadata.tables[name])).all() for name in KEPT}
    packed = {(row.check_id, row.region, row.hour): unpack(row.payload) for row in tables["hours"]}
    days = {(row.check_id, row.region, row.day): (row.runs, row.good, unpack(row.payload)) for row in tables["days"]}
    return {"hours": packed, "days": days, "watched": set(tables["watched"]), "gaps": set(tables["gaps"])}


def day(store: Store, check_id: str = "shop") -> Tally:
    with store.past() as past:
        (row,) = past.days([check_id], int(AT // DAY_S), int(AT // DAY_S), packed=True)
    return unpack(row.payload)[0]


# Each once.

STRETCHES = st.lists(
    st.tuples(
        st.sampled_from([SHOP, DESK]),
        st.text("uuuugd?", min_size=1, max_size=40),
        st.integers(-3_600, 90_000),
        st.sampled_from([5.0, 30.0, 100.0]),
    ),
    max_size=6,
)


@pytest.fixture(scope="module")
def one() -> Iterator[Store]:
    """A store for many examples."""
    with closing(Store.in_memory(MovedClock(AT))) as store:
        yield store


def emptied(store: Store, *names: str) -> None:
    with store._writing() as connection:
        for name in names:
            connection.execute(delete(schema.metadata.tables[name]))
        connection.execute(delete(schema.meta).where(schema.meta.c.key == rollups.ROLLED_UP))


KEPT = ("hours", "days", "watched", "gaps")


@settings(max_examples=40)
@given(
    stretches=STRETCHES,
    limits=st.lists(st.integers(1, 50), min_size=1, max_size=5),
    kills=st.sets(st.integers(0, 10)),
    thin_s=st.sampled_from([0.0, 60.0]),
)
def test_pieces_of_any_size_come_to_the_same_as_all_at_once_wherever_it_breaks_off(
    one: Store, stretches: Any, limits: list[int], kills: set[int], thin_s: float
) -> None:
    store, rolled = one, 0
    emptied(store, *KEPT, "results", "states", "transitions", "hushes")
    known = tuple(state(of.id, stale_s=freshness_s(of)) for of in (SHOP, DESK))
    store.commit(batch(secrets.token_hex(4), states=known))
    watching = Watching(store, thin_s=thin_s)
    with pytest.MonkeyPatch.context() as patched:
        store.add_hush(Hush("m", HushKind.MAINTENANCE, AT + 60, AT + 300))
        for number, (of, letters, after_s, every_s) in enumerate(stretches):
            watching.sees(of, letters, AT + after_s, every_s)
            write = rollups._write
            patched.setattr(rollups, "_write", breaking(write, number in kills))
            with suppress(Broken):
                rolled += store.roll_up(covers, limits[number % len(limits)])
            patched.setattr(rollups, "_write", write)
    rolled += roll(store, limits[0])
    pieces = contents(store)
    assert rolled == sum(len(store.results(name, 1_000)) for name in ("shop", "desk"))
    emptied(store, *KEPT)
    roll(store)
    assert contents(store) == pieces


class Broken(Exception):
    """Stands for the end of the process."""


def breaking(write: Callable[..., None], really: bool) -> Callable[..., None]:
    def written(*arguments: Any) -> None:
        write(*arguments)
        if really:
            raise Broken

    return written


def test_a_prober_that_is_killed_while_it_rolls_up_neither_loses_nor_doubles(path: Path, empty_file: Path) -> None:
    shutil.copy(empty_file, path)
    with closing(Store(path, MovedClock(AT))) as store:
        Watching(store).sees(SHOP, "u" * 100)
    for _ in range(3):
        child = multiprocessing.get_context("fork").Process(target=die_rolling_up, args=(path,))
        child.start()
        child.join()
        assert child.exitcode == -signal.SIGKILL
    with closing(Store(path, MovedClock(AT))) as store:
        assert roll(store) == 40
        assert day(store).runs == 100


def die_rolling_up(path: Path) -> None:
    """Roll up a piece, and be killed in the second before it is committed."""
    store = Store(path, MovedClock(AT))
    store.roll_up(covers, 20)
    rollups._write = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
    store.roll_up(covers, 20)


@pytest.fixture(params=["sqlite", "postgresql"])
def pair(request: pytest.FixtureRequest, clock: MovedClock) -> Iterator[tuple[Store, Store]]:
    """Two probers' way to the same store."""
    if request.param == "postgresql":
        where: Path | str = request.getfixturevalue("url")
    else:
        where = request.getfixturevalue("path")
        shutil.copy(request.getfixturevalue("empty_file"), where)
    with closing(Store(where, clock, exclusive=False)) as one, closing(Store(where, clock, exclusive=False)) as other:
        yield one, other


def test_of_two_who_roll_up_the_same_only_one_writes_it(
    pair: tuple[Store, Store], clock: MovedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = pair
    Watching(one).sees(SHOP, "u" * 10)
    one.roll_up(covers, 1)
    clock.advance(61.0)
    merge, rolled = rollups._merged, []

    def while_the_other_is_quicker(*arguments: Any) -> Any:
        piece = merge(*arguments)
        monkeypatch.setattr(rollups, "_merged", merge)
        rolled.append(other.roll_up(covers))
        return piece

    monkeypatch.setattr(rollups, "_merged", while_the_other_is_quicker)
    assert one.roll_up(covers) == 0
    assert sum(rolled) + (0 if one.shared else 1) == 10
    assert day(one).runs == 10


def test_where_several_write_a_number_that_comes_late_is_waited_for(url: str, clock: MovedClock) -> None:
    with closing(Store(url, clock)) as store:
        Watching(store).sees(SHOP, "u" * 10)
        with store._writing() as connection:
            rows = connection.execute(select(schema.results).order_by(schema.results.c.seq)).all()
            held = dict(rows[4]._mapping)
            connection.execute(delete(schema.results).where(schema.results.c.seq == held["seq"]))
        assert store.roll_up(covers) == 0
        clock.advance(30.0)
        assert store.roll_up(covers) == 0
        with store._writing() as connection:
            connection.execute(insert(schema.results).values(**held))
        clock.advance(31.0)
        assert store.roll_up(covers) == 10
        assert day(store).runs == 10


# All of them.


def test_runs_that_have_no_row_of_their_own_are_counted_where_they_belong(store: Store, clock: MovedClock) -> None:
    start = AT // 300 * 300 + 240
    took = [0.010 + 0.001 * (number % 50) for number in range(600)]
    Watching(store, thin_s=60.0).sees(SHOP, "u" * 600, start, 1.0, took)
    assert len(store.results("shop", 1_000)) == 10
    roll(store)
    clock.advance(61.0)
    roll(store)
    counted = 541  # the rest waits for the next row
    assert day(store).runs == day(store).good == counted
    (p50_s, p95_s) = quantiles(day(store).bins, (0.5, 0.95))
    exact = sorted(took[:counted])
    assert p50_s == pytest.approx(exact[int(0.5 * (counted - 1))], rel=ACCURACY + 0.001)
    assert p95_s == pytest.approx(exact[int(0.95 * (counted - 1))], rel=ACCURACY + 0.001)
    with store.past() as past:
        hours = past.hours(["shop"], int(start // 3600), int(start // 3600) + 1)
    slots = {row.hour * 12 + slot: tally.runs for row in hours for slot, tally in unpack(row.payload).items()}
    assert slots == {start // 300: 60, start // 300 + 1: 300, start // 300 + 2: 181}
    with store.past() as past:
        assert past.coverage(["shop"], 0.0)["shop", REGION, "result"].gaps == []


def test_a_row_stands_for_no_more_runs_than_it_can_tell_of(store: Store) -> None:
    Watching(store, thin_s=DAY_S).sees(SHOP, "u" * 1_300, AT, 1.0)
    assert [result.runs for result in store.results("shop")] == [601, 601, 1]
    assert max(len(result.payload.get("left_out", ())) for result in store.results("shop")) == 602


def test_a_row_of_a_release_that_kept_only_the_number_counts_for_so_many(store: Store, clock: MovedClock) -> None:
    store.commit(batch(results=tuple(runs(SHOP, "ud")), stands_for={"shop-0": 9}))
    roll(store)
    clock.advance(61.0)
    roll(store)
    assert (day(store).runs, day(store).good) == (10, 9)


def test_pruning_leaves_results_that_are_not_rolled_up_yet(store: Store, clock: MovedClock) -> None:
    watching = Watching(store)
    watching.sees(SHOP, "u" * 10)
    roll(store)
    clock.advance(61.0)
    roll(store)
    watching.sees(SHOP, "u" * 5, AT + 300)
    assert store.prune(AT + 9_999) == 10 + 1  # and the change that they began with
    assert len(store.results("shop")) == 5


def test_history_goes_by_its_own_age(store: Store, clock: MovedClock) -> None:
    watching = Watching(store)
    watching.sees(SHOP, "uu")
    watching.sees(SHOP, "uu", AT + 10 * DAY_S)
    roll(store)
    clock.advance(61.0)
    roll(store)
    assert store.prune_roll_ups(AT + DAY_S, AT) == 1
    with store.past() as past:
        assert len(past.hours(["shop"], 0, 10**6)) == 1
        assert len(past.days(["shop"], 0, 10**6)) == 2
    assert store.prune_roll_ups(AT + 11 * DAY_S, AT + 11 * DAY_S) == 5
    assert contents(store)["gaps"] == set()


# What they are made of.

TIMES = st.floats(0, 100, allow_nan=False).map(lambda at: round(at, 1))
INTERVALS = st.lists(st.tuples(TIMES, TIMES).map(lambda pair: (min(pair), max(pair) + 1)), min_size=1, max_size=12)


@given(INTERVALS)
def test_coverage_is_the_same_in_whatever_order_it_is_told(looks: list[tuple[float, float]]) -> None:
    coverage = Coverage(*looks[0])
    for look in looks[1:]:
        coverage.cover(*look)
    union = merged(looks)
    assert (coverage.since, coverage.until) == (union[0][0], union[-1][1])
    assert coverage.gaps == [(a[1], b[0]) for a, b in pairwise(union)]
    assert coverage.missing(-5, 200) == subtracted_all([(-5, 200)], union)
    assert common(union, coverage.missing(-5, 200)) == []


def subtracted_all(whole: list[tuple[float, float]], parts: list[tuple[float, float]]) -> list[tuple[float, float]]:
    for part in parts:
        whole = subtracted(whole, *part)
    return whole


TOOK = st.lists(st.floats(1e-5, 3_600.0), min_size=1, max_size=300)


@given(TOOK, st.floats(0.0, 1.0))
def test_a_quantile_is_off_by_no_more_than_is_promised(took: list[float], wanted: float) -> None:
    tally = Tally()
    for seconds in took:
        tally.took(seconds)
    (found,) = quantiles(tally.bins, (wanted,))
    exact = sorted(took)[int(wanted * (len(took) - 1))]
    assert found == pytest.approx(exact, rel=ACCURACY * 1.0001)


@given(st.lists(TOOK, min_size=2, max_size=4), st.integers(0, 11))
def test_tallies_merge_and_come_back_from_their_packing(parts: list[list[float]], slot: int) -> None:
    tallies = []
    for number, took in enumerate(parts):
        tally = Tally()
        for seconds in took:
            tally.count("down" if number else "up", planned=bool(number % 2))
            tally.took(seconds, {"connect": seconds / 2, f"phase {number}": None, "total": seconds})
        tallies.append(tally)
    merged_all, at_once = Tally(), Tally()
    for tally in tallies:
        merged_all.add(unpack(pack({slot: tally}))[slot])
    for tally in reversed(tallies):
        at_once.add(tally)
    assert merged_all == at_once
    assert list(merged_all.means()) == ["connect", "total"]
    assert quantiles({}, (0.5,)) == [None]
