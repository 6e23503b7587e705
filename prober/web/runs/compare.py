"""Two runs of a check side by side: what went another way, the first of it first."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, TypeVar

from prober.panels import NAMES, bar, bare_facts, named_phases, rated, stacked, vital
from prober.web.making import took
from prober.web.runs.alike import place
from prober.web.runs.differences import GOOD, Difference, Pair, differences
from prober.web.runs.kept import Kept, Picture

NOTABLE_S = 0.1
NOTABLE_SHARE = 0.25
NOTABLE_CLS = 0.02
LEAST_S = 0.0005  # less is no change

VITALS = ("lcp", "cls", "inp", "fcp", "ttfb")
PASSING = ("trace_id", "last_modified", "url", "last_url")
"""Facts that differ from run to run and explain nothing."""

Row = Mapping[str, Any]
Value = TypeVar("Value")

_WORDS = {"good": 0, "fair": 1, "poor": 2}


@dataclass(frozen=True, slots=True)
class Shots:
    """The pictures of one step."""

    step: str
    there: Picture | None
    here: Picture | None
    broken: bool = False
    """Whether the step failed here."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What two runs have that is worth laying side by side. "There" is the other run, "here" the one looked at."""

    differences: tuple[Difference, ...]
    """In order of time, so that the first is where to begin."""
    steps: tuple[dict[str, Any], ...]
    pages: tuple[dict[str, Any], ...]
    phases: dict[str, Any] | None
    facts: tuple[tuple[str, str, str], ...]
    """(name, there, here) of those that differ."""
    pictures: tuple[Shots, ...]
    unknown: str = ""
    """What cannot be said since one of the two kept nothing."""


def compare(there: Kept, here: Kept) -> Comparison:
    """Lay them side by side."""
    pairs = list(_aligned(there.steps, here.steps, lambda step: str(step and step["name"])))
    pages = tuple(_pages(pairs))
    return Comparison(
        differences(there, here, pairs, pages),
        tuple(_steps(pairs)),
        pages,
        _phases(there, here) if not pairs else None,
        tuple(_facts(there, here)),
        tuple(_pictures(there, here, pairs)),
        _unknown(there, here) if pairs and "http_requests" not in here.told["facts"] else "",
    )


def _aligned(
    there: Sequence[Value], here: Sequence[Value], key: Callable[[Value], str]
) -> Iterator[tuple[Value | None, Value | None]]:
    """Both in order, those of one key beside each other."""
    matcher = SequenceMatcher(None, [key(one) for one in there], [key(one) for one in here], autojunk=False)
    for kind, i, j, k, m in matcher.get_opcodes():
        if kind == "equal":
            yield from zip(there[i:j], here[k:m], strict=True)
        else:
            yield from ((one, None) for one in there[i:j])
            yield from ((None, one) for one in here[k:m])


def _steps(pairs: Sequence[Pair]) -> Iterator[dict[str, Any]]:
    longest = max((step["duration_s"] for pair in pairs for step in pair if step), default=0.0)
    for there, here in pairs:
        named = here or there
        delta = here["duration_s"] - there["duration_s"] if there and here else None
        yield {
            "name": named["name"] if named else "",
            "message": here["message"] if here else "",
            "said_there": there["message"] if there else "",
            "delta": _signed(delta),
            "notable": delta is not None and there is not None and _notable(there["duration_s"], delta),
            "slower": (delta or 0.0) > 0,
            "broken": bool(here and here["verdict"] != "up" and (there is None or there["verdict"] == "up")),
            "mended": bool(there and there["verdict"] != "up" and (here is None or here["verdict"] == "up")),
            "sides": [_side(there, longest), _side(here, longest)],
        }


def _side(step: Row | None, longest: float) -> dict[str, Any] | None:
    if step is None:
        return None
    return {
        "verdict": step["verdict"],
        "took": took(step["duration_s"]),
        "width": bar(0.0, step["duration_s"], longest)["width"],
    }


def _pages(pairs: Sequence[Pair]) -> Iterator[dict[str, Any]]:
    for there, here in pairs:
        earlier, later = (step["navigations"] if step else () for step in (there, here))
        for before, after in _aligned(earlier, later, lambda page: f"{page['kind']} {place(page['url'])}"):
            page, step = after or before, here or there
            if page is not None and step is not None:
                yield {
                    "step": step["name"],
                    "path": place(page["url"]),
                    "soft": page["kind"] == "soft",
                    "vitals": [_vital(name, before, after) for name in VITALS],
                }


def _vital(name: str, there: Row | None, here: Row | None) -> dict[str, Any]:
    before, after = (vital(page, name) if page else None for page in (there, here))
    then, now = (None if value is None else rated(name, value) for value in (before, after))
    delta = after - before if after is not None and before is not None else None
    return {
        "name": name.upper(),
        "title": NAMES[name],
        "there": then,
        "here": now,
        "delta": _signed(delta, name),
        "notable": delta is not None and before is not None and _notable(before, delta, name),
        "worse": (delta or 0.0) > 0,
        "rating_fell": bool(then and now and _WORDS[now["rating"]] > _WORDS[then["rating"]]),
    }


def _phases(there: Kept, here: Kept) -> dict[str, Any] | None:
    sides = [named_phases(one.told) for one in (there, here)]
    names = list(dict.fromkeys(name for side in sides for name in side))
    total = max(sum(side.values()) for side in sides)
    if not names or not total:
        return None
    rows = []
    for name in names:
        before, after = (side.get(name) for side in sides)
        delta = after - before if after is not None and before is not None else None
        rows.append(
            {
                "name": name,
                "there": None if before is None else took(before),
                "here": None if after is None else took(after),
                "delta": _signed(delta),
                "notable": delta is not None and before is not None and _notable(before, delta),
                "slower": (delta or 0.0) > 0,
            }
        )
    return {"rows": rows, "bars": [stacked(side, 0.0, total) for side in sides]}


def _facts(there: Kept, here: Kept) -> Iterator[tuple[str, str, str]]:
    before, after = (dict(bare_facts(one.told)) for one in (there, here))
    for name in dict.fromkeys((*before, *after)):
        if name not in PASSING and before.get(name) != after.get(name):
            yield name, before.get(name, "–"), after.get(name, "–")


def _pictures(there: Kept, here: Kept, pairs: Sequence[Pair]) -> Iterator[Shots]:
    shots = [{picture.step: picture for picture in one.pictures} for one in (there, here)]
    numbers = [0, 0]
    for pair in pairs:
        found: list[Picture | None] = []
        for side, step in enumerate(pair):
            found.append(shots[side].get(numbers[side]) if step else None)
            numbers[side] += step is not None
        if any(found):
            broken = pair[1] is not None and pair[1]["verdict"] != "up"
            yield Shots(next(str(step["name"]) for step in pair if step), found[0], found[1], broken)
    whole = [shot.get(None) for shot in shots]
    if any(whole):
        yield Shots("The end of the run", whole[0], whole[1], here.result.verdict not in GOOD)


def _unknown(there: Kept, here: Kept) -> str:
    without = [words for one, words in ((there, "the other run"), (here, "this run")) if not one.evidence]
    if not without:
        return ""
    lack = "neither run" if len(without) == 2 else f"nothing of {without[0]}"
    kept = "left any" if len(without) == 2 else "is kept"
    return (
        f"Of requests, console and pictures {lack} {kept}, so that they cannot be held against each other. "
        "Passing runs keep evidence with browser: {evidence: {keep: always}}."
    )


def _notable(before: float, delta: float, name: str = "") -> bool:
    least = NOTABLE_CLS if name == "cls" else NOTABLE_S
    return abs(delta) >= max(least, NOTABLE_SHARE * before)


def _signed(delta: float | None, name: str = "") -> str:
    """A change as people compare it: ``+1.20 s``, ``−35.0 ms``."""
    if delta is None:
        return ""
    if abs(delta) < LEAST_S and name != "cls":
        return "±0"
    size = f"{abs(delta):.3f}" if name == "cls" else took(abs(delta))
    return f"{'−' if delta < 0 else '+'}{size}"
