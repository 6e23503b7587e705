"""What a status page says, given what the checks found and what people announced."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from fakes.alerts import AT
from fakes.pages import PAGE, World, found
from fakes.past import DAY_S

from prober.history import Stretch
from prober.model import Condition, Hush, HushKind, Incident
from prober.store import Announced, Announcement, Update
from prober.web.status.board import Board
from prober.web.status.public import PublicPage, State

Make = Callable[..., World]


def shown(world: World, name: str = "main") -> PublicPage:
    return Board(world.offer, world.past, world.clock).make(name)


def states(page: PublicPage) -> dict[str, State]:
    return {component.name: component.state for component in page.components()}


def test_all_is_well_when_all_of_it_is(world: World) -> None:
    page = shown(world)
    assert (page.state, page.sentence) == (State.OPERATIONAL, "All systems operational")
    assert states(page) == {"Website": State.OPERATIONAL, "Payments": State.OPERATIONAL}
    assert [group.name for group in page.groups] == ["Shop"]
    website = page.component("website")
    assert website is not None
    assert website.uptime == {7: 1.0, 30: 1.0, 90: 1.0}
    assert len(website.days) == 90


def test_one_check_of_two_down_is_a_partial_outage_and_both_are_an_outage(world: World) -> None:
    world.past.was("private-web", Stretch.DOWN, AT - 600, AT)
    assert states(shown(world))["Website"] is State.PARTIAL
    assert shown(world).sentence == "Partial outage"
    world.past.was("private-web-2", Stretch.DOWN, AT - 600, AT)
    assert states(shown(world))["Website"] is State.OUTAGE
    assert shown(world).sentence == "Partial outage"
    world.past.was("private-pay", Stretch.DOWN, AT - 600, AT)
    assert shown(world).sentence == "Major outage"


@pytest.mark.parametrize(
    ("stretch", "state", "sentence"),
    [
        (Stretch.DEGRADED, State.DEGRADED, "Degraded performance"),
        (Stretch.MAINTENANCE, State.MAINTENANCE, "Maintenance under way"),
        (Stretch.NO_DATA, State.NO_DATA, "No known problems, but some systems are not being measured"),
        (Stretch.UNKNOWN, State.NO_DATA, "No known problems, but some systems are not being measured"),
    ],
)
def test_what_is_no_outage_is_called_what_it_is(world: World, stretch: Stretch, state: State, sentence: str) -> None:
    world.past.was("private-pay", stretch, AT - 600, AT)
    page = shown(world)
    assert (states(page)["Payments"], page.sentence) == (state, sentence)


def test_nothing_known_is_never_called_well(world: World) -> None:
    for check in world.loaded.config.checks:
        world.past.was(check.id, Stretch.NO_DATA, AT - 100 * DAY_S, AT)
    page = shown(world)
    assert page.sentence == "No data at the moment"
    website = page.component("website")
    assert website is not None
    assert website.uptime[90] is None
    assert {day.state for day in website.days} == {Stretch.NO_DATA}
    assert {day.uptime for day in website.days} == {None}


def test_uptime_is_time_without_maintenance_and_without_gaps(world: World) -> None:
    day = AT - AT % DAY_S - 3 * DAY_S
    world.past.was("private-pay", Stretch.DOWN, day, day + 3_600)
    world.past.was("private-pay", Stretch.MAINTENANCE, day + 3_600, day + 10_800)
    world.past.was("private-pay", Stretch.NO_DATA, day + 10_800, day + 18_000)
    payments = shown(world).component("payments")
    assert payments is not None
    bar = payments.days[-4]
    assert bar.state is Stretch.DOWN
    assert bar.uptime == pytest.approx(1 - 1 / 20)
    assert (bar.down_s, bar.maintenance_s) == (3_600, 7_200)
    assert payments.uptime[7] == pytest.approx(1 - 3_600 / (6 * DAY_S + AT % DAY_S - 14_400))


def test_the_days_of_several_checks_are_those_of_all_of_them(world: World) -> None:
    day = AT - AT % DAY_S - DAY_S
    world.past.was("private-web", Stretch.DOWN, day, day + DAY_S)
    website = shown(world).component("website")
    assert website is not None
    assert (website.days[-2].state, website.days[-2].uptime) == (Stretch.DOWN, 0.5)


def test_an_incident_is_told_by_public_names_since_when_and_how_bad(world: World) -> None:
    world.past.was("private-pay", Stretch.DOWN, AT - 600, AT)
    world.past.kept = [found("private-pay", AT - 600)]
    page = shown(world)
    (incident,) = page.current
    assert incident.title == "Payments: outage in Europe"
    assert (incident.since, incident.until, incident.components) == (AT - 600, None, ("Payments",))
    assert [(update.state, update.text) for update in incident.updates] == [
        ("Detected", "Our monitoring has found an outage of Payments in Europe.")
    ]
    assert page.past == ()


def test_an_incident_that_is_over_says_how_long_it_lasted(world: World) -> None:
    world.past.was("private-pay", Stretch.DOWN, AT - 7_200, AT - 6_000)
    world.past.kept = [found("private-pay", AT - 7_200, AT - 6_000, region="us-east-1")]
    page = shown(world)
    (incident,) = page.past
    assert page.current == ()
    assert incident.title == "Payments: outage"
    assert incident.updates[0].text == "Payments recovered after 20m."


def test_incidents_of_one_component_that_overlap_are_one(world: World) -> None:
    world.past.was("private-web", Stretch.DOWN, AT - 900, AT - 300)
    world.past.was("private-web-2", Stretch.DOWN, AT - 600, AT - 100)
    first, second = found("private-web", AT - 900, AT - 300), found("private-web-2", AT - 600, AT - 100)
    world.past.kept = [first]
    alone = shown(world).past
    world.past.kept = [first, second]
    (incident,) = shown(world).past
    assert incident.id == alone[0].id
    assert (incident.since, incident.until) == (AT - 900, AT - 100)


def test_what_fell_into_maintenance_was_no_incident(world: World) -> None:
    world.past.was("private-pay", Stretch.MAINTENANCE, AT - 900, AT)
    world.past.kept = [found("private-pay", AT - 600)]
    page = shown(world)
    assert (page.current, page.past) == ((), ())
    assert page.sentence == "Maintenance under way"


@pytest.mark.parametrize("condition", [Condition.UNMONITORED, Condition.SILENT, Condition.PROBER])
def test_the_probers_own_troubles_are_nobodys_business(world: World, condition: Condition) -> None:
    world.past.kept = [found("private-pay", AT - 600, condition=condition)]
    assert shown(world).current == ()


def test_one_that_comes_and_goes_goes_on_until_it_holds_still(world: World) -> None:
    world.past.kept = [found("private-pay", AT - 600, AT - 300, finished=False, flapping=True)]
    assert [one.over for one in shown(world).current] == [False]


def test_failing_in_some_regions_is_degraded(world: World) -> None:
    world.past.kept = [found("private-pay", AT - 600, condition=Condition.PARTIAL)]
    page = shown(world)
    assert page.current[0].title == "Payments: degraded performance in Europe"
    assert states(page)["Payments"] is State.DEGRADED


def test_an_incident_of_a_check_that_is_not_on_the_page_is_not_either(world: World) -> None:
    world.past.kept = [found("private-other", AT - 600)]
    assert (shown(world).current, shown(world).past) == ((), ())


def test_a_page_may_leave_incidents_to_people(make: Make) -> None:
    world = make()
    quiet = world.loaded.config.web.status_pages["main"].model_copy(update={"incidents": False})
    world.loaded.config.web.status_pages["main"] = quiet
    world.past.kept = [found("private-pay", AT - 600)]
    world.past.was("private-pay", Stretch.DOWN, AT - 600, AT)
    page = shown(world)
    assert (page.current, states(page)["Payments"]) == ((), State.OUTAGE)


def test_what_people_announce_counts_beside_what_is_measured(world: World) -> None:
    world.store.announce(
        Announcement(
            "1", "main", "Cards are refused", Announced.OUTAGE, AT - 60, text="We *know*.", components=("payments",)
        )
    )
    page = shown(world)
    assert states(page) == {"Website": State.OPERATIONAL, "Payments": State.OUTAGE}
    assert page.current[0].updates[0].html == "<p>We <em>know</em>.</p>\n"
    world.store.add_update("main", "1", Update(AT - 30, "Resolved", "Again."), AT - 30)
    page = shown(world)
    assert states(page)["Payments"] is State.OPERATIONAL
    assert [(one.title, one.over) for one in page.past] == [("Cards are refused", True)]


def test_an_outage_that_is_announced_of_the_whole_page_is_a_major_one(world: World) -> None:
    world.store.announce(Announcement("1", "main", "Fire", Announced.OUTAGE, AT - 60))
    assert shown(world).sentence == "Major outage"
    assert shown(world, "bare").sentence == "All systems operational"


def test_maintenance_says_only_what_was_written_for_the_public(world: World) -> None:
    world.store.add_hush(Hush("h1", HushKind.MAINTENANCE, AT + 3_600, AT + 7_200, ("private-pay",), reason="swap db-7"))
    world.store.add_hush(
        Hush("h2", HushKind.MAINTENANCE, AT - 60, AT + 60, tags=("private-tag",), reason="rack 3", public="*Shelves*")
    )
    world.store.add_hush(Hush("h3", HushKind.SILENCE, AT - 60, AT + 60, ("private-pay",), reason="quiet"))
    world.store.add_hush(Hush("h4", HushKind.MAINTENANCE, AT, AT + 60, ("private-other",), reason="other"))
    told = [(one.title, one.html, one.components, one.active) for one in shown(world).maintenance]
    assert told == [
        ("Scheduled maintenance", "<p><em>Shelves</em></p>\n", ("Website",), True),
        ("Scheduled maintenance", "", ("Payments",), False),
    ]


def test_configured_windows_are_shown_when_they_come(make: Make) -> None:
    world = make(
        """
maintenance:
  - {schedule: "0 3 * * sun", duration: 1h, reason: internal, public: Weekly upkeep}
"""
        + PAGE
    )
    found = shown(world).maintenance
    assert len(found) == 4
    assert {one.html for one in found} == {"<p>Weekly upkeep</p>\n"}
    assert all(one.ends_at - one.starts_at == 3_600 and one.components == () for one in found)


def test_ids_are_the_same_again_and_say_nothing(world: World) -> None:
    incident: Incident = found("private-pay", AT - 600)
    world.past.kept = [incident]
    once, again = shown(world).current[0], shown(world).current[0]
    assert once.id == again.id
    assert incident.id not in once.id
