"""Budgets of a journey: limits on its vitals and steps."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from prober.model import Observation, Outcome, Reason, Verdict, parse_duration

VITALS_S = ("ttfb", "fcp", "lcp", "inp", "tbt")  # measured in seconds; cls has no unit

Budget = Annotated[str | int | float, Field(union_mode="left_to_right")]


def read_budget(name: str, limit: Budget) -> float:
    """The limit in seconds, or as a plain number for cls. Raises ValueError for what is no budget."""
    if name == "cls":
        if isinstance(limit, str | bool) or limit < 0:
            raise ValueError("budget cls: expected a number such as 0.1")
        return float(limit)
    if name in VITALS_S or name.startswith("step:"):
        if not isinstance(limit, str):
            raise ValueError(f"budget {name}: expected a duration such as 2.5s")
        return parse_duration(limit)
    raise ValueError(f"budget {name}: expected one of {', '.join(VITALS_S)}, cls or step:NAME")


def budget_outcomes(name: str, limit: float, broken: Verdict, seen: Observation) -> Iterator[Outcome]:
    unit = "" if name == "cls" else "s"
    values = list(_step_times(name[5:], seen) if name.startswith("step:") else _vitals(name, seen))
    # A vital that no page had (no interaction, no paint) breaks nothing; it is said as measured nowhere.
    value, place = max(values, key=lambda pair: pair[0], default=(None, "nowhere"))
    over = value is not None and value > limit
    shown = f"{value:.3f}{unit} ({place})" if value is not None else "not measured"
    yield Outcome(
        f"budget {name}",
        broken if over else Verdict.UP,
        Reason.BUDGET if over else Reason.OK,
        f"at most {limit:g}{unit}",
        shown,
    )


def _step_times(name: str, seen: Observation) -> Iterator[tuple[float, str]]:
    return ((step.duration_s, f"step {step.name}") for step in seen.steps if step.name == name)


def _vitals(name: str, seen: Observation) -> Iterator[tuple[float, str]]:
    field = name if name == "cls" else f"{name}_s"
    for step in seen.steps:
        for navigation in step.navigations:
            value = getattr(navigation, field)
            if value is not None:
                element = f", {navigation.lcp_element}" if name == "lcp" and navigation.lcp_element else ""
                yield value, f"{step.name}: {navigation.url}{element}"
