"""Days as bars and latency as a sparkline: small enough for five hundred of each on one page.

A bar is a dash of a thick dashed line, and a run of days in one state is one line, so that a good quarter is one path
of twenty characters. What is worse is taller: nobody needs colours to see it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

from markupsafe import Markup, escape

from prober.history import Bucket, Day, Stretch, Uptime
from prober.model import format_lasting
from prober.web.making import ours, percent

STEP, HEIGHT = 4, 20
NOT_UP = (
    (Stretch.DOWN, "down"),
    (Stretch.DEGRADED, "degraded"),
    (Stretch.UNKNOWN, "unknown"),
    (Stretch.MAINTENANCE, "in maintenance"),
    (Stretch.NO_DATA, "without data"),
)
"""What there is to say of a day, in the order it matters."""
LETTERS = {
    Stretch.UP: "u",
    Stretch.DEGRADED: "g",
    Stretch.DOWN: "d",
    Stretch.UNKNOWN: "k",
    Stretch.MAINTENANCE: "m",
    Stretch.NO_DATA: "n",
}
"""The class of a line, in ``prober.css``."""
_MIDDLES = {"u": "13", "g": "11.5", "d": "10", "k": "15.5", "m": "15.5", "n": "18.5"}
"""Where a line is so that it stands on the ground: half its width above it."""
SPARK_WIDTH, SPARK_HEIGHT = 96, 20


def letters(days: Iterable[Day]) -> str:
    """A letter for each day, by its state."""
    return "".join(LETTERS[day.worst] for day in days)


def bars(code: str, label: str, name: str = "bars", each: Sequence[str] = ()) -> Markup:
    """The bars of ``letters``, told to those who do not see them as ``label``; ``each`` is said of one pointed at."""
    paths: dict[str, list[str]] = {}
    at = 0
    for letter, run in groupby(code):
        count = len(list(run))
        paths.setdefault(letter, []).append(f"M{at * STEP} {_MIDDLES[letter]}h{count * STEP - 1}")
        at += count
    lines = "".join(f'<path class="{letter}" d="{"".join(runs)}"/>' for letter, runs in paths.items())
    lines += "".join(
        f'<rect x="{index * STEP}" width="{STEP}" height="{HEIGHT}"><title>{escape(words)}</title></rect>'
        for index, words in enumerate(each)
    )
    width = max(1, at * STEP - 1)
    return ours(
        f'<svg class="{name}" viewBox="0 0 {width} {HEIGHT}" preserveAspectRatio="none" role="img">'
        f"<title>{escape(label)}</title>{lines}</svg>"
    )


def bars_label(code: str, uptime: Uptime) -> str:
    """The bars in words: ``90 days: 99.95 % up; downtime on 2 days, no data on 30``."""
    found = [
        f"{words} on {count} {'day' if count == 1 else 'days'}"
        for letter, words in (("d", "downtime"), ("g", "degraded"), ("m", "maintenance"), ("n", "no data"))
        if (count := code.count(letter))
    ]
    return f"{len(code)} days: {percent(uptime.ratio)} up" + (f"; {', '.join(found)}" if found else "")


def day_label(day: Day) -> str:
    """One bar in words: ``2026-12-24: 99.31 % up, 10m down``."""
    spent = [f"{format_lasting(day.uptime.seconds[state])} {words}" for state, words in NOT_UP if _lasted(day, state)]
    return f"{day.date}: {', '.join([f'{percent(day.uptime.ratio)} up', *spent])}"


def _lasted(day: Day, state: Stretch) -> bool:
    return day.uptime.seconds.get(state, 0.0) >= 0.5


def together(parts: Sequence[Uptime]) -> Uptime:
    """Uptime over all of ``parts``, which follow one another."""
    seconds: dict[Stretch, float] = {}
    for part in parts:
        for state, spent in part.seconds.items():
            seconds[state] = seconds.get(state, 0.0) + spent
    first, last = (parts[0].since, parts[-1].until) if parts else (0.0, 0.0)
    return Uptime(first, last, seconds, sum(part.runs for part in parts), sum(part.good for part in parts))


def sparkline(buckets: Sequence[Bucket], label: str) -> Markup:
    """The median as a line, and the slowest twentieth above it; a bucket without runs leaves a gap."""
    top = max((bucket.p95_s or 0.0 for bucket in buckets), default=0.0)
    if top <= 0:
        return ours("")
    slow = _line([bucket.p95_s for bucket in buckets], top)
    middle = _line([bucket.p50_s for bucket in buckets], top)
    return ours(
        f'<svg class="spark" viewBox="0 -1 {SPARK_WIDTH} {SPARK_HEIGHT + 2}" preserveAspectRatio="none" role="img">'
        f'<title>{escape(label)}</title><path class="slow" d="{slow}"/><path d="{middle}"/></svg>'
    )


def _line(values: Sequence[float | None], top: float) -> str:
    """A path with whole numbers and relative steps, which is what packs best."""
    step = SPARK_WIDTH // max(1, len(values) - 1)
    path, before = [], None
    for index, value in enumerate(values):
        if value is None:
            before = None
            continue
        y = round(SPARK_HEIGHT * (1 - value / top))
        if before is None:
            path.append(f"M{index * step} {y}h1" if _alone(values, index) else f"M{index * step} {y}")
        else:
            path.append(f"l{step} {y - before}")
        before = y
    return "".join(path)


def _alone(values: Sequence[float | None], index: int) -> bool:
    return index + 1 >= len(values) or values[index + 1] is None
