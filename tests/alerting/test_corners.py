"""What the alerting decides where several of its rules meet: found by looking for a lost, doubled or wrong notice."""

import time
from dataclasses import dataclass, replace

from fakes.alerts import AT, REGION, Later, Way, check
from fakes.town import Town, told_kinds, walk

from prober.alerting import decide
from prober.alerting.setting import GroupBy
from prober.model import AlertPolicy, Check, Condition, Flapping, Hush, HushKind, NoticeKind, Verdict
from prober.state import State

UP, DOWN, DEGRADED = Verdict.UP, Verdict.DOWN, Verdict.DEGRADED
EU, US, AP = "eu", "us", "ap"
STEADY = AlertPolicy(down_after=3, up_after=2, flapping=None)


def town(*checks: object, **more: object) -> Town:
    known = {one.id: one for one in checks} if checks else {"shop": check()}  # type: ignore[attr-defined]
    return Town(known, **more)  # type: ignore[arg-type]


def everywhere(here: Town, letters: str, check_id: str = "shop", times: int = 1) -> None:
    """``times`` runs in each region, a letter for each: u for up, d for down, . for none."""
    for _ in range(times):
        for region, letter in zip(here.regions, letters, strict=True):
            if letter != ".":
                here.beats[region] = here.now
                here.run(check_id, {"u": UP, "d": DOWN, "g": DEGRADED}[letter], region)
        here.now += 30
        here.decide(region=here.regions[0])


# Regions.


def test_a_region_that_decides_alone_needs_no_other_whatever_the_quorum() -> None:
    here = town(check(quorum=2))
    walk(here, "ddd")
    assert here.kinds(Condition.DOWN) == ["trigger"]


def test_failing_in_some_regions_is_an_incident_at_once_and_told_when_it_has_lasted() -> None:
    # Once a region has settled, its runs change nothing that a decision is taken for: time alone has to tell.
    here = town(regions=(EU, US, AP), beats=dict.fromkeys((EU, US, AP), AT))
    everywhere(here, "uuu")
    everywhere(here, "duu", times=3)
    (found,) = here.open(Condition.PARTIAL)
    assert (found.held, here.told) == ("failing for less than 15m", [])
    for _ in range(31):
        here.now += 30
        for region in here.regions:
            key = ("shop", region)
            here.heard[key] = here.beats[region] = here.now
            here.states[key] = replace(here.states[key], last_at=here.now)
        here.decide(region=EU)
    assert here.kinds(Condition.PARTIAL) == ["trigger"]


def test_failing_in_some_regions_for_a_while_is_told_to_nobody() -> None:
    here = town(regions=(EU, US, AP), beats=dict.fromkeys((EU, US, AP), AT))
    everywhere(here, "uuu")
    everywhere(here, "duu", times=5)
    everywhere(here, "uuu", times=3)
    assert (here.told, here.open(Condition.PARTIAL)) == ([], [])


def test_a_region_that_is_no_longer_listed_is_no_longer_missed() -> None:
    here = town(regions=(EU, US, AP), beats=dict.fromkeys((EU, US, AP), AT))
    everywhere(here, "uuu")
    everywhere(here, "uu.", times=6)
    assert here.kinds(Condition.SILENT) == ["trigger"]
    here.regions = (EU, US)
    here.decide(region=EU)
    assert here.kinds(Condition.SILENT) == ["trigger", "resolve"]
    here.regions = (EU, US, AP)
    here.decide(region=US)
    assert here.kinds(Condition.SILENT) == ["trigger", "resolve"], "a configuration that comes later is no news"


def test_the_trouble_of_a_prober_whose_region_is_no_longer_listed_is_over_once_it_is_not_heard_of() -> None:
    here = town(regions=(EU, US, AP), beats=dict.fromkeys((EU, US, AP), AT))
    here.more = {"troubles": {"x": "y"}}
    here.decide(region=AP)
    here.more = {}
    here.regions = (EU, US)
    here.decide(region=EU)
    assert here.kinds(Condition.PROBER) == ["trigger"], "it may only have an older configuration"
    here.now += 300
    here.beats |= {EU: here.now, US: here.now}
    here.decide(region=EU)
    assert here.kinds(Condition.PROBER) == ["trigger", "resolve"]


# Together.


@dataclass(frozen=True)
class Together:
    wait: float = 30.0
    by: GroupBy = "tag"


def crowd(*checks: Check, **more: object) -> Town:
    return town(*checks, more={"grouping": Together()} | more.pop("more", {}), **more)  # type: ignore[operator]


def all_down(here: Town, *names: str, times: int = 5) -> None:
    for _ in range(times):
        for name in names:
            here.run(name, DOWN)
        here.now += 30
        here.decide()


def test_what_nobody_knows_of_is_not_told_in_the_notice_of_what_is_known_already() -> None:
    spared = {"spared": {("a", Condition.DOWN): ("ops",)}}
    here = crowd(check("a", tags=("shop",)), check("b", tags=("shop",)), more=spared)
    all_down(here, "a", "b")
    assert told_kinds(here) == [("b", "trigger")]


def test_what_is_escalated_differently_is_not_told_together() -> None:
    routes = (Way(("ops",), "vip", go_on=False, escalate=(Later(300.0, ("boss",)),)), Way(("ops",)))
    here = crowd(check("a", tags=("shop",)), check("b", tags=("shop", "vip")), routes=routes)
    all_down(here, "a", "b", times=20)
    assert [notice.check_id for _, to, notice in here.told if to == "boss"] == ["b"]


def test_the_worst_of_what_is_told_together_leads() -> None:
    mild, grave = check("a", tags=("shop",), severity="warning"), check("b", tags=("shop",), severity="critical")
    here = crowd(mild, grave)
    all_down(here, "a", "b")
    assert [(notice.check_id, notice.severity, len(notice.members)) for _, _, notice in here.told] == [
        ("b", "critical", 2)
    ]


def test_whoever_hears_later_of_what_was_told_together_hears_what_is_still_down() -> None:
    names = ("a", "b", "c")
    routes = (Way(("ops",), remind_every=600.0, escalate=(Later(300.0, ("boss",)),)),)
    here = crowd(*(check(name, tags=("shop",)) for name in names), routes=routes)
    all_down(here, *names)
    for _ in range(25):
        here.run("a", UP)
        here.run("b", DOWN)
        here.run("c", DOWN)
        here.now += 30
        here.decide()
    (late,) = [notice for _, to, notice in here.told if to == "boss"]
    again = next(notice for _, _, notice in here.told if notice.kind is NoticeKind.REMINDER)
    for notice in (late, again):
        assert [member[0] for member in notice.members] == ["b", "c"]
        assert notice.title == "2 checks: b, c"
        assert notice.incident_id == here.told[0][2].incident_id


def test_thousands_that_recover_at_once_are_decided_before_the_store_loses_patience() -> None:
    checks = [check(f"c{number}", alert=AlertPolicy(down_after=1, up_after=1)) for number in range(5_000)]
    here = town(*checks)
    for verdict in (DOWN, UP):
        for one in checks:
            here.states[one.id, REGION] = State(one.id, REGION, verdict, since=here.now, last_at=here.now)
            here.heard[one.id, REGION] = here.now
        snapshot = here.snapshot(here.checks)
        began = time.process_time()
        decision = decide(snapshot, here.setting(REGION, {}))
        took_s = time.process_time() - began
        here.write(decision)
        here.now += 30
    assert (here.kinds().count("resolve"), took_s < 2.5) == (5_000, True)


class Window:
    """Maintenance of everything, that counts how often one asks."""

    reason = "move"

    def __init__(self) -> None:
        self.asked = 0

    def selects(self, check: Check) -> bool:
        return True

    def active(self, now: float) -> bool:
        self.asked += 1
        return True


def test_whether_a_window_is_on_is_found_out_once_for_all_that_is_down() -> None:
    # With a cron schedule that takes a tenth of a millisecond, and thousands may be down.
    window = Window()
    here = town(*(check(f"c{number}") for number in range(20)), more={"windows": (window,)})
    all_down(here, *here.checks)
    window.asked = 0
    decide(here.snapshot(()), here.setting(REGION, {}))
    assert (window.asked, here.told, len(here.open())) == (1, [], 20)


# What a region said by itself.


def alone(letters: str, one: Check, check_id: str = "shop") -> Town:
    """A region whose store is away, after these runs; its incidents as they move over."""
    here = town(one, prefix="a", more={"spare": True, "note": "quorum: unavailable"})
    walk(here, letters, check_id)
    here.incidents = {one.id: replace(one, region=f"{EU} (alone)") for one in here.incidents.values()}
    return here


def together(before: Town, *checks: Check, **more: object) -> Town:
    here = town(*checks, regions=(EU, US, AP), **more)
    here.beats, here.now = dict.fromkeys((EU, US, AP), before.now), before.now
    here.incidents = dict(before.incidents)
    return here


def test_slowness_that_one_region_told_alone_is_not_told_again_and_ends_with_what_all_say() -> None:
    slow = check(alert=AlertPolicy(down_after=3, up_after=2, degraded=True))
    before = alone("uggg", slow)
    assert before.kinds(Condition.DEGRADED) == ["trigger"]
    here = together(before, slow)
    everywhere(here, "ggg", times=4)
    assert here.told == []
    everywhere(here, "uuu", times=3)
    assert (here.kinds(), here.open(Condition.DEGRADED)) == (["resolve"], [])


def test_what_was_held_back_when_a_region_told_it_alone_is_not_told_again() -> None:
    here = town(check(tags=("shop",)), regions=(EU, US, AP), more={"grouping": Together(wait=60.0)})
    here.beats = dict.fromkeys((EU, US, AP), AT)
    for _ in range(3):
        everywhere(here, "ddd")
    assert (here.told, len(here.open())) == ([], 1)
    here.incidents |= alone("ddd", check()).incidents
    everywhere(here, "ddd", times=5)
    assert here.told == []
    everywhere(here, "uuu", times=3)
    assert here.kinds() == ["resolve"]


def test_an_incident_of_another_prober_keeps_nobody_from_hearing() -> None:
    # In a store of one's own it is left from when the region had another name.
    here = town()
    before = alone("ddd", check())
    here.incidents = {one.id: replace(one, region="formerly") for one in before.incidents.values()}
    here.now = before.now
    walk(here, "ddd")
    assert here.kinds() == ["trigger"]


# Reminders, flapping, dependencies.


def test_reminders_that_become_rarer_are_all_sent() -> None:
    here = town(routes=(Way(("ops",), remind_every=600.0),))
    walk(here, "d" * 63)
    assert here.kinds() == ["trigger", *["reminder"] * 3]
    here.routes = (Way(("ops",), remind_every=1_200.0),)
    before = dict(here.incidents)
    walk(here, "d" * 42)
    assert here.kinds() == ["trigger", *["reminder"] * 4], before


def test_a_child_that_flaps_while_its_parent_is_down_is_not_told() -> None:
    policy = AlertPolicy(down_after=1, up_after=1, flapping=Flapping(changes=4, within="1h", stable="10m"))
    here = town(check("gateway", alert=STEADY), check("shop", alert=policy, depends_on=("gateway",)))
    for number in range(24):
        here.run("gateway", DOWN)
        here.run("shop", UP if number % 2 else DOWN)
        here.now += 30
        here.decide()
    assert told_kinds(here) == [("gateway", "trigger")]


def test_a_check_that_flapped_in_a_silence_does_not_flap_for_ever() -> None:
    policy = AlertPolicy(down_after=1, up_after=1, flapping=Flapping(changes=4, within="1h", stable="10m"))
    here = town(check(alert=policy), hushes=[Hush("h", HushKind.SILENCE, AT, AT + 900.0, (), (), "noise")])
    walk(here, "u" + "du" * 5)
    # As the recorder does: steady runs and the passing of time are no reason to look at it.
    here.now += 86_400
    here.run("shop", DOWN)
    assert (here.kinds(), here.last().note) == (["trigger"], "")
    here.run("shop", UP)
    assert here.kinds() == ["trigger", "resolve"]


def test_a_parent_that_fails_elsewhere_only_does_not_explain_its_child() -> None:
    family = (check("gateway", alert=STEADY), check("shop", alert=STEADY, depends_on=("gateway",)))
    here = town(*family, regions=(EU, US, AP), beats=dict.fromkeys((EU, US, AP), AT))
    for _ in range(12):
        everywhere(here, "uud", "gateway")
        everywhere(here, "ddd", "shop")
    assert here.kinds(Condition.DOWN) == ["trigger"]


def test_names_that_no_configuration_would_take_end_no_decision() -> None:
    # A region may be named by the environment alone; what is stored may be another release's.
    region = "Europe (West) " + "x" * 100
    here = town(regions=(region,), beats={region: AT})
    walk(here, "ddd", region=region)
    (one,) = here.open()
    here.incidents = {
        "a": replace(one, id="a", check_id="a shop", notice=replace(one.notice, tags=("a tag",))),
        "b": replace(one, id="b", check_id="disk", condition=Condition.PROBER),
    }
    here.now += 300
    here.decide(region=region)
    assert here.incidents["a"].finished


def test_the_trouble_of_one_shard_is_not_ended_by_another_but_by_its_own_health_or_its_silence() -> None:
    here = town(regions=("eu",))
    ill = {"name": "eu#0/2", "troubles": {"x": "y"}}
    here.beats = {"eu": here.now, "eu#0/2": here.now, "eu#1/2": here.now}
    for more in (ill, {"name": "eu#1/2"}, ill):
        here.more = more
        here.decide(region="eu")
    assert here.kinds(Condition.PROBER) == ["trigger"]
    here.now += 1_000
    here.more = {"name": "eu#1/2"}
    here.beats |= {"eu": here.now, "eu#1/2": here.now}
    here.decide(region="eu")
    assert here.kinds(Condition.PROBER) == ["trigger", "resolve"]
    assert set(here.beats) == {"eu", "eu#1/2"}
