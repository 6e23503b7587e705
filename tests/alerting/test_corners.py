"""What the alerting decides where several of its rules meet: found by looking for a lost, doubled or wrong notice."""

from dataclasses import replace

from fakes.alerts import AT, REGION, Later, Way, check
from fakes.town import Town, told_kinds, walk

from prober.model import AlertPolicy, Condition, Flapping, Hush, HushKind, NoticeKind, Severity, Verdict

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
