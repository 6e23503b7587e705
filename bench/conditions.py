"""What else the prober does while its first byte is held against the truth: be scraped, drive a browser, write.

A condition adds to the configuration, says when it has come about, and for how long it lasted.
"""

from __future__ import annotations

import re
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from figures import PURCHASE, shop
from loopback import Target, fetch, free_ports, until
from scrape import scrape
from serving import Run

from prober.journey.cores import granted_cores, share_out

SCRAPED_CHECKS, SCRAPE_PAUSE_S = 10_000, 0.5
JOURNEYS, JOURNEY_S = 6, 60  # more than there is time for, so that there is always one
DOWN = 2
GLANCE = """
import os
from prober import journey, step
@journey
async def glance(page):
    async with step("Open"):
        await page.goto(os.environ["EVENTCHAIN_URL"])
"""

Stretch = tuple[float, float]
"""Begin and end, as seconds since 1970."""


def no_more(port: int) -> bool:
    return True


def whole(port: int, watch_s: float) -> list[Stretch]:
    """Do nothing, for so long."""
    began = time.time()
    time.sleep(watch_s)
    return [(began, time.time())]


def as_said(stretches: Sequence[Stretch], runs: Sequence[Run]) -> list[Stretch]:
    return list(stretches)


@dataclass(frozen=True)
class Condition:
    """By default: nothing else."""

    checks: Sequence[str] = ()
    sections: Sequence[str] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    settled: Callable[[int], bool] = no_more
    """Whether it has come about at the prober that answers on this port."""
    during: Callable[[int, float], list[Stretch]] = whole
    """Do what belongs to it for some seconds; returns when that was."""
    within: Callable[[Sequence[Stretch], Sequence[Run]], list[Stretch]] = as_said
    """When it really was so, by what was written down."""


ALONE = Condition()


@contextmanager
def scraped(target: Target, checks: int, every: str = "1h") -> Iterator[Condition]:
    """``/metrics`` is asked for again and again, with many checks that hardly ever run."""
    rare = [
        f"id: rare-{n:05}, kind: http, url: '{target.url()}', interval: {every}, timeout: 1s" for n in range(checks)
    ]
    before = target.count()

    def settled(port: int) -> bool:
        return target.count() >= before + checks and len(successes(port, "rare-")) == checks

    def during(port: int, watch_s: float) -> list[Stretch]:
        scrapes, end = [], time.time() + watch_s
        while time.time() < end:
            scrapes.append(scrape(port, "gzip"))
            time.sleep(SCRAPE_PAUSE_S)
        return [(one.asked, one.ended) for one in scrapes]

    yield Condition(checks=rare, settled=settled, during=during)


@contextmanager
def journey() -> Iterator[Condition]:
    """Tickets are bought in a browser, one after another, on a core that the prober gave it."""
    with beside_its_browser() as env:
        timing = f"interval: {JOURNEY_S}s, timeout: {JOURNEY_S}s"
        buying = [f"id: buy-{n}, kind: browser, journey: '{PURCHASE}', {timing}" for n in range(JOURNEYS)]
        yield Condition(checks=buying, env=env, settled=has_bought, within=while_buying)


@contextmanager
def glance() -> Iterator[Condition]:
    """The shop is opened in a browser, once: the short form of a journey."""
    with beside_its_browser() as env, tempfile.TemporaryDirectory() as place:
        script = Path(place) / "glance.py"
        script.write_text(GLANCE)
        opening = f"id: buy-nothing, kind: browser, journey: '{script}', interval: 10s, timeout: 10s"
        yield Condition(checks=[opening], env=env, during=until_bought, within=while_buying)


@contextmanager
def beside_its_browser() -> Iterator[dict[str, str]]:
    """The shop, which would be elsewhere: it takes nothing that its browser has not taken already."""
    with shop(share_out(granted_cores(), 1)[0]) as url:
        yield {"EVENTCHAIN_URL": url}


def until_bought(port: int, watch_s: float) -> list[Stretch]:
    began = time.time()
    until(lambda: has_bought(port), "a ticket is bought", 120, 0.5)
    return [(began, time.time())]


def has_bought(port: int) -> bool:
    return b"1" in successes(port, "buy-")


def successes(port: int, prefix: str) -> list[bytes]:
    """What ``/metrics`` says of the checks whose ids begin so; those that have not run yet are left out."""
    pattern = rf'^probe_success\{{[^}}]*check="{prefix}[^}}]*\}} (\d)'
    return re.findall(pattern.encode(), fetch(port, "/metrics"), re.MULTILINE)


def while_buying(stretches: Sequence[Stretch], runs: Sequence[Run]) -> list[Stretch]:
    bought = [(run.at, run.at + run.took_s) for run in runs if run.journey]
    both = [(max(a, c), min(b, d)) for a, b in stretches for c, d in bought]
    return [(began, ended) for began, ended in both if began < ended]


@contextmanager
def flushed() -> Iterator[Condition]:
    """All results are kept in a store on disk, and written with every run of a check that is down: twice a second."""
    (nobody,) = free_ports(1)
    down = [f"id: down-{n}, kind: http, url: 'http://127.0.0.1:{nobody}/'" for n in range(DOWN)]
    yield Condition(checks=down, sections=["store: {path: prober.db, thin: 0s}"])
