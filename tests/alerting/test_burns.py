"""Burn rates: counted in a real store, decided on as everything else is, told once and resolved once."""

import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from fakes import burning_child
from fakes.accounting import SLO, Office
from fakes.alerts import AT, LETTERS, Way, check
from fakes.town import Town
from hypothesis import given
from hypothesis import strategies as st

from prober.alerting.budgets import said
from prober.alerting.burns import Burns
from prober.clock import MovedClock
from prober.config import Maintenance
from prober.model import AlertPolicy, Check, Condition, Hush, HushKind, NoticeKind, Reason, Slo
from prober.model.slo import FAST, SLOW, WINDOWS
from prober.store import Count, Failing, Store

FAST_ONE, SLOW_ONE = Condition.BURNS_FAST, Condition.BURNS_SLOWLY
TESTS = Path(__file__).parent.parent
HOURS = 60


def aimed(**changed: object) -> Check:
    """A check that runs each minute and must succeed in 99.9 % of its runs."""
    return check(interval="60s", **{"slo": SLO, **changed})


def rated(fast: float = 0.0, slow: float = 0.0, *, at: float = AT, runs: int = 1_000_000, slo: Slo = SLO) -> Burns:
    """Figures of a check whose budget goes so many times as fast as allowed."""
    rates = {window: slow if window in ("1d", "3d", "2h", "6h") else fast for window in WINDOWS}
    return Burns(slo, at, {window: Count(runs, round(runs * rate / 1000)) for window, rate in rates.items()})


@pytest.fixture
def clock() -> MovedClock:
    return MovedClock(AT)


@pytest.fixture
def office(clock: MovedClock) -> Iterator[Office]:
    with closing(Store.in_memory(clock)) as store:
        yield Office(store, clock, aimed())


# What is told.


def test_a_fast_burn_is_told_once_as_critical_and_its_end_once(office: Office) -> None:
    office.fill("u" * 6 * HOURS)
    office.live("du" * 15)
    (told,) = office.told(FAST_ONE)
    assert (told.kind, told.severity) == (NoticeKind.TRIGGER, "critical")
    assert told.message == (
        "50 times as fast as allowed: 3 of 60 runs failed in 1h; 0% of the budget of 30d is left; "
        "last: status 503, expected 200-399"
    )
    assert office.held(SLOW_ONE) == ["it burns fast"]
    office.live("u" * 60)
    assert office.kinds(FAST_ONE) == ["trigger", "resolve"]
    resolved = office.told(FAST_ONE)[1]
    assert resolved.message.startswith("safe again after ")
    assert resolved.incident_id == told.incident_id
    assert office.kinds(Condition.DOWN) == []


def test_a_slow_burn_is_told_once_as_a_warning_and_its_end_once(office: Office) -> None:
    office.fill(("u" * 299 + "d") * 14 + "u" * 60)
    office.live("u" * 40)
    (told,) = office.told(SLOW_ONE)
    assert (told.kind, told.severity) == (NoticeKind.TRIGGER, "warning")
    assert office.kinds(FAST_ONE) == []
    for _ in range(7):
        office.clock.advance(3_600.0)
        office.fill("u" * 60)
        office.look()
    office.live("u" * 61)
    assert office.kinds(SLOW_ONE) == ["trigger", "resolve"]


def test_a_burn_that_has_become_slow_is_told_as_that_when_it_is_fast_no_more(office: Office) -> None:
    office.fill("u" * 6 * HOURS)
    office.live("du" * 5 + "u" * 60)
    told = [(notice.condition, notice.kind.value) for notice in reversed([r.notice for r in office.store.outbox()])]
    assert told == [(FAST_ONE, "trigger"), (FAST_ONE, "resolve"), (SLOW_ONE, "trigger")]


def test_few_failures_are_told_to_nobody_however_large_a_share_they_are(office: Office) -> None:
    office.fill("u" * HOURS)
    office.live("duuuduuu")
    assert list(office.store.outbox()) == []
    assert office.meter.burns["shop"].rate("1h") == pytest.approx(2 / 60 * 1000)
    office.live("du")
    assert office.kinds(FAST_ONE) == ["trigger"]


def test_the_least_number_of_failures_is_the_objectives_own(clock: MovedClock) -> None:
    with closing(Store.in_memory(clock)) as store:
        office = Office(store, clock, aimed(slo=Slo(objective=99.9, min_failures=1)))
        office.fill("u" * HOURS)
        office.live("du")
        assert office.kinds(FAST_ONE) == ["trigger"]


def test_an_outage_says_it_all_until_half_an_hour_after_it(office: Office) -> None:
    office.fill("u" * 6 * HOURS)
    office.live("d" * 10)
    assert office.held(FAST_ONE) == ["it is down"]
    office.live("u" * 10)
    assert office.held(FAST_ONE) == ["it was down until lately"]
    office.live("u" * 30)
    assert office.kinds(Condition.DOWN) == ["trigger", "resolve"]
    assert office.kinds(FAST_ONE) == []
    assert office.held(FAST_ONE) == []
    assert office.kinds(SLOW_ONE) == ["trigger"]


def test_what_may_be_going_down_is_left_to_settle(clock: MovedClock) -> None:
    with closing(Store.in_memory(clock)) as store:
        office = Office(store, clock, aimed(alert=AlertPolicy(down_after=5, up_after=2)))
        office.fill("u" * HOURS)
        office.live("ddd")
        assert office.held(FAST_ONE) == ["it may be going down"]
        office.live("dd")
        assert [row.notice.condition for row in store.outbox()] == [Condition.DOWN]


def test_a_silence_holds_it_back_and_its_end_tells_what_is_true_then(office: Office) -> None:
    office.store.add_hush(Hush("h", HushKind.SILENCE, AT, AT + 900.0))
    office.fill("u" * 6 * HOURS)
    office.live("du" * 5)
    assert (office.kinds(FAST_ONE), office.held(FAST_ONE)) == ([], ["silenced"])
    office.live("du" * 5)
    assert office.kinds(FAST_ONE) == ["trigger"]


@pytest.mark.parametrize("where", ["the file", "the store"])
def test_what_fails_under_maintenance_uses_up_nothing(clock: MovedClock, where: str) -> None:
    planned = Maintenance.model_validate(
        {"start": "2023-11-14T22:10:00", "end": "2023-11-14T22:40:00", "checks": "sh*"}
    )
    with closing(Store.in_memory(clock)) as store:
        office = Office(store, clock, aimed(), windows=[planned] if where == "the file" else [])
        if where == "the store":
            store.add_hush(Hush("h", HushKind.MAINTENANCE, AT - 60, AT + 1_500.0))
        office.fill("u" * HOURS)
        office.live("dudud" * 4 + "u" * 30)
        assert list(store.outbox()) == []
        assert store.incidents() == ()
        assert office.meter.burns["shop"].rate("1h") == 0.0


def test_routes_choose_it_by_severity(clock: MovedClock) -> None:
    class Critical(Way):
        def takes(self, check: Check, severity: object, regions: object, now: float) -> bool:
            return severity == "critical"

    with closing(Store.in_memory(clock)) as store:
        office = Office(store, clock, aimed(), routes=(Critical(("pager",)),))
        office.fill("u" * 6 * HOURS)
        office.live("du" * 5 + "u" * 60)
        assert {(row.channel, row.notice.condition) for row in store.outbox()} == {("pager", FAST_ONE)}


def test_an_objective_that_is_taken_away_ends_what_is_open(office: Office) -> None:
    office.fill("u" * HOURS)
    office.live("dududu")
    assert office.kinds(FAST_ONE) == ["trigger"]
    office.check = aimed(slo=None)
    office.meter.configure([office.check])
    office.look()
    assert office.told(FAST_ONE)[1].message.startswith("no objective any more after ")


def test_an_objective_that_does_not_alert_is_only_counted(clock: MovedClock) -> None:
    with closing(Store.in_memory(clock)) as store:
        office = Office(store, clock, aimed(slo=Slo(objective=99.9, alert=False)))
        office.fill("u" * HOURS)
        office.live("dudududu")
        assert list(store.outbox()) == []
        assert (office.meter.burns["shop"].rate("1h") or 0.0) > 50


def test_nothing_ends_while_nothing_runs_that_could_tell(office: Office) -> None:
    office.fill("u" * HOURS)
    office.live("dududu" + "." * 50)
    assert office.kinds(FAST_ONE) == ["trigger"]
    office.live("u" * 61)
    assert office.kinds(FAST_ONE) == ["trigger", "resolve"]


# Figures.


def test_a_check_that_runs_seldom_goes_by_windows_that_hold_two_runs() -> None:
    hourly = Burns(SLO, AT, interval_s=3_600.0)
    assert [hourly.widened(name) for name in ("5m", "1h", "6h")] == ["2h", "2h", "6h"]
    weekly = Burns(SLO, AT, interval_s=604_800.0)
    assert weekly.widened("3d") == "3d"


@given(st.integers(0, 500), st.integers(0, 500), st.floats(50, 99.99))
def test_what_is_left_and_how_fast_it_goes_say_the_same(bad: int, good: int, objective: float) -> None:
    count = Count(bad + good, bad)
    burns = Burns(Slo(objective=objective), AT, dict.fromkeys(WINDOWS, count), count)
    if not count.runs:
        assert (burns.left, burns.rate("1h")) == (None, None)
        return
    assert burns.left == pytest.approx(1 - (burns.rate("1h") or 0.0))
    for condition in (FAST_ONE, SLOW_ONE):
        if burns.pair(condition):
            assert bad >= 3
            assert burns.lasts(condition), "what begins does not end at once"


@pytest.mark.parametrize("pair", [*FAST, *SLOW], ids=lambda pair: pair.long)
def test_it_begins_at_the_rate_of_the_workbook_and_ends_at_half_of_it(pair: object) -> None:
    condition = FAST_ONE if pair in FAST else SLOW_ONE
    factor = {"1h": 14.4, "6h": 6.0, "1d": 3.0, "3d": 1.0}[pair.long]  # type: ignore[attr-defined]

    def burns(rate: float) -> Burns:
        found = dict.fromkeys(WINDOWS, Count(1_000_000, 0))
        found |= dict.fromkeys((pair.long, pair.short), Count(1_000_000, round(rate * 1_000)))  # type: ignore[attr-defined]
        return Burns(SLO, AT, found)

    assert burns(factor + 0.01).pair(condition) is pair
    assert burns(factor - 0.01).pair(condition) is None
    assert burns(factor / 2 + 0.01).lasts(condition) is True
    assert burns(factor / 2 - 0.01).lasts(condition) is False
    assert f"{factor + 0.01:.3g} times as fast as allowed" in said(burns(factor + 0.01), pair)  # type: ignore[arg-type]


# Over several regions, each of which counts for itself.


def regions() -> Town:
    town = Town({"shop": aimed()}, regions=("ap", "eu"))
    town.beats = dict.fromkeys(town.regions, AT)
    return town


def decide(town: Town, region: str, burns: Burns) -> list[str]:
    town.more["burns"] = {"shop": burns}
    town.decide({"shop"}, region)
    return town.kinds(FAST_ONE)


def test_one_region_decides_for_all_and_the_next_when_it_is_not_heard_of() -> None:
    town = regions()
    assert decide(town, "eu", rated(fast=20)) == []
    town.beats["eu"] = town.now = AT + 200.0
    assert decide(town, "eu", rated(fast=20, at=AT + 200.0)) == ["trigger"]


def test_older_counts_of_another_region_undo_nothing() -> None:
    town = regions()
    town.now = AT + 60
    assert decide(town, "ap", rated(fast=20, at=AT + 60)) == ["trigger"]
    town.beats = {"eu": AT + 300.0}
    town.now = AT + 300
    assert decide(town, "eu", rated(fast=0, at=AT + 59)) == ["trigger"]
    assert decide(town, "eu", rated(fast=0, at=AT + 300)) == ["trigger", "resolve"]
    town.beats["ap"] = AT + 301.0
    assert decide(town, "ap", rated(fast=20, at=AT + 299)) == ["trigger", "resolve"]


def test_a_notice_names_the_regions_it_fails_in() -> None:
    town = regions()
    decide(town, "ap", replace(rated(fast=20), failing=Failing(("eu",), Reason.STATUS, "status 503")))
    assert (town.last().regions_down, town.last().regions_up) == (("eu",), ("ap",))
    assert (town.last().reason, town.last().check_id) == ("status", "shop")


@given(
    st.lists(
        st.tuples(st.sampled_from([0.0, 2.0, 5.0, 8.0, 20.0]), st.sampled_from([0.0, 0.7, 4.0]), st.sampled_from("ud")),
        max_size=40,
    )
)
def test_whatever_the_figures_do_each_incident_is_told_once_and_resolved_once(
    steps: list[tuple[float, float, str]],
) -> None:
    town = Town({"shop": aimed()})
    for fast, slow, letter in steps:
        town.now += 60
        town.more["burns"] = {"shop": rated(fast, slow, at=town.now)}
        town.run("shop", LETTERS[letter])
        town.decide({"shop"})
    said_of: dict[str, list[str]] = {}
    for _, _, notice in (one for one in town.told if one[2].condition in (FAST_ONE, SLOW_ONE)):
        said_of.setdefault(notice.incident_id, []).append(notice.kind.value)
    for kinds in said_of.values():
        assert kinds in (["trigger"], ["trigger", "resolve"])
    for one in town.incidents.values():
        assert one.finished or one.held or one.told_at is not None
        if not one.finished and not one.held and one.condition in (FAST_ONE, SLOW_ONE):
            assert town.more["burns"]["shop"].lasts(one.condition), one


# Killed at any time.


def killed_after(path: Path, seconds: float) -> list[str]:
    """What a prober on this store says until it is killed, so many seconds after it began to count."""
    environment = {**os.environ, "PYTHONPATH": str(TESTS)}
    command = [sys.executable, burning_child.__file__, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as child:
        assert child.stdout is not None
        said = [child.stdout.readline().strip()]
        time.sleep(seconds)
        child.kill()
        return said + [line.strip() for line in child.stdout]


def test_kills_between_counting_and_telling_neither_lose_nor_double_anything(tmp_path: Path) -> None:
    path, rng = tmp_path / "prober.db", random.Random(20_26)
    with closing(Store(path)) as store:
        office = Office(store, MovedClock(time.time() - 1), burning_child.CHECK)
        office.fill("u" * 6 * HOURS + "du" * 10)
    for _ in range(2):
        killed_after(path, rng.uniform(0.0, 0.05))
    until_told(path, ["trigger"])
    with closing(Store(path)) as store:
        office = Office(store, MovedClock(time.time() - 1), burning_child.CHECK)
        while store.roll_up(lambda hush, check_id: False):
            pass
        store.prune(time.time() + 60)
        office.fill("u" * 6 * HOURS)
    for _ in range(2):
        killed_after(path, rng.uniform(0.0, 0.05))
    until_told(path, ["trigger", "resolve"])


def until_told(path: Path, kinds: list[str]) -> None:
    """Start it anew, each time for a little longer, until so much was told; and a last time for nothing more."""
    for seconds in (1.0, 2.0, 4.0, 8.0):
        if told(path) != kinds:
            killed_after(path, seconds)
    killed_after(path, 0.5)
    assert told(path) == kinds


def told(path: Path) -> list[str]:
    with closing(Store(path)) as store:
        conditions = [one.condition for one in store.incidents()]
        assert len(conditions) == len(set(conditions)), "one of each, whoever was killed when"
        return [row.notice.kind.value for row in reversed(store.outbox()) if row.notice.condition is FAST_ONE]
