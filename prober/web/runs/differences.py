"""What a run has that another has not: steps and requests that fail, errors, unmet expectations; in order of time."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from prober.model import Verdict
from prober.panels import named_phases, split_url
from prober.web.making import took
from prober.web.runs.alike import place, plain
from prober.web.runs.kept import Kept

SHOWN = 12
SLOW_STEP_S, SLOW_PHASE_S = 0.5, 0.1
SLOW_SHARE = 0.5
REFUSED = 400
GOOD = (Verdict.UP, Verdict.DEGRADED)

Row = Mapping[str, Any]
Pair = tuple[Row | None, Row | None]


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is another way here."""

    kind: str
    """step, request, console, error, expectation, reason; vital and slow where nothing failed."""
    text: str
    detail: str = ""
    """What was said there and here, as far as it is known."""
    at_s: float = math.inf
    """When, from the beginning of the run; infinite where nobody noted it."""
    step: str = ""
    """In which step."""

    @property
    def timed(self) -> bool:
        """Whether it is known when it was."""
        return math.isfinite(self.at_s)


def differences(there: Kept, here: Kept, pairs: Sequence[Pair], pages: Sequence[Row]) -> tuple[Difference, ...]:
    """All that is known, the first first; where nothing failed that did not there, what got worse.

    ``pages`` are the vitals of both, side by side.
    """
    found = [*_requests(there, here), *_unanswered(there, here), *_console(there, here), *_errors(there, here)]
    found += [*_steps(here, pairs), *_outcomes(there, here)]
    found.sort(key=lambda one: one.at_s)
    if found:
        return tuple(found[:SHOWN])
    if here.result.verdict not in GOOD and there.result.verdict in GOOD:
        return (Difference("reason", here.result.message or here.result.reason.value, "It did not happen there."),)
    slow = _slow_steps(pairs) if pairs else _slow_phases(there, here)
    slowest = [one for _, one in sorted(slow, key=lambda pair: -pair[0])]
    return tuple([*_fallen(pages), *slowest][:SHOWN])


def _steps(here: Kept, pairs: Sequence[Pair]) -> Iterator[Difference]:
    began = iter(here.begun)
    for there, step in pairs:
        if step is None:
            continue
        ended = next(began, ("", 0.0))[1] + step["duration_s"]
        if step["verdict"] == "up" or (there is not None and there["verdict"] != "up"):
            continue
        before = f"passed there in {took(there['duration_s'])}" if there else "is not in the other run"
        word = "is degraded" if step["verdict"] == "degraded" else "failed"
        yield Difference(
            "step",
            f"{step['name']} {word} after {took(step['duration_s'])}; it {before}.",
            step["message"],
            ended,
            step["name"],
        )


def _requests(there: Kept, here: Kept) -> Iterator[Difference]:
    """Requests that failed here and did not there."""
    for request, before in _with_same(there, here):
        if _bad(request) and not any(map(_bad, before)):
            ended = request["began_s"] + (request["duration_s"] or 0.0)
            text = f"{request['method']} {_shown(request['url'])} {_outcome(request)}"
            yield Difference("request", text, _said(there, before), ended, _step_of(here, request))


def _unanswered(there: Kept, here: Kept) -> Iterator[Difference]:
    """Requests that had no answer when the run was over, and had one there."""
    for request, before in _with_same(there, here):
        if _open(request) and before and not any(map(_open, before)):
            text = f"{request['method']} {_shown(request['url'])} had no answer when the run ended"
            yield Difference("request", text, _said(there, before), request["began_s"], _step_of(here, request))


def _console(there: Kept, here: Kept) -> Iterator[Difference]:
    known = {plain(line["text"]) for line in there.evidence.get("console", ())}
    for line in here.evidence.get("console", ()):
        if line["type"] == "error" and plain(line["text"]) not in known:
            known.add(plain(line["text"]))
            yield Difference("console", line["text"], _not_there(there), line["at_s"], _step_at(here, line["at_s"]))


def _errors(there: Kept, here: Kept) -> Iterator[Difference]:
    known = {plain(error) for error in there.evidence.get("page_errors", ())}
    for error in here.evidence.get("page_errors", ()):
        if plain(error) not in known:
            known.add(plain(error))
            yield Difference("error", error, _not_there(there))


def _outcomes(there: Kept, here: Kept) -> Iterator[Difference]:
    """Expectations that hold there, or were not asked, and do not hold here."""
    held = {one["expectation"]: one for one in there.told["outcomes"] if one["verdict"] == "up"}
    unmet = [one for one in here.told["outcomes"] if one["verdict"] != "up"]
    broken = {one["expectation"]: one for one in there.told["outcomes"] if one["verdict"] != "up"}
    for one in unmet:
        if one["expectation"] in broken:
            continue
        seen = f"It was {held[one['expectation']]['seen']} there." if one["expectation"] in held else ""
        yield Difference("expectation", f"{one['expectation']}: expected {one['expected']}, saw {one['seen']}", seen)


def _fallen(pages: Sequence[Row]) -> Iterator[Difference]:
    """Vitals that the field calls worse than those of the same page there."""
    for page in pages:
        for one in page["vitals"]:
            if one["rating_fell"]:
                text = f"{one['name']} of {page['path']} is {one['here']['text']}, {one['here']['word']}"
                detail = f"It was {one['there']['text']} there, {one['there']['word']}."
                yield Difference("vital", text, detail, step=page["step"])


def _slow_steps(pairs: Sequence[Pair]) -> Iterator[tuple[float, Difference]]:
    for there, here in pairs:
        if there is not None and here is not None:
            yield from _slow(here["name"], there["duration_s"], here["duration_s"], SLOW_STEP_S)


def _slow_phases(there: Kept, here: Kept) -> Iterator[tuple[float, Difference]]:
    before, after = (named_phases(one.told) for one in (there, here))
    for name in before.keys() & after.keys():
        yield from _slow(name, before[name], after[name], SLOW_PHASE_S)


def _slow(name: str, before: float, after: float, least: float) -> Iterator[tuple[float, Difference]]:
    """How much longer it took, where that is much."""
    if after - before >= max(least, SLOW_SHARE * before):
        text = f"{name} took {took(after)}"
        yield after - before, Difference("slow", text, f"It took {took(before)} there.")


def _with_same(there: Kept, here: Kept) -> Iterator[tuple[Row, Sequence[Row]]]:
    """Each request here with the same ones there: of those asked for several times, its own turn first."""
    known: dict[tuple[str, str], list[Row]] = {}
    for request in there.requests:
        known.setdefault(_key(request), []).append(request)
    turns = Counter[tuple[str, str]]()
    for request in here.requests:
        key = _key(request)
        before, turn = known.get(key, []), turns[key]
        turns[key] += 1
        yield request, [*before[turn:], *before[:turn]]


def _key(request: Row) -> tuple[str, str]:
    return request["method"], f"{split_url(request['url']).netloc}{place(request['url'])}"


def _bad(request: Row) -> bool:
    return bool(request.get("error")) or (request["status"] or 0) >= REFUSED


def _open(request: Row) -> bool:
    return request["status"] is None and not request.get("error")


def _outcome(request: Row) -> str:
    return f"answered {request['status']}" if request["status"] else f"failed: {request['error']}"


def _said(there: Kept, before: Sequence[Row]) -> str:
    """What came of the same request there."""
    if not there.evidence and not there.requests:
        return "Nothing is kept of the requests there."
    if not before:
        return "It was not made there."
    first = before[0]
    within = f" in {took(first['duration_s'])}" if first["duration_s"] is not None else ""
    return "It had no answer there, either." if _open(first) else f"It {_outcome(first)}{within} there."


def _not_there(there: Kept) -> str:
    return "It was not said there." if there.evidence else "Nothing is kept of what was said there."


def _step_of(run: Kept, request: Row) -> str:
    number = request["step"]
    return run.begun[number][0] if isinstance(number, int) and 0 <= number < len(run.begun) else ""


def _step_at(run: Kept, at_s: float) -> str:
    begun = [name for name, began_s in run.begun if began_s <= at_s]
    return begun[-1] if begun else ""


def _shown(url: str) -> str:
    parts = split_url(url)
    return f"{parts.netloc}{parts.path}" if parts.netloc else url
