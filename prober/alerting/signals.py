"""What regions' votes mean for people: for each condition of a check, whether it holds now. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from prober.alerting.setting import Setting
from prober.model import Check, Condition, Reason, Verdict
from prober.state import Outlook, State, View, weigh
from prober.store import Vote

UNMONITORED_AFTER_S = 60.0
"""Beyond what a restart or a slow network explains."""
APART_S = 1.0
"""Two clocks that are closer say the same."""


@dataclass(frozen=True, slots=True)
class Ended:
    """A condition that does not hold, since ``at`` or longer."""

    at: float


@dataclass(frozen=True, slots=True)
class Signal:
    """A condition that holds."""

    since: float
    reason: Reason
    message: str
    regions_down: tuple[str, ...] = ()
    regions_up: tuple[str, ...] = ()
    speaker: str = ""
    """The region whose words these are."""
    failures: int = 0
    last_good: float | None = None


Found = Signal | Ended | None
"""None where nobody can say: what is open stays open, and nothing opens."""


@dataclass(frozen=True, slots=True)
class Opinion:
    """All that is known of one check at a moment."""

    view: View
    states: Mapping[str, State]
    fresh: frozenset[str]

    @property
    def last_at(self) -> float:
        """When the latest run that counts ended; 0 where there was none."""
        return max((state.last_at for state in self.states.values()), default=0.0)

    @property
    def failing(self) -> frozenset[str]:
        """Regions heard of lately that are down, or on their way to be."""
        return frozenset(region for region in self.fresh if self.states[region].failures)

    @property
    def worsening(self) -> bool:
        """Whether a region heard of lately is on its way to be down."""
        return any(self.states[region].verdict is not Verdict.DOWN for region in self.failing)

    @property
    def recovering(self) -> bool:
        """Whether a region that is down has succeeded lately."""
        return any(
            state.verdict is Verdict.DOWN and state.successes
            for region, state in self.states.items()
            if region in self.fresh
        )


def opinion(
    check: Check, votes: Mapping[str, Vote], setting: Setting, now: float, heard: Mapping[str, float] | None = None
) -> Opinion:
    """What ``votes`` on ``check``, by region, come to; ``heard`` is when each region was last there."""
    states, fresh = {}, set()
    for region, vote in votes.items():
        state = readable(vote)
        if state is not None:
            states[region] = state
            if vote.heard_at + setting.freshness_s(check) >= now and _has_returned(region, setting, heard or {}):
                fresh.add(region)
    view = weigh(states, fresh, setting.expected(check), check.quorum)
    if not setting.regions and view.outlook is Outlook.UNMONITORED:
        # Alone, a silent check is the prober's own trouble, and told as that.
        view = View(Outlook.UNKNOWN, absent=view.absent)
    return Opinion(view, states, frozenset(fresh))


def _has_returned(region: str, setting: Setting, heard: Mapping[str, float]) -> bool:
    """Whether ``region`` has had the chance to say what it saw while the store was away."""
    if not setting.regions or region == setting.region:
        return True
    return heard.get(region, setting.absent_from) >= setting.absent_from


def readable(vote: Vote) -> State | None:
    """The state in ``vote``, its times by the store's clock; None where a damaged one says nothing."""
    try:
        state = State.from_dict(vote.state)
    except (KeyError, TypeError, ValueError):
        return None
    ahead_s = vote.heard_at - state.last_at
    # A smaller difference is the way to the store, not the clocks.
    return state if abs(ahead_s) < APART_S else state.moved(ahead_s)


def signals(check: Check, seen: Opinion, now: float) -> Mapping[Condition, Found]:
    """Whether ``check`` is down, slow, or failing in some regions."""
    view, policy = seen.view, check.alert
    if not view.outlook.telling:
        return {}
    ended = Ended(max((seen.states[region].since or now for region in view.up), default=now))
    holds = {
        Condition.DOWN: view.outlook is Outlook.DOWN,
        Condition.DEGRADED: view.outlook is Outlook.DEGRADED and policy.degraded,
        Condition.PARTIAL: view.outlook is Outlook.PARTIAL and policy.partial_after is not None,
    }
    found: dict[Condition, Found] = {condition: _signal(seen) if held else ended for condition, held in holds.items()}
    return {**found, Condition.DOWN: None} if view.wavering else found


def _signal(seen: Opinion) -> Signal:
    down, up = seen.view.down, seen.view.up
    words = [seen.states[region] for region in down or up]
    speaker = max(words, key=lambda state: state.last_at)
    alone = len(down) + len(up) + len(seen.view.absent) == 1
    return Signal(
        since=seen.view.since,
        reason=speaker.last_reason,
        message=speaker.last_message,
        regions_down=() if alone else down,
        regions_up=() if alone else up,
        speaker=speaker.region,
        failures=speaker.failures,
        last_good=max((s.last_success_at for s in words if s.last_success_at is not None), default=None),
    )


def unmonitored(lost: Mapping[str, tuple[float, tuple[str, ...]]], setting: Setting, now: float) -> Found:
    """Whether there are checks that too few regions have looked at for a while.

    ``lost`` says, by check id, since when that is so and which regions are missing.
    """
    if now - setting.contact_since < UNMONITORED_AFTER_S:
        return None
    overdue = sorted(check_id for check_id, (since, _) in lost.items() if now - since >= UNMONITORED_AFTER_S)
    if not overdue:
        return None if lost else Ended(now)
    shown = ", ".join(overdue[:10]) + (f" and {len(overdue) - 10} more" if len(overdue) > 10 else "")
    lacking = sorted({region for check_id in overdue for region in lost[check_id][1]})
    message = f"too few regions have looked lately at: {shown}; not heard of: {', '.join(lacking)}"
    return Signal(min(lost[check_id][0] for check_id in overdue), Reason.INTERNAL, message)


def silent(region: str, heard_at: float, setting: Setting, now: float) -> Found:
    """Whether nothing was heard of a whole region for a while."""
    if now - heard_at < setting.silent_after_s:
        return Ended(now)
    if now - setting.contact_since < setting.silent_after_s:
        return None
    return Signal(heard_at, Reason.INTERNAL, f"nothing has been heard of the prober in {region}")
