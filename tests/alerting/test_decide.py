"""What the alerting decides, by example: on one region and on three, in maintenance, in silence, flapping, together."""

from dataclasses import dataclass, replace

import pytest
from fakes.alerts import AT, REGION, Later, Way, check, run
from fakes.town import Town, told_kinds, walk

from prober.alerting.setting import GroupBy
from prober.alerting.telling import REMOVED
from prober.model import AlertPolicy, Condition, Flapping, Hush, HushKind, Verdict

UP, DOWN = Verdict.UP, Verdict.DOWN
EU, US, AP = "eu", "us", "ap"


def town(*checks: object, **more: object) -> Town:
    known = {one.id: one for one in checks} if checks else {"shop": check()}  # type: ignore[attr-defined]
    return Town(known, **more)  # type: ignore[arg-type]


def hush(kind: HushKind = HushKind.MAINTENANCE, first: float = 0.0, last: float = 600.0, *ids: str) -> Hush:
    return Hush("h1", kind, AT + first, AT + last, ids, (), "deploy")


# One region.


def test_an_outage_is_told_once_and_its_end_once() -> None:
    here = town()
    walk(here, "uudddddduuuu")
    assert here.kinds() == ["trigger", "resolve"]
    (first, last) = (notice for _, _, notice in here.told)
    assert (first.since, first.failures) == (AT + 60, 3)
    assert (last.message, last.at) == ("up again after 3m", AT + 240)
    assert here.open() == []


def test_what_was_never_down_is_no_news() -> None:
    here = town()
    walk(here, "guugggguu?uddudd")
    assert here.told == []


def test_degraded_ends_an_outage_and_says_so() -> None:
    here = town()
    walk(here, "dddgg")
    assert here.last().message == "up again but degraded after 1m30s"


def test_slowness_is_an_alert_where_the_policy_says_so() -> None:
    here = town(check(alert=AlertPolicy(down_after=3, up_after=2, degraded=True)))
    walk(here, "ugggguu")
    assert here.kinds(Condition.DEGRADED) == ["trigger", "resolve"]
    assert [notice.severity for _, _, notice in here.told] == ["warning", "warning"]


def test_every_channel_of_every_fitting_route_is_told_once_and_so_of_the_end_whatever_the_routes_are_then() -> None:
    here = town(check(tags=("shop",)), routes=(Way(("ops", "hook")), Way(("hook", "mail"), "shop"), Way(("no",), "x")))
    walk(here, "ddd")
    here.routes = (Way(("late",)),)
    walk(here, "uu")
    assert [(to, notice.kind.value) for _, to, notice in here.told] == [
        *((name, "trigger") for name in ("ops", "hook", "mail")),
        *((name, "resolve") for name in ("ops", "hook", "mail")),
    ]


def test_a_route_that_does_not_go_on_is_the_last_one() -> None:
    here = town(routes=(Way(("first",), go_on=False), Way(("second",))))
    walk(here, "ddd")
    assert [to for _, to, _ in here.told] == ["first"]


def test_an_incident_without_a_fitting_route_is_kept_and_told_to_nobody() -> None:
    here = town(routes=(Way(("ops",), "other"),))
    walk(here, "ddd")
    assert len(here.open()) == 1
    walk(here, "uu")
    assert (here.told, here.open()) == ([], [])


def test_it_is_told_again_while_it_lasts_until_somebody_minds_it() -> None:
    here = town(routes=(Way(("ops",), remind_every=3600.0),))
    walk(here, "d" * 420)
    assert here.kinds() == ["trigger", "reminder", "reminder", "reminder"]
    here.ack(here.open()[0].id)
    walk(here, "d" * 400 + "uu")
    assert here.kinds()[4:] == ["resolve"]


def test_who_else_is_told_when_nobody_acknowledges_hears_of_the_end_too() -> None:
    here = town(routes=(Way(("ops",), escalate=(Later(900.0, ("boss",)),)),))
    walk(here, "d" * 40 + "uu")
    assert [(to, notice.kind.value) for _, to, notice in here.told] == [
        ("ops", "trigger"),
        ("boss", "trigger"),
        ("ops", "resolve"),
        ("boss", "resolve"),
    ]
    assert here.told[1][0] - here.told[0][0] == 900.0


def test_what_is_acknowledged_is_not_escalated() -> None:
    here = town(routes=(Way(("ops",), escalate=(Later(900.0, ("boss",)),)),))
    walk(here, "dddd")
    here.ack(here.open()[0].id)
    walk(here, "d" * 60)
    assert [to for _, to, _ in here.told] == ["ops"]


def test_a_route_whose_hours_come_while_it_lasts_is_used_then() -> None:
    here = town(routes=(Way(("pager",)), Way(("office",), opens_at=AT + 3600.0)))
    walk(here, "d" * 130)
    assert [(to, at >= AT + 3600.0) for at, to, _ in here.told] == [("pager", False), ("office", True)]


# Maintenance and silence.


@pytest.mark.parametrize("kind", list(HushKind))
def test_nothing_is_told_in_a_window_and_what_is_true_at_its_end_is(kind: HushKind) -> None:
    here = town(hushes=[hush(kind)])
    walk(here, "d" * 25)
    ((at, _, notice),) = here.told
    assert (at, notice.since) == (AT + 600, AT)


def test_an_outage_within_a_window_is_no_news() -> None:
    here = town(hushes=[hush()])
    walk(here, "uddddduuuuuuuuuuuuuuuuuuuuuu")
    assert here.told == []
    assert [one.finished for one in here.incidents.values()] == [True]


def test_a_recovery_within_a_window_is_told_at_its_end() -> None:
    here = town(hushes=[hush(HushKind.MAINTENANCE, 100.0)])
    walk(here, "ddduuuuuuuuuuuuuuuuuuuuuuu")
    assert here.kinds() == ["trigger", "resolve"]
    assert here.told[1][0] == AT + 600


def test_an_outage_that_goes_on_after_a_window_as_before_is_not_told_again() -> None:
    here = town(hushes=[hush(HushKind.MAINTENANCE, 100.0)])
    walk(here, "dddduuuuudddddddddddddddddddddddddduu")
    assert here.kinds() == ["trigger", "resolve"]
    assert len(here.incidents) == 1


def test_a_window_is_for_the_checks_it_names() -> None:
    here = town(check("shop"), check("api"), hushes=[hush(HushKind.SILENCE, 0, 600, "sh*")])
    for _ in range(4):
        here.run("shop", DOWN)
        here.run("api", DOWN)
        here.now += 30
    assert told_kinds(here) == [("api", "trigger")]
    assert here.open()[0].held in ("silenced: deploy", "")


def test_nothing_held_back_is_lost_when_the_window_is_lifted() -> None:
    here = town(hushes=[hush(HushKind.SILENCE, 0, 9e9)])
    walk(here, "dddd")
    assert here.open()[0].held == "silenced: deploy"
    here.hushes = []
    here.decide()
    assert here.kinds() == ["trigger"]


# Dependencies.


def family() -> Town:
    return town(check("gateway"), check("shop", depends_on=("gateway",)))


def test_a_child_is_not_told_while_its_parent_is_down_and_both_recoveries_are_told_as_they_were_told() -> None:
    here = family()
    for verdict in (DOWN,) * 5 + (UP,) * 4:
        for name in ("shop", "gateway"):
            here.run(name, verdict)
        here.now += 30
        here.decide()
    assert told_kinds(here) == [("gateway", "trigger"), ("gateway", "resolve")]


def test_a_child_that_is_still_down_when_its_parent_is_up_again_is_told() -> None:
    here = family()
    for parent in (DOWN,) * 5 + (UP,) * 6:
        here.run("shop", DOWN)
        here.run("gateway", parent)
        here.now += 30
        here.decide()
    assert told_kinds(here) == [("gateway", "trigger"), ("gateway", "resolve"), ("shop", "trigger")]


def test_a_child_of_a_healthy_parent_is_told_once_that_was_looked_at() -> None:
    here = family()
    walk(here, "uu", "gateway")
    walk(here, "ddd", "shop")
    assert here.told == []
    assert here.open()[0].held == "depends on gateway"
    here.run("gateway", UP)
    here.decide()
    assert told_kinds(here) == [("shop", "trigger")]


def test_a_childs_recovery_is_told_though_its_parent_went_down_meanwhile() -> None:
    here = family()
    walk(here, "u", "gateway")
    here.now += 1
    walk(here, "ddd", "shop")
    here.run("gateway", UP)
    here.decide()
    walk(here, "ddd", "gateway")
    walk(here, "uu", "shop")
    assert told_kinds(here)[-1] == ("shop", "resolve")


# Flapping.


def test_a_check_that_comes_and_goes_is_told_as_that_once_and_then_left_alone_until_it_holds_still() -> None:
    policy = AlertPolicy(down_after=1, up_after=1, flapping=Flapping(changes=4, within="1h", stable="10m"))
    here = town(check(alert=policy))
    walk(here, "u" + "du" * 10)
    assert here.kinds() == ["trigger", "resolve", "trigger", "update"]
    assert "flapping" in here.last().note
    walk(here, "u" * 25)
    assert here.kinds()[4:] == ["resolve"]
    assert len(here.open()) == 0


def test_a_check_that_stops_flapping_while_down_is_told_as_down() -> None:
    policy = AlertPolicy(down_after=1, up_after=1, flapping=Flapping(changes=4, within="1h", stable="10m"))
    here = town(check(alert=policy))
    walk(here, "u" + "du" * 5 + "d" * 30)
    assert here.kinds() == ["trigger", "resolve", "trigger", "update", "update"]
    assert "is down" in here.last().note
    walk(here, "u" * 25)
    assert here.kinds()[5:] == ["resolve"]


# Together.


@dataclass(frozen=True)
class Together:
    wait: float = 30.0
    by: GroupBy = "tag"


def crowd(*names: str, **more: object) -> Town:
    return town(*(check(name, tags=("shop",)) for name in names), more={"grouping": Together()}, **more)


def test_what_goes_down_together_is_told_in_one_notice_and_resolved_when_all_is_up_again() -> None:
    here = crowd("a", "b", "c")
    for verdict in (DOWN, DOWN, DOWN, DOWN, DOWN):
        for name in "abc":
            here.run(name, verdict)
        here.now += 30
        here.decide()
    ((_, _, notice),) = here.told
    assert [member[0] for member in notice.members] == ["a", "b", "c"]
    assert notice.title == "3 checks: a, b, c"
    for name in "ab":
        here.run(name, UP)
        here.run(name, UP)
    here.decide()
    assert here.kinds() == ["trigger"]
    here.run("c", UP)
    here.run("c", UP)
    assert here.kinds() == ["trigger", "resolve"]
    assert here.open() == []


def test_what_goes_down_after_the_others_were_told_is_told_by_itself() -> None:
    here = crowd("a", "b")
    walk(here, "ddddd", "a")
    walk(here, "ddddd", "b")
    assert told_kinds(here) == [("a", "trigger"), ("b", "trigger")]


def test_checks_that_go_to_different_channels_are_never_told_together() -> None:
    here = crowd("a", "b", routes=(Way(("ops",)),))
    here.checks["b"] = here.checks["b"].model_copy(update={"tags": ("shop", "vip")})
    here.routes = (Way(("ops",)), Way(("vip",), "vip"))
    for _ in range(5):
        here.run("a", DOWN)
        here.run("b", DOWN)
        here.now += 30
        here.decide()
    assert sorted((to, len(notice.members)) for _, to, notice in here.told) == [("ops", 0), ("ops", 0), ("vip", 0)]


# Removed, renamed, changed.


def test_a_check_deleted_while_down_ends_its_incident_and_says_why() -> None:
    here = town(check(), check("other"))
    walk(here, "ddd")
    del here.checks["shop"]
    del here.states["shop", REGION]
    here.decide()
    assert (here.kinds(), here.last().message) == (["trigger", "resolve"], REMOVED)


def test_a_changed_threshold_and_title_keep_counters_and_incident() -> None:
    here = town()
    walk(here, "ddd")
    here.checks["shop"] = check(title="Renamed", alert=AlertPolicy(down_after=9, up_after=1))
    walk(here, "du")
    assert here.kinds() == ["trigger", "resolve"]


# Several regions.


def three(**more: object) -> Town:
    here = town(regions=(EU, US, AP), **more)
    here.beats = dict.fromkeys((EU, US, AP), AT)
    return here


def everywhere(here: Town, *rounds: str) -> None:
    """One round of runs: a letter for each region."""
    for letters in rounds:
        for region, letter in zip((EU, US, AP), letters, strict=True):
            if letter != ".":
                here.beats[region] = here.now
                here.run("shop", {"u": UP, "d": DOWN}[letter], region)
        here.now += 30
        here.decide(region=EU)


def test_down_in_most_regions_is_told_once_with_where() -> None:
    here = three()
    everywhere(here, "uuu", "ddu", "ddu", "ddu", "ddd", "uuu", "uuu")
    assert here.kinds() == ["trigger", "resolve"]
    first = here.told[0][2]
    assert (first.regions_down, first.regions_up) == ((EU, US), (AP,))


def test_down_in_one_region_of_three_is_told_later_and_more_mildly() -> None:
    here = three()
    everywhere(here, "uuu", *["duu"] * 40)
    ((at, _, notice),) = here.told
    assert (notice.condition, notice.severity, notice.regions_down) == (Condition.PARTIAL, "warning", (EU,))
    assert at - notice.since >= 900.0
    everywhere(here, "uuu", "uuu")
    assert (here.kinds(), here.last().message[:20]) == (["trigger", "resolve"], "up everywhere again ")


def test_a_region_that_recovers_later_than_the_others_is_no_news_of_its_own() -> None:
    here = three()
    everywhere(here, "uuu", *["ddu"] * 40, "uuu", "udu", "udu", "uuu", "uuu")
    assert here.kinds() == ["trigger", "resolve"], "it was down for long, but partial only just now"
    everywhere(here, *["ddu"] * 40, *["duu"] * 35)
    assert here.kinds(Condition.PARTIAL) == ["trigger"]
    partial, resolve = here.last(), here.told[-2][2]
    assert partial.at - resolve.at >= 900.0


@pytest.mark.parametrize("off_s", [-3_600.0, 3_600.0])
def test_how_long_it_has_failed_is_told_by_the_stores_clock_however_wrong_a_regions_is(off_s: float) -> None:
    here = three()
    for letters in ["uuu", *["duu"] * 40]:
        for region, letter in zip((EU, US, AP), letters, strict=True):
            ahead_s = off_s if region == EU else 0.0
            seen = run(check(), {"u": UP, "d": DOWN}[letter], round(here.now), at=here.now + ahead_s, region=region)
            here.beats[region] = here.now
            here.take(seen)
        here.now += 30
        here.decide(region=US)
    ((at, _, notice),) = here.told
    assert 900.0 <= at - notice.since < 1_000.0
    assert abs(notice.since - (AT + 30)) < 60


def test_a_region_that_was_not_there_since_the_store_came_back_has_no_vote_yet() -> None:
    alone = town(prefix="a", more={"spare": True, "note": "quorum: unavailable"})
    walk(alone, "ddd", every_s=10.0)
    here = three()
    everywhere(here, "uuu")
    here.now += 20
    here.more["absent_from"] = here.now - 15  # it was away for a while, and eu is the first to be back
    here.incidents = {one.id: replace(one, region="eu (alone)") for one in alone.incidents.values()}
    for _ in range(3):
        here.run("shop", DOWN, EU)
    assert here.told == [], "what the others said before is fresh still, but they may have seen it down since"
    for region in (US, AP):  # what each has seen meanwhile comes over before its first sign of life
        here.states["shop", region] = replace(here.states["shop", EU], region=region)
        here.heard["shop", region] = here.beats[region] = here.now
    here.decide({"shop"}, region=US)
    assert here.told == []
    assert len(here.open()) == 2


def test_what_one_region_alone_called_slow_ends_with_what_all_say() -> None:
    policy = AlertPolicy(degraded=True)
    alone = town(check(alert=policy), prefix="a", more={"spare": True})
    walk(alone, "uggg")
    assert alone.kinds(Condition.DEGRADED) == ["trigger"]
    here = town(check(alert=policy), regions=(EU, US, AP))
    here.now = alone.now
    here.incidents = {one.id: replace(one, region="eu (alone)") for one in alone.incidents.values()}
    everywhere(here, "uuu")
    assert here.kinds() == ["resolve"]
    assert here.open(Condition.DEGRADED) == []


def test_an_outage_does_not_end_where_another_region_is_about_to_see_it() -> None:
    here = three()
    everywhere(here, "uuu", "ddu", "ddu", "ddu", "dud", "dud", "dud")
    assert here.kinds(Condition.DOWN) == ["trigger"]
    everywhere(here, "uuu", "uuu")
    assert here.kinds(Condition.DOWN) == ["trigger", "resolve"]


def test_half_of_the_regions_is_not_most_of_them() -> None:
    here = town(regions=(EU, US))
    for _ in range(6):
        here.run("shop", DOWN, EU)
        here.run("shop", UP, US)
        here.now += 30
        here.decide()
    assert here.kinds(Condition.DOWN) == []


@pytest.mark.parametrize(
    ("quorum", "told"), [("any", True), ("majority", False), ("all", False), (2, False), (1, True)]
)
def test_the_quorum_says_how_many_regions_it_takes(quorum: object, told: bool) -> None:
    here = town(check(quorum=quorum), regions=(EU, US, AP))
    everywhere(here, "uuu", "duu", "duu", "duu")
    assert (here.kinds(Condition.DOWN) == ["trigger"]) is told


def test_a_region_that_fell_silent_has_no_vote_and_is_told_by_the_others() -> None:
    here = three()
    everywhere(here, "uuu", "ddd", "ddd", "ddd")
    everywhere(here, *["uu."] * 8)
    assert here.kinds(Condition.DOWN) == ["trigger", "resolve"]
    assert here.kinds(Condition.SILENT) == ["trigger"]
    assert here.last().title == "region ap"
    everywhere(here, "uuu")
    assert here.kinds(Condition.SILENT) == ["trigger", "resolve"]


def test_how_long_a_region_may_be_silent_is_configured() -> None:
    here = three(more={"silent_after_s": 600.0})
    everywhere(here, "uuu", *["uu."] * 18)
    assert here.kinds(Condition.SILENT) == []
    everywhere(here, "uu.", "uu.")
    assert here.kinds(Condition.SILENT) == ["trigger"]


def test_too_few_regions_say_nothing_and_that_is_told_once_for_all_checks() -> None:
    here = town(check(), check("api"), regions=(EU, US, AP))
    here.beats = dict.fromkeys((EU, US, AP), AT)
    for _ in range(3):
        for name in ("shop", "api"):
            for region in (EU, US, AP):
                here.run(name, DOWN if name == "shop" else UP, region)
        here.now += 30
    for _ in range(8):
        here.run("shop", UP, EU)
        here.run("api", DOWN, EU)
        here.now += 30
        here.decide(region=EU)
    assert here.kinds(Condition.DOWN) == ["trigger"], "one region alone neither ends an outage nor begins one"
    (notice,) = [notice for _, _, notice in here.told if notice.condition is Condition.UNMONITORED]
    assert "api, shop" in notice.message
    everywhere(here, "uuu", "uuu")


def test_what_was_not_heard_while_the_store_was_away_proves_nothing() -> None:
    here = three(more={"contact_since": AT + 1_000.0})
    everywhere(here, "uuu")
    here.now = AT + 1_010.0
    here.decide(region=EU)
    assert here.told == []


# The prober itself.


def test_trouble_with_the_prober_is_one_alert_whatever_it_is() -> None:
    here = town(
        more={"troubles": {"egress": "no canary answers", "unknown": "checks that could not be run: a (no_browser)"}}
    )
    here.decide()
    assert here.kinds(Condition.PROBER) == ["trigger"]
    assert here.last().check_id == "prober"
    here.more = {}
    here.decide()
    assert here.kinds() == ["trigger", "resolve"]


def test_maintenance_of_everything_does_not_hide_that_nobody_watches() -> None:
    here = town(hushes=[hush()], more={"troubles": {"egress": "no canary answers"}})
    here.decide()
    assert here.kinds() == ["trigger"]


def test_trouble_goes_to_the_channels_named_for_it() -> None:
    here = town(more={"troubles": {"x": "y"}, "channels": ("admin",)})
    here.decide()
    assert [to for _, to, _ in here.told] == ["admin"]


# The store away.


def test_a_regions_own_view_says_so_and_spares_whom_others_have_told() -> None:
    away = {"spare": True, "note": "quorum: unavailable", "spared": {("shop", Condition.DOWN): ("ops",)}}
    here = town(routes=(Way(("ops", "pager")),), more=away)
    walk(here, "ddduu")
    assert [(to, notice.kind.value, notice.note) for _, to, notice in here.told] == [
        ("pager", "trigger", "quorum: unavailable"),
        ("pager", "resolve", "quorum: unavailable"),
    ]


def test_what_one_region_told_alone_is_not_told_again_and_ends_with_what_all_say() -> None:
    alone = town(prefix="a", more={"spare": True, "note": "quorum: unavailable"})
    walk(alone, "ddd")
    here = three()
    here.now = alone.now
    here.incidents = {one.id: replace(one, region="eu (alone)") for one in alone.incidents.values()}
    everywhere(here, "ddd", "ddd", "ddd")
    assert here.told == []
    assert len(here.open()) == 2
    everywhere(here, "uuu", "uuu")
    assert here.kinds() == ["resolve"]
    assert here.open() == []
