"""How long a check was up, and what its objective leaves."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.exceptions import HTTPException

from prober.history import Stretch, Uptime
from prober.web.api.between import Between, stretch
from prober.web.api.checks import known_check
from prober.web.api.models import Shown, Stamp, shown_moment
from prober.web.api.operation import Answer, Call, Operation
from prober.web.api.runs import require_known
from prober.web.auth import Scope

DAY_S = 86_400.0
LONGEST_S = 1_100 * DAY_S
MOST_REGIONS = 50


class UptimeShown(Shown):
    """How a stretch of time was spent, and how its runs went."""

    uptime: float | None
    """Good time (up, degraded) in all time that says something, 0 to 1; null where none does."""
    reachability: float | None
    """The share of runs that were good, 0 to 1; null where there were none."""
    seconds: Mapping[Stretch, float]
    """By state; together they are the whole time. Unknown, maintenance and no_data count for neither side."""
    runs: int
    """Those that say something of the target: neither unknown nor in maintenance."""
    good: int


class Uptimes(Shown):
    """The uptime of one check."""

    check_id: str
    since: Stamp | None
    until: Stamp | None
    overall: UptimeShown
    """All regions together, as it was decided."""
    regions: Mapping[str, UptimeShown]
    """Each by its own view."""


class SloShown(Shown):
    """What an objective leaves to fail, and how fast that is used up."""

    check_id: str
    objective: float
    """Percent."""
    window_s: float
    left: float | None
    """The share of the error budget that is left, 1 to below 0; null where nothing is known."""
    burn: Mapping[str, float]
    """By window, such as ``1h``: how many times as fast as allowed it was used up then."""
    gone_at: Stamp | None
    """When it is used up if it goes on like this; null where that is not in sight."""


def get_uptime(call: Call, query: Between) -> Answer:
    """Of all regions together, and of each."""
    check_id, history = call.path["check_id"], call.history
    since, until = stretch(query, call.view.clock.wall(), DAY_S, LONGEST_S)
    require_known(call)
    regions = history.regions(check_id)[:MOST_REGIONS]
    return Answer(
        Uptimes(
            check_id=check_id,
            since=shown_moment(since),
            until=shown_moment(until),
            overall=_shown(history.uptime(check_id, "", since, until)),
            regions={region: _shown(history.uptime(check_id, region, since, until)) for region in regions},
        )
    )


def get_slo(call: Call) -> Answer:
    """What the objective of a check leaves."""
    check = known_check(call)
    budget = call.history.budget(check, call.view.clock.wall())
    if budget is None:
        raise HTTPException(404, "This check has no objective; see slo in the configuration.")
    return Answer(
        SloShown(
            check_id=check.id,
            objective=budget.objective,
            window_s=budget.window_s,
            left=budget.left,
            burn=budget.burn,
            gone_at=shown_moment(budget.gone_at),
        )
    )


def _shown(uptime: Uptime) -> UptimeShown:
    return UptimeShown(
        uptime=uptime.ratio,
        reachability=uptime.reachability,
        seconds={state: uptime.seconds.get(state, 0.0) for state in Stretch},
        runs=uptime.runs,
        good=uptime.good,
    )


_SPENT = {
    "uptime": 0.9951,
    "reachability": 0.9947,
    "seconds": {"up": 85_970.0, "degraded": 10.0, "down": 420.0, "unknown": 0.0, "maintenance": 0.0, "no_data": 0.0},
    "runs": 2_880,
    "good": 2_865,
}

OPERATIONS = (
    Operation(
        "GET",
        "/checks/{check_id}/uptime",
        "getUptime",
        "How long a check was up: time in each state, and the share of good runs, per region and overall",
        Scope.READ,
        get_uptime,
        Uptimes,
        query=Between,
        problems=(404,),
        example={
            "check_id": "storefront",
            "since": "2026-12-23T22:00:00.000Z",
            "until": "2026-12-24T22:00:00.000Z",
            "overall": _SPENT,
            "regions": {"eu-west-1": _SPENT},
        },
    ),
    Operation(
        "GET",
        "/checks/{check_id}/slo",
        "getSlo",
        "What a check's objective leaves to fail, and how fast that is used up",
        Scope.READ,
        get_slo,
        SloShown,
        problems=(404,),
        example={
            "check_id": "storefront",
            "objective": 99.9,
            "window_s": 2_592_000.0,
            "left": 0.62,
            "burn": {"1h": 0.0, "6h": 1.8},
            "gone_at": None,
        },
    ),
)
