"""The pages over a real store and what is rolled up of it: what the recorder wrote is what people read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import httpx
import pytest
from fakes.markup import Markup
from fakes.plans import NOW
from fakes.results import Target
from fakes.site import Site, serving, warmed
from fakes.watching import Watching

from prober.clock import MovedClock
from prober.history import History
from prober.model import AlertPolicy, Hush, HushKind, Slo, Verdict
from prober.store import Store
from prober.web import Row

QUARTER_S, DAY_S = 900.0, 86_400.0
DAYS = 12
BEGIN = NOW - DAYS * DAY_S
SHOP = Target(id="shop", interval="15m", alert=AlertPolicy(down_after=1, up_after=1), slo=Slo(objective=99.0))
SPLIT = SHOP.model_copy(update={"id": "split"})


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """Twelve days of a run each quarter of an hour: an outage, nine hours nobody looked, maintenance, two regions."""
    clock = MovedClock(BEGIN)
    with closing(Store(tmp_path_factory.mktemp("pages") / "prober.db", clock)) as store:
        watching = Watching(store)
        watching.sees(SHOP, "u" * 96 * 4, at=BEGIN, every_s=QUARTER_S, took_s=0.1)
        watching.sees(SHOP, "u" * 24 + "d" * 8 + "u" * 64, at=BEGIN + 4 * DAY_S, every_s=QUARTER_S, took_s=0.2)
        watching.sees(SHOP, "u" * 60, at=BEGIN + 5 * DAY_S, every_s=QUARTER_S)  # and nine hours of nothing
        watching.sees(SHOP, "u" * 96 * 6, at=BEGIN + 6 * DAY_S, every_s=QUARTER_S)
        for region, letters in (("eu-west-1", "u" * 96), ("us-east-1", "u" * 80 + "d" * 16)):
            Watching(store, region).sees(SPLIT, letters, at=NOW - DAY_S, every_s=QUARTER_S)
        hush = Hush("m", HushKind.MAINTENANCE, NOW - 9 * DAY_S, NOW - 9 * DAY_S + 7_200, ("shop",), (), "racks", "Ada")
        clock.set_wall(hush.starts_at)
        store.add_hush(hush)
        clock.set_wall(NOW)
        while store.roll_up(lambda found, check_id: found.covers(check_id, ())):
            clock.advance(61.0)
        clock.set_wall(NOW)
        history = History(store, lambda: [SHOP, SPLIT], clock=clock)
        rows = [Row(check.id, "http", check.target, Verdict.UP, last_run_at=NOW - 60) for check in (SHOP, SPLIT)]
        view = replace(Site(()).view(), clock=clock, snapshot=lambda: rows, checks=lambda: [SHOP, SPLIT])
        with serving(replace(view, history=history)) as client:
            yield client


def test_the_overview_tells_the_days_as_they_were(client: httpx.Client) -> None:
    row = re.search(r'<tr id="c-shop".*?</tr>', warmed(client), re.DOTALL)
    assert row is not None
    words = re.search(r"<title>(90 days[^<]*)</title>", row[0])
    assert words is not None
    assert "downtime on 1 day" in words[1]
    assert re.search(r"no data on 7[78] days", words[1])
    assert 'class="d"' in row[0]
    assert 'class="spark"' in row[0]


def test_a_check_page_counts_time_and_runs_apart(client: httpx.Client) -> None:
    page = client.get("/checks/shop?range=30d").text
    table = re.search(r'<table class="uptimes">.*?</table>', page, re.DOTALL)
    assert table is not None
    day, _, month, _ = re.findall(r"<td class=\"num\">.*?</td>", table[0], re.DOTALL)
    assert Markup(day).text == "100 % 100 % of 96"
    # Two hours of some eleven and a half days that somebody looked and nobody worked on it.
    uptime = re.match(r"99\.(\d\d) % 99\.(\d\d) % of 1,1\d\d", Markup(month).text)
    assert uptime is not None
    assert 25 <= int(uptime[1]) <= 32
    assert "Error budget" in page
    assert 'class="d"' in page
    assert 'class="n"' in page


def test_regions_are_told_apart(client: httpx.Client) -> None:
    page = client.get("/checks/split?region=us-east-1&runs=failed").text
    assert page.count("status 503") >= 16
    assert "expected <b>200-399</b>, seen <b>503</b>" in page
    assert re.findall(r'scope="row">([^<]+)<', page)[:3] == ["All together", "eu-west-1", "us-east-1"]


def test_paging_goes_back_to_the_first_run(client: httpx.Client) -> None:
    link, seen = "/checks/split", 0
    for _ in range(20):
        page = client.get(link).text
        seen += len(re.findall(r'href="\.\./runs/', page))
        older = re.search(r'href="(\?before=\d+)#runs">Older', page)
        if older is None:
            break
        link = f"/checks/split{older[1]}"
    assert seen == 192
