"""Uptime is time, told by what was settled; what nobody knows is neither up nor down."""

import pytest
from fakes.alerts import AT, REGION, check
from fakes.storing import batch, decided
from fakes.watching import Watching

from prober.clock import MovedClock
from prober.history import History, Span, Stretch
from prober.model import Hush, HushKind, Transition, Verdict
from prober.store import Store
from prober.store.tally import DAY_S

SHOP = check()
FRESH_S = 70.0
"""Two intervals and a timeout."""
UP, DOWN, UNKNOWN, NO_DATA, MAINTENANCE = (
    Stretch.UP,
    Stretch.DOWN,
    Stretch.UNKNOWN,
    Stretch.NO_DATA,
    Stretch.MAINTENANCE,
)


def covers(hush: Hush, check_id: str) -> bool:
    return hush.covers(check_id, ())


@pytest.fixture
def history(store: Store, clock: MovedClock) -> History:
    return History(store, lambda: [SHOP], clock=clock)


@pytest.fixture(params=[False, True], ids=["results", "rolled up"])
def rolled(request: pytest.FixtureRequest, store: Store, clock: MovedClock) -> bool:
    """Whether what is asked for is in the roll-ups by then."""
    return bool(request.param)


def roll(store: Store, clock: MovedClock, *, really: bool = True) -> None:
    """Roll up all there is; where several write, that takes its time."""
    if really:
        store.roll_up(covers)
        clock.advance(61.0)
        while store.roll_up(covers):
            pass


def told(spans: tuple[Span, ...]) -> list[tuple[str, float, float]]:
    return [(span.state.value, round(span.start - AT, 3), round(span.end - AT, 3)) for span in spans]


def test_an_outage_lasts_from_its_first_failure_to_its_first_success(
    store: Store, history: History, clock: MovedClock, rolled: bool
) -> None:
    Watching(store).sees(SHOP, "uuuu" + "ddddd" + "uuuuuuu")
    roll(store, clock, really=rolled)
    clock.set_wall(AT + 480)
    assert told(history.spans("shop", REGION, AT, AT + 480)) == [("up", 0, 120), ("down", 120, 270), ("up", 270, 480)]
    found = history.uptime("shop", "", AT, AT + 480)
    assert found.seconds == {UP: 330.0, DOWN: 150.0}
    assert found.ratio == pytest.approx(330 / 480)
    assert (found.runs, found.good) == (16, 11)
    starts = [AT - 60, AT + 180, AT + 300]
    together = history.uptimes("shop", "", starts, AT + 480)
    assert [one.seconds.get(DOWN, 0.0) for one in together] == [150.0, 90.0, 0.0]
    assert [one.seconds[UP] for one in together] == [330.0, 210.0, 180.0]
    assert together == tuple(history.uptime("shop", "", start, AT + 480) for start in starts)


def test_what_nobody_looked_at_is_no_data_and_neither_up_nor_down(
    store: Store, history: History, clock: MovedClock, rolled: bool
) -> None:
    watching = Watching(store)
    watching.sees(SHOP, "uuu")
    watching.sees(SHOP, "uuu", at=AT + 600)
    roll(store, clock, really=rolled)
    clock.set_wall(AT + 1_000)
    assert told(history.spans("shop", "", AT - 100, AT + 1_000)) == [
        ("no_data", -100, 0),
        ("up", 0, 60.5 + FRESH_S),
        ("no_data", 60.5 + FRESH_S, 600),
        ("up", 600, 660.5 + FRESH_S),
        ("no_data", 660.5 + FRESH_S, 1_000),
    ]
    assert history.uptime("shop", "", AT - 100, AT + 1_000).ratio == 1.0
    assert history.uptime("shop", "", AT + 200, AT + 300).ratio is None


def test_the_probers_own_failures_are_unknown(store: Store, history: History, clock: MovedClock, rolled: bool) -> None:
    Watching(store).sees(SHOP, "uuu" + "?" * 10 + "uuu")
    roll(store, clock, really=rolled)
    clock.set_wall(AT + 460)
    found = history.spans("shop", REGION, AT, AT + 460)
    assert told(found) == [("up", 0, 60.5 + FRESH_S), ("unknown", 60.5 + FRESH_S, 390), ("up", 390, 460)]
    uptime = history.uptime("shop", REGION, AT, AT + 460)
    assert (uptime.runs, uptime.good, uptime.ratio) == (6, 6, 1.0)


def test_what_comes_late_fills_its_gap(store: Store, history: History, clock: MovedClock) -> None:
    watching, spooling = Watching(store), Watching(store)
    watching.sees(SHOP, "uuu")
    watching.sees(SHOP, "uuu", at=AT + 600)
    roll(store, clock)
    spooling.sees(SHOP, "uuuuu", at=AT + 300)
    roll(store, clock)
    clock.set_wall(AT + 700)
    gaps = [span for span in told(history.spans("shop", REGION, AT, AT + 700)) if span[0] == "no_data"]
    assert gaps == [("no_data", 60.5 + FRESH_S, 300), ("no_data", 420.5 + FRESH_S, 600)]
    spooling.sees(SHOP, "uuuuu", at=AT + 120)
    spooling.sees(SHOP, "uuuuu", at=AT + 450)
    roll(store, clock)
    clock.set_wall(AT + 700)
    assert history.uptime("shop", REGION, AT, AT + 700).seconds == {UP: 700.0}
    assert history.uptime("shop", REGION, AT, AT + 700).runs == 21


def test_maintenance_lies_over_what_was_measured_and_its_runs_do_not_count(
    store: Store, history: History, clock: MovedClock, rolled: bool
) -> None:
    store.add_hush(Hush("m", HushKind.MAINTENANCE, AT + 60, AT + 300, checks=("sh*",)))
    store.add_hush(Hush("s", HushKind.SILENCE, AT, AT + 600))
    Watching(store).sees(SHOP, "uuu" + "ddddd" + "u" * 8)
    roll(store, clock, really=rolled)
    clock.set_wall(AT + 450)
    assert told(history.spans("shop", "", AT, AT + 450)) == [("up", 0, 60), ("maintenance", 60, 300), ("up", 300, 450)]
    uptime = history.uptime("shop", "", AT, AT + 450)
    assert uptime.ratio == 1.0
    assert (uptime.runs, uptime.good) == (8, 8)


def test_where_regions_decide_together_their_word_is_that_of_all(
    store: Store, history: History, clock: MovedClock
) -> None:
    for region in ("eu", "us"):
        Watching(store, region).sees(SHOP, "u" * 20)
    decided(store, "1", transitions=(Transition("shop", "", Verdict.UNKNOWN, Verdict.UP, AT + 1, AT),))
    decided(store, "2", transitions=(Transition("shop", "", Verdict.UP, Verdict.DOWN, AT + 150, AT + 90),))
    decided(store, "3", transitions=(Transition("shop", "", Verdict.DOWN, Verdict.UP, AT + 330, AT + 300),))
    clock.set_wall(AT + 600)
    assert told(history.spans("shop", "", AT, AT + 600)) == [("up", 0, 90), ("down", 90, 300), ("up", 300, 600)]
    assert told(history.spans("shop", "us", AT, AT + 600)) == [("up", 0, 600)]
    assert history.regions("shop") == ("eu", "us")
    assert history.uptime("shop", "", AT, AT + 600).runs == 40


def test_where_too_few_regions_were_heard_of_it_is_no_data_whenever_one_begins_to_look(
    store: Store, history: History, clock: MovedClock
) -> None:
    Watching(store).sees(SHOP, "u" * 20)
    decided(store, "1", transitions=(Transition("shop", "", Verdict.UNKNOWN, Verdict.UP, AT + 100, AT + 90),))
    decided(store, "2", transitions=(Transition("shop", "", Verdict.UP, Verdict.UNKNOWN, AT + 210, AT + 200),))
    decided(store, "3", transitions=(Transition("shop", "", Verdict.UNKNOWN, Verdict.UP, AT + 510, AT + 500),))
    clock.set_wall(AT + 600)
    assert told(history.spans("shop", "", AT, AT + 600)) == [("up", 0, 200), ("no_data", 200, 500), ("up", 500, 600)]
    clock.set_wall(AT + 400)
    assert told(history.spans("shop", "", AT + 300, AT + 400)) == [("no_data", 300, 400)]


def test_days_are_those_of_utc_and_today_is_the_last(
    store: Store, history: History, clock: MovedClock, rolled: bool
) -> None:
    midnight = AT // DAY_S * DAY_S
    seldom = check(interval="300s")
    Watching(store).sees(seldom, "u" * 10 + "d" * 10 + "u" * 20, at=midnight - 20 * 300, every_s=300.0)
    if rolled:
        roll(store, clock)
    clock.set_wall(midnight + 20 * 300)
    days = history.days(["shop", "other"], "", 3)
    before, yesterday, today = days["shop"]
    assert [day.date for day in days["shop"]] == ["2023-11-12", "2023-11-13", "2023-11-14"]
    assert before.worst is NO_DATA
    assert (before.uptime.runs, yesterday.uptime.runs, today.uptime.runs) == (0, 20, 20)
    assert yesterday.uptime.seconds[DOWN] == pytest.approx(3_000.0)
    assert sum(yesterday.uptime.seconds.values()) == pytest.approx(DAY_S)
    assert sum(today.uptime.seconds.values()) == pytest.approx(6_000.0)
    assert (yesterday.worst, today.worst) == (DOWN, UP)
    assert {day.worst for day in days["other"]} == {NO_DATA}


def test_past_days_are_kept_for_a_while_and_then_looked_at_anew(
    store: Store, history: History, clock: MovedClock
) -> None:
    Watching(store).sees(SHOP, "u" * 20, at=AT - DAY_S, every_s=60.0)
    assert history.days(["shop"], "", 2)["shop"][0].worst is NO_DATA
    before = history.days(["shop"], "", 2)["shop"][0].uptime.seconds
    store.add_hush(Hush("m", HushKind.MAINTENANCE, AT - 2 * DAY_S, AT))
    assert history.days(["shop"], "", 2)["shop"][0].uptime.seconds == before
    clock.advance(901.0)
    assert history.days(["shop"], "", 2)["shop"][0].uptime.seconds[MAINTENANCE] > 0


def test_a_check_that_is_configured_no_more_keeps_its_past(store: Store, history: History, clock: MovedClock) -> None:
    Watching(store).sees(SHOP, "u" * 10 + "d" * 10)
    roll(store, clock)
    store.commit(batch("forget", forgotten=(("shop", REGION),)))
    clock.set_wall(AT + 10_000)
    found = history.spans("shop", "", AT, AT + 10_000)
    assert told(found)[:2] == [("up", 0, 300), ("down", 300, 570.5 + FRESH_S)]
    assert told(history.spans("shop", "", AT + 400, AT + 500)) == [("down", 400, 500)]
