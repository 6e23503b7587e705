"""Three real probers as three regions on one database, one with its clock 30 s ahead: what is told, and no more.

``pytest -s`` shows each scene's timeline.
"""

import contextlib
import os
import signal
from collections.abc import Iterator

import psycopg
import pytest
from fakes.postgres import postgres
from fakes.regions import CHANNELS, REGIONS, Told, World, stamp, world

from prober.store import schema
from prober.store.postgres import SETTINGS

pytestmark = pytest.mark.timeout(300)

TROUBLE = [Told("trigger", "prober", "prober", f"{region}, quorum unavailable") for region in REGIONS]
OWN_VIEW = [Told("trigger", "down", "shop", f"{region}, quorum unavailable") for region in REGIONS]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with postgres() as server, world(server, tmp_path_factory.mktemp("regions")) as everything:
        yield everything


@pytest.fixture
def here(running: World, request: pytest.FixtureRequest) -> Iterator[World]:
    running.log(f"== {request.node.name}")
    running.seen = len(running.service.posted)
    yield running
    running.cut()
    running.rest()
    for posted in running.service.posted[running.seen :]:
        running.log(f"{posted.path:6} {posted.body['at'][11:23]} {told_line(posted.body)}")


def told_line(body: dict[str, object]) -> str:
    from fakes.regions import told

    return f"{told(body)}: {body['message']}"


def resolved(*notices: Told) -> list[Told]:
    return [Told("resolve", one.condition, one.check, one.where) for one in notices]


def down(where: str) -> Told:
    return Told("trigger", "down", "shop", where)


def partial(where: str) -> Told:
    return Told("trigger", "partial", "shop", where)


def check_told(here: World, wanted: list[Told], *, in_order: bool = True) -> None:
    """Each channel was told this and nothing else, also a while later; nothing came twice."""
    here.rest()
    for channel in CHANNELS:
        found = here.told(channel)
        assert (found if in_order else sorted(found)) == (wanted if in_order else sorted(wanted)), channel


@pytest.mark.slow
def test_a_target_cut_off_from_one_region_is_partial_and_never_down(here: World) -> None:
    here.cut("us")
    here.wait_for_told(1)
    here.cut()
    check_told(here, [partial("us | ap eu"), *resolved(partial("us | ap eu"))])
    for posted in here.service.posted[here.seen :]:
        assert 0 <= stamp(posted.body["at"]) - stamp(posted.body["since"]) < 60, "times are those of the store's clock"


def test_a_target_cut_off_from_two_regions_is_down_once_and_partial_no_more(here: World) -> None:
    here.cut("eu", "us")
    here.wait_for_told(1)
    here.cut()
    check_told(here, [down("eu us | ap"), *resolved(down("eu us | ap"))])


@pytest.mark.slow
def test_a_target_that_stays_cut_off_from_one_of_two_is_up_and_only_later_partial(here: World) -> None:
    here.cut("eu", "us")
    here.wait_for_told(1)
    here.cut("us")
    here.wait_for_told(3)
    here.cut()
    check_told(
        here,
        [down("eu us | ap"), *resolved(down("eu us | ap")), partial("us | ap eu"), *resolved(partial("us | ap eu"))],
    )
    _, ended, began, _ = (posted.body for posted in here.service.posted[here.seen :] if posted.path == "/page")
    assert stamp(began["at"]) - stamp(ended["at"]) >= 5.0


@pytest.mark.slow
def test_a_target_cut_off_from_all_is_down_once(here: World) -> None:
    here.cut(*REGIONS)
    here.wait_for_told(1)
    here.cut()
    first = here.told("page")[0]
    assert first.where in {"ap eu us |", "ap eu | us", "ap us | eu", "eu us | ap"}, "told by the first majority"
    check_told(here, [first, *resolved(first)])


@pytest.mark.slow
def test_a_database_that_is_away_while_all_is_well_is_the_probers_trouble_and_nothing_is_down(here: World) -> None:
    with here.postgres.stopped():
        here.log("-- the database is stopped")
        here.wait_for_told(3)
    here.log("-- the database is back")
    check_told(here, [*TROUBLE, *resolved(*TROUBLE)], in_order=False)


def test_an_outage_while_the_database_is_away_is_each_regions_own_and_resolved_once(here: World) -> None:
    with here.postgres.stopped():
        here.log("-- the database is stopped")
        here.wait_for_told(3)
        here.cut(*REGIONS)
        here.wait_for_told(3, "trigger", "down")
    here.log("-- the database is back")
    here.wait_for_told(3, "resolve", "prober")
    here.until(lambda: len(open_incidents(here)) == 4, "what each said alone has moved, and all say it together")
    here.cut()
    check_told(here, [*TROUBLE, *OWN_VIEW, *resolved(*TROUBLE, *OWN_VIEW)], in_order=False)


@pytest.mark.slow
def test_an_outage_that_was_told_before_the_database_went_away_is_not_told_again_and_resolved_once(here: World) -> None:
    here.cut(*REGIONS)
    here.wait_for_told(1)
    first = here.told("page")[0]
    here.rest_told()
    with here.postgres.stopped():
        here.log("-- the database is stopped")
        here.wait_for_told(4)
        here.cut()
        here.run_on(4)
    here.log("-- the database is back")
    check_told(here, [first, *TROUBLE, *resolved(first, *TROUBLE)], in_order=False)


@pytest.mark.slow
def test_a_region_that_was_stopped_and_resumed_tells_nothing_late(here: World) -> None:
    there = here.probers["ap"]
    os.kill(there.pid, signal.SIGSTOP)
    here.log("-- the prober in ap is stopped")
    try:
        here.wait_for_told(1, "trigger", "silent")
        here.cut(*REGIONS)
        here.wait_for_told(1, "trigger", "down")
        here.cut()
        here.wait_for_told(1, "resolve", "down")
    finally:
        os.kill(there.pid, signal.SIGCONT)
        here.log("-- the prober in ap goes on")
    here.wait_for_told(1, "resolve", "silent")
    silent = here.told("page")[0]
    check_told(here, [silent, down("eu us |"), *resolved(down("eu us |"), silent)])


def test_a_region_that_stops_in_the_middle_of_a_decision_holds_up_the_others_for_seconds_only(here: World) -> None:
    with contextlib.suppress(psycopg.Error), psycopg.connect(here.database) as stopped:  # it is cut off
        for name, value in SETTINGS.items():
            stopped.execute(f"SET {name} = '{value}'".encode())
        stopped.commit()
        stopped.execute("SELECT value FROM meta WHERE key = %s FOR UPDATE", (schema.DECISION,))
        here.log("-- the lock of decisions is held by one that stands still")
        here.cut("eu", "us")
        here.wait_for_told(1)
    first = here.told("page")[0]
    assert first.where in {"eu us | ap", "eu us |"}, "what ap said may have become too old meanwhile"
    here.cut()
    check_told(here, [first, *resolved(first)])


def open_incidents(here: World) -> list[object]:
    return here.postgres.run("SELECT id FROM incidents WHERE finished = 0 AND condition = 'down'", here.database)
