"""How far the reported first byte is from the truth: a target that says for how long it held every request.

Ours as serve runs it, blackbox_exporter asked over its /probe, and plain httpx, one after another, at the same rate
and new connections, in rounds. The truth is the target's own: what it wrote into its answer, or down.
"""

from __future__ import annotations

import asyncio
import itertools
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from askers import HOLDS_MS, PER_S, by_blackbox, by_httpx
from conditions import ALONE, SCRAPED_CHECKS, Condition, flushed, glance, journey, scraped
from loopback import Target, config, serving, target, until
from peers import blackbox
from serving import Run, read
from verdicts import Figure, conclude, quantile, quick_wanted

P50_MS, GAP_MS, STRETCH_MS = 0.4, 0.2, 2.0


@dataclass(frozen=True, slots=True)
class Lengths:
    """How often, and for how many seconds."""

    rounds: int
    settle_s: float
    watch_s: float


FULL, QUICK = Lengths(5, 3.0, 8.0), Lengths(1, 0.5, 1.0)


def ours(shop: Target, condition: Condition, lengths: Lengths, rounds: int) -> list[list[Run]]:
    """Our runs of each round, as far as they were under way while it was as ``condition`` says."""
    with tempfile.TemporaryDirectory() as home:
        place = Path(home)
        urls = [shop.url(hold_ms) for hold_ms in HOLDS_MS for _ in range(PER_S // len(HOLDS_MS))]
        path = config(place, urls, "1s", condition.checks, condition.sections)
        with serving(place, path, **condition.env) as (_, port, record):
            until(lambda: condition.settled(port), "what is measured under has come about", 120, 1.0)
            time.sleep(lengths.settle_s)
            stretches = [condition.during(port, lengths.watch_s) for _ in range(rounds)]
        runs = read(record)
    told = [run for run in runs if run.told]
    within = [condition.within(stretch, runs) for stretch in stretches]
    return [[run for run in told if any(run.overlaps(*one) for one in so)] for so in within]


def peers_errors_ms(reported: dict[int, float], shop: Target) -> list[float]:
    return [abs(seconds - shop.held_ns[number] / 1e9) * 1000 for number, seconds in reported.items()]


def errors_ms(runs: Sequence[Run]) -> list[float]:
    return [abs(run.error_s) * 1000 for run in runs]


def alternating(
    shop: Target, lengths: Lengths
) -> tuple[list[list[Run]], list[dict[int, float]], list[dict[int, float]]]:
    """Round by round: our runs, and what blackbox_exporter and httpx reported."""
    runs: list[list[Run]] = []
    boxed: list[dict[int, float]] = []
    plain: list[dict[int, float]] = []
    numbers = itertools.count(1)
    with tempfile.TemporaryDirectory() as home, blackbox(Path(home)) as (_, port):
        for _ in range(lengths.rounds):
            runs += ours(shop, ALONE, lengths, 1)
            boxed.append(asyncio.run(by_blackbox(port, shop, lengths.watch_s, numbers)))
            plain.append(asyncio.run(by_httpx(shop, lengths.watch_s / 2, numbers)))
    return runs, boxed, plain


def disturbed(shop: Target, lengths: Lengths) -> dict[str, list[list[Run]]]:
    """Our runs under each of the other conditions, by its name."""
    found = {}
    others = {
        "scraped": scraped(shop, 100, "3s") if lengths is QUICK else scraped(shop, SCRAPED_CHECKS - PER_S),
        "journey": glance() if lengths is QUICK else journey(),
        "flushed": flushed(),
    }
    for name, entered in others.items():
        with entered as condition:
            found[name] = ours(shop, condition, lengths, lengths.rounds)
    return found


def middle(rounds: list[list[float]], share: float) -> float | None:
    """The median over the rounds of each one's quantile."""
    found = [value for one in rounds if (value := quantile(one, share)) is not None]
    return statistics.median(found) if found else None


def main() -> int:
    quick = quick_wanted(__doc__)
    lengths = QUICK if quick else FULL
    with target() as shop:
        runs, boxed_s, plain_s = alternating(shop, lengths)
        others = disturbed(shop, lengths)
    assert all(runs), "nothing was measured"
    boxed, plain = ([peers_errors_ms(one, shop) for one in reported] for reported in (boxed_s, plain_s))
    everything = itertools.chain(runs, *others.values())
    figures = [
        Figure("probes_per_s", statistics.median(map(len, runs)) / lengths.watch_s, None, PER_S),
        *_judged("", runs, boxed),
        *_by_hold(runs),
        *(figure for name, found in others.items() for figure in _judged(f"{name}_", found, boxed)),
        Figure("httpx_p50_ms", middle(plain, 0.5)),
        Figure("httpx_p99_ms", middle(plain, 0.99)),
        Figure("phases_gap_most_ms", max(abs(run.gap_s) * 1000 for one in everything for run in one), GAP_MS),
    ]
    return conclude("truth", "blackbox_exporter", figures, quick=quick)


def _judged(under: str, runs: list[list[Run]], boxed: list[list[float]]) -> Iterator[Figure]:
    """The bars: the same under every condition. The peer was measured alone."""
    late = [errors_ms(one) for one in runs]
    p99, theirs = middle(late, 0.99), middle(boxed, 0.99)
    yield Figure(f"{under}error_p50_ms", middle(late, 0.5), P50_MS, middle(boxed, 0.5))
    yield Figure(f"{under}error_p99_ms", p99, theirs, theirs)
    yield Figure(f"{under}error_p99_stretch_ms", p99, STRETCH_MS)


def _by_hold(runs: list[list[Run]]) -> list[Figure]:
    """Our error at each time the target was told to hold."""
    found: dict[int, list[float]] = {}
    for run in itertools.chain.from_iterable(runs):
        nearest = min(HOLDS_MS, key=lambda hold_ms: abs(hold_ms / 1000 - run.held_s))
        found.setdefault(nearest, []).append(abs(run.error_s) * 1000)
    return [Figure(f"error_p50_at_{hold}_ms", quantile(found.get(hold, []), 0.5)) for hold in HOLDS_MS]


if __name__ == "__main__":
    sys.exit(main())
