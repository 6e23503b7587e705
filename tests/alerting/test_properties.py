"""Whatever happens, in whatever order: an outage is told once and resolved once, nothing in a window, nothing early."""

import time

from fakes.alerts import AT, Later, Way, check
from fakes.town import Town
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from prober.alerting.gates import covers
from prober.model import AlertPolicy, Condition, Flapping, Hush, HushKind, NoticeKind, Verdict
from prober.state import Outlook, State, enough, needed, weigh

CHECKS = ("gateway", "shop", "api")
VERDICTS = st.sampled_from([Verdict.UP, Verdict.UP, Verdict.DOWN, Verdict.DOWN, Verdict.DEGRADED, Verdict.UNKNOWN])
ROUTES = st.sampled_from(
    [
        (Way(("ops",)),),
        (Way(("ops", "hook"), remind_every=600.0),),
        (Way(("ops",), go_on=False), Way(("never",))),
        (Way(("ops",), escalate=(Later(300.0, ("boss",)),)),),
        (Way(("night",), opens_at=AT + 2_000.0), Way(("ops",))),
        (),
    ]
)
POLICIES = st.builds(
    AlertPolicy,
    down_after=st.integers(1, 3),
    up_after=st.integers(1, 3),
    degraded=st.booleans(),
    partial_after=st.sampled_from([None, "0s", "5m"]),
    flapping=st.sampled_from([None, Flapping(changes=4, within="30m", stable="5m")]),
)


class Alerting(RuleBasedStateMachine):
    """A town in which everything may happen."""

    regions: tuple[str, ...] = ()

    @initialize(policy=POLICIES, routes=ROUTES)
    def build(self, policy: AlertPolicy, routes: tuple[Way, ...]) -> None:
        parents = {"shop": ("gateway",)}
        checks = {name: check(name, alert=policy, depends_on=parents.get(name, ())) for name in CHECKS}
        self.town = Town(checks, routes, self.regions)
        self.town.beats = dict.fromkeys(self.regions, AT)
        self.hushed: list[tuple[int, Hush]] = []
        """With how much had been told by then."""

    @rule(name=st.sampled_from(CHECKS), verdict=VERDICTS, where=st.integers(0, 2), times=st.integers(1, 4))
    def run_a_check(self, name: str, verdict: Verdict, where: int, times: int) -> None:
        region = self.regions[where % len(self.regions)] if self.regions else "eu-west-1"
        for _ in range(times):
            self.town.now += 10
            self.town.beats[region] = self.town.now
            if name in self.town.checks:
                self.town.run(name, verdict, region)

    @rule(name=st.sampled_from(CHECKS), verdict=VERDICTS, times=st.integers(1, 4))
    def run_it_everywhere(self, name: str, verdict: Verdict, times: int) -> None:
        for _ in range(times):
            for where in range(len(self.regions) or 1):
                self.run_a_check(name, verdict, where, 1)

    @rule(seconds=st.sampled_from([1.0, 30.0, 200.0, 1_000.0]))
    def let_time_pass(self, seconds: float) -> None:
        self.town.now += seconds
        self.town.decide()

    @rule(policy=POLICIES, title=st.sampled_from([None, "Renamed"]), name=st.sampled_from(CHECKS))
    def reload(self, policy: AlertPolicy, title: str | None, name: str) -> None:
        if name in self.town.checks:
            self.town.checks[name] = self.town.checks[name].model_copy(update={"alert": policy, "title": title})
        self.town.decide()

    @rule(name=st.sampled_from(CHECKS))
    def remove(self, name: str) -> None:
        self.town.checks.pop(name, None)
        for key in [key for key in self.town.states if key[0] == name]:
            del self.town.states[key]
        self.town.decide()

    @rule(
        kind=st.sampled_from(HushKind),
        lasts=st.sampled_from([60.0, 600.0]),
        ids=st.sampled_from([(), ("shop",), ("g*", "api")]),
    )
    def hush(self, kind: HushKind, lasts: float, ids: tuple[str, ...]) -> None:
        one = Hush(f"h{len(self.hushed)}", kind, self.town.now, self.town.now + lasts, ids)
        self.town.hushes.append(one)
        self.hushed.append((len(self.town.told), one))
        self.town.decide()

    @rule()
    def acknowledge(self) -> None:
        for one in self.town.open():
            self.town.ack(one.id)
        self.town.decide()

    @rule()
    def forget_what_is_only_in_memory(self) -> None:
        # A restart: all there is comes out of the store, through JSON.
        self.town.states = {key: State.from_dict(one.to_dict()) for key, one in self.town.states.items()}

    @invariant()
    def every_incident_is_told_in_order(self) -> None:
        said: dict[tuple[str, str], list[NoticeKind]] = {}
        for _, channel, notice in self.town.told:
            said.setdefault((notice.incident_id, channel), []).append(notice.kind)
        for (incident_id, _), kinds in said.items():
            assert kinds[0] is NoticeKind.TRIGGER
            assert kinds.count(NoticeKind.TRIGGER) == 1
            assert NoticeKind.RESOLVE not in kinds[:-1]
            finished = self.town.incidents[incident_id].finished
            assert finished == (kinds[-1] is NoticeKind.RESOLVE), "resolved exactly when nothing is left to tell"

    @invariant()
    def nothing_is_told_in_a_window(self) -> None:
        for number, (at, _, notice) in enumerate(self.town.told):
            if notice.check_id not in CHECKS:
                continue
            subject = check(notice.check_id)
            for before, one in self.hushed:
                assert number < before or at >= one.ends_at or not covers(one, subject), (notice, one)

    @invariant()
    def what_is_not_held_back_has_been_told(self) -> None:
        for one in self.town.incidents.values():
            if one.finished or one.held:
                continue
            assert one.told_at is not None, one
            assert one.closed_at is None, one

    @invariant()
    def what_is_open_is_down_and_what_is_down_is_open(self) -> None:
        open_now = {one.check_id for one in self.town.open() if one.closed_at is None}
        for name, stands in self.town.standings.items():
            if name not in self.town.checks or not Outlook(stands["outlook"]).telling:
                continue
            assert (name in open_now) == (stands["outlook"] == "down"), (name, stands)


class Together(Alerting):
    regions = ("eu", "us", "ap")


BUDGET = settings(max_examples=25, stateful_step_count=30, deadline=None, derandomize=True)
TestOneRegion = Alerting.TestCase
TestOneRegion.settings = BUDGET
TestThreeRegions = Together.TestCase
TestThreeRegions.settings = BUDGET


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 12)), max_size=20), st.integers(1, 4), st.integers(1, 3))
def test_an_outage_that_lasts_is_told_once_and_resolved_once_and_a_short_one_never(
    stretches: list[tuple[bool, int]], down_after: int, up_after: int
) -> None:
    here = Town({"shop": check(alert=AlertPolicy(down_after=down_after, up_after=up_after, flapping=None))})
    expected, down, run = [], False, 0
    failing = None
    for fails, length in stretches:
        for _ in range(length):
            run = run + 1 if fails is failing else 1
            failing = fails
            if fails and not down and run == down_after:
                down = True
                expected.append("trigger")
            if not fails and down and run == up_after:
                down = False
                expected.append("resolve")
            here.run("shop", Verdict.DOWN if fails else Verdict.UP)
            here.now += 30
    assert here.kinds() == expected


@given(
    st.lists(st.sampled_from([Verdict.UP, Verdict.DOWN, Verdict.DEGRADED]), min_size=1, max_size=9),
    st.integers(0, 9),
    st.one_of(st.sampled_from(["majority", "any", "all"]), st.integers(1, 9)),
)
def test_a_quorum_is_never_reached_by_half_nor_by_regions_not_heard_of(
    verdicts: list[Verdict], stale: int, quorum: object
) -> None:
    states = {f"r{n}": State("shop", f"r{n}", verdict, since=AT + n) for n, verdict in enumerate(verdicts)}
    fresh = {name for n, name in enumerate(states) if n >= stale}
    view = weigh(states, fresh, tuple(states), quorum)  # type: ignore[arg-type]
    failing = sum(states[name].verdict is Verdict.DOWN for name in fresh)
    assert set(view.down) | set(view.up) == fresh
    assert set(view.absent) == states.keys() - fresh
    if view.outlook is Outlook.DOWN:
        assert failing >= needed(quorum, len(fresh))  # type: ignore[arg-type]
        assert quorum != "majority" or failing * 2 > len(fresh)
    if view.outlook in (Outlook.UP, Outlook.DEGRADED):
        assert failing == 0
    if view.outlook is Outlook.UNMONITORED:
        assert len(fresh) < enough(quorum, len(states))  # type: ignore[arg-type]


def test_a_month_of_minutes_is_decided_within_seconds() -> None:
    here = Town({"shop": check(interval="60s")})
    began = time.perf_counter()
    letters = "u" * 1_400 + "d" * 40
    for number in range(43_200):
        verdict = Verdict.DOWN if letters[number % len(letters)] == "d" else Verdict.UP
        before = here.states.get(("shop", "eu-west-1"))
        changes = before is None or before.undecided or (verdict is Verdict.DOWN) != (before.verdict is Verdict.DOWN)
        here.now += 60
        if changes:  # as the recorder does: steady runs need no decision
            here.run("shop", verdict)
    assert time.perf_counter() - began < 10.0
    assert here.kinds() == (["trigger", "resolve"] * 30)[:-1]


def test_a_notice_says_where_it_fails_and_where_it_does_not() -> None:
    here = Town({"shop": check()}, regions=("eu", "us", "ap"))
    for region in reversed(here.regions):
        for _ in range(3):
            here.run("shop", Verdict.UP if region == "ap" else Verdict.DOWN, region)
    assert (here.last().regions_down, here.last().regions_up) == (("eu", "us"), ("ap",))
    assert here.last().condition is Condition.DOWN
