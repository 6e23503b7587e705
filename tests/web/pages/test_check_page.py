"""A check's page: how it is and was, what was seen against what was expected, and what may be done about it."""

from __future__ import annotations

import re
import time
from concurrent.futures import Future
from dataclasses import replace

import httpx
import pytest
from fakes.markup import NASTY, Markup, harmless
from fakes.planned import PlannedHistory
from fakes.plans import NOW, REGIONS
from fakes.results import Target
from fakes.site import Site, serving

from prober.faults import UserFault
from prober.history import Query
from prober.model import Hush, HushKind
from prober.secret import Secret
from prober.store import StoreFault
from prober.web.auth import Scope, Who
from prober.web.view import View


def test_it_says_how_the_check_is_and_since_when(client: httpx.Client) -> None:
    text = Markup(client.get("/checks/orders-api").text).text
    for part in (
        "Orders API",
        "for 13m, since 2026-12-01 02:59 UTC",
        "Incident: down",
        "eu-west-1 down",
        "us-east-1 down",
        "status 503, expected 200",
    ):
        assert part in text


def test_uptime_and_reachability_stand_side_by_side_by_region_and_overall(client: httpx.Client) -> None:
    page = client.get("/checks/checkout").text
    table = re.search(r'<table class="uptimes">.*?</table>', page, re.DOTALL)
    assert table is not None
    assert re.findall(r'scope="row">([^<]+)<', table[0]) == ["All together", *REGIONS]
    assert re.findall(r'scope="col" class="num">([^<]+)<', table[0]) == ["24 h", "7 d", "30 d", "90 d"]
    assert "98.19 %" in table[0]  # 26 minutes of a day in one region
    assert "100 %" in table[0]
    assert "runs that were good" in table[0]
    assert "<b>Reachability</b>, below it, is the share of <em>runs</em>" in page


def test_latency_is_drawn_by_phase_with_quantiles_incidents_and_deploys(client: httpx.Client) -> None:
    page = client.get("/checks/orders-api").text
    chart = re.search(r'<svg class="chart".*?</figure>', page, re.DOTALL)
    assert chart is not None
    assert len(re.findall(r'<path class="p\d"', chart[0])) == 5
    assert {"p50", "p95"} <= set(re.findall(r'<path class="(p\d\d)"', chart[0]))
    assert chart[0].count('class="band"') == 2  # the one that is open, and its key
    assert chart[0].count('class="deploy"') == 2
    assert "orders 4.18.1" in chart[0]
    rows = re.search(r'<table class="points">.*?</table>', page, re.DOTALL)
    assert rows is not None
    assert rows[0].count("<tr>") == 97  # the same for those who do not see it
    assert "javascript:" not in page


def test_a_deploy_of_others_is_not_on_it(client: httpx.Client) -> None:
    assert "orders 4.18.1" not in client.get("/checks/edge").text


@pytest.mark.parametrize(
    ("range_", "points", "first"), [("7d", 84, "25 Nov"), ("30d", 120, "12 Nov"), ("90d", 90, "24 Sep")]
)
def test_a_link_shows_another_range(client: httpx.Client, range_: str, points: int, first: str) -> None:
    page = client.get(f"/checks/storefront?range={range_}").text
    rows = re.search(r'<table class="points">.*?</table>', page, re.DOTALL)
    assert rows is not None
    assert rows[0].count("<tr>") == points + 1
    assert f">{first}</text>" in page
    assert f'range={range_}#latency" aria-current="true"' in page


def test_a_region_is_looked_at_alone(client: httpx.Client) -> None:
    page = client.get("/checks/checkout?region=us-east-1").text
    runs = re.search(r'<table class="runs">.*?</table>', page, re.DOTALL)
    assert runs is not None
    assert "us-east-1" in runs[0]
    assert "eu-west-1" not in runs[0]
    assert "?range=7d&amp;region=us-east-1#latency" in page


def test_runs_say_what_was_seen_against_what_was_expected_and_lead_to_their_page(client: httpx.Client) -> None:
    page = client.get("/checks/orders-api").text
    assert "status: expected <b>200</b>, seen <b>503</b>" in page
    assert 'href="../runs/orders-api-9999"' in page
    assert page.count('href="../runs/') == 25


def test_older_runs_follow_and_the_way_back_is_there(client: httpx.Client) -> None:
    first = client.get("/checks/storefront").text
    older = re.search(r'href="(\?before=\d+)#runs">Older', first)
    assert older is not None
    second = client.get(f"/checks/storefront{older[1]}").text
    assert 'href="../runs/storefront-9974"' in second
    assert 'href="../runs/storefront-9975"' not in second
    assert ">Latest</a>" in second


def test_only_runs_that_were_not_up_are_shown_to_those_who_want_that(client: httpx.Client) -> None:
    page = client.get("/checks/orders-api?runs=failed").text
    runs = re.search(r'<table class="runs">.*?</table>', page, re.DOTALL)
    assert runs is not None
    assert set(re.findall(r'class="state (\w+)"', runs[0])) == {"down"}
    assert "No run was other than up" in client.get("/checks/zone?runs=failed").text


@pytest.mark.parametrize(
    "query", ["range=9y", "region=mars", "before=-1", "before=9999999999999999999999", f"runs={NASTY}", "before=²"]
)
def test_a_query_that_makes_no_sense_is_left_out(client: httpx.Client, query: str) -> None:
    answer = client.get(f"/checks/storefront?{query}")
    assert answer.status_code == 200
    assert harmless(answer.text)


def test_the_certificate_tells_its_days_and_the_budget_what_is_left(client: httpx.Client) -> None:
    text = Markup(client.get("/checks/storefront").text).text
    assert "12 days" in text
    assert "Error budget" in text
    assert "13.2× over 1h" in text.replace("13.2 ×", "13.2×")


def test_the_configuration_is_shown_without_secrets(site: Site) -> None:
    class Guarded(Target):
        headers: dict[str, str | Secret] = {}

    check = Guarded(
        id="storefront",
        url="https://user:hunter22@shop.example/?api_key=k33p",
        headers={"Authorization": "Bearer abc", "X-Plain": "hello", "X-Secret": Secret("wh1sper")},
        runbook="javascript:alert(1)",
    )
    view = replace(site.view(), checks=lambda: [check], masked=lambda text: text.replace("hello", "***"))
    with serving(view) as client:
        page = client.get("/checks/storefront").text
    for secret in ("hunter22", "k33p", "Bearer", "hello", "wh1sper"):
        assert secret not in page
    assert "Authorization: &#39;***&#39;" in page
    assert harmless(page)
    assert ">Runbook</a>" not in page


def test_a_runbook_is_a_link_only_where_a_browser_may_go(client: httpx.Client) -> None:
    assert 'href="https://wiki.example/s" rel="noreferrer">Runbook' in client.get("/checks/storefront").text


def test_run_now_leads_to_the_run(site: Site, client: httpx.Client) -> None:
    answer = client.post("/checks/search/run")
    assert (answer.status_code, answer.headers["location"]) == (303, "../../runs/search-9999")
    assert site.hand.done == [("run", "search")]


def test_a_silence_is_of_this_check_for_as_long_as_was_chosen(site: Site, client: httpx.Client) -> None:
    answer = client.post("/checks/search/silence", data={"for": "4h", "reason": " moving\r\nracks ", "by": "Ada"})
    assert (answer.status_code, answer.headers["location"]) == (303, "../search?done=silenced")
    ((_, hush),) = site.hand.done
    assert isinstance(hush, Hush)
    assert (hush.kind, hush.checks, hush.reason, hush.by) == (HushKind.SILENCE, ("search",), "moving racks", "Ada")
    assert hush.ends_at - hush.starts_at == 4 * 3_600
    assert "Silenced." in client.get("/checks/search?done=silenced").text
    assert client.post("/checks/search/silence", data={"for": "9y"}).status_code == 400


def test_a_form_that_was_not_ours_does_nothing(site: Site) -> None:
    ada = Who("Ada", frozenset({Scope.READ, Scope.RUN, Scope.ACK}), csrf="s3cret")
    with serving(site.view(), ada) as client:
        page = client.get("/checks/search").text
        assert page.count('name="csrf" value="s3cret"') == 2  # run, silence
        assert [
            client.post(f"/checks/search/{what}", data={"for": "1h"}).status_code for what in ("run", "silence")
        ] == [
            403,
            403,
        ]
        assert site.hand.done == []
        assert client.post("/checks/search/silence", data={"for": "1h", "csrf": "s3cret"}).status_code == 303
        assert client.post("/checks/search/run", data={"csrf": "s3cret"}).status_code == 303
    assert [hush.by for what, hush in site.hand.done if isinstance(hush, Hush)] == ["Ada"]


def test_who_may_only_read_has_no_buttons_and_cannot_press_them(site: Site) -> None:
    with serving(site.view(), Who("Eve", frozenset({Scope.READ}))) as client:
        assert "<form" not in client.get("/checks/search").text
        assert [client.post(f"/checks/search/{what}").status_code for what in ("run", "silence")] == [403, 403]
    assert site.hand.done == []


def test_what_cannot_be_done_is_said_with_its_reason(site: Site) -> None:
    class Refusing(type(site.hand)):  # type: ignore[misc]
        def run_now(self, check_id: str) -> Future[str]:
            raise UserFault("search runs already; wait for it to end")

        def hush(self, hush: Hush) -> None:
            raise StoreFault("away")

    site.hand = Refusing()
    with serving(site.view()) as client:
        answer = client.post("/checks/search/run")
        assert (answer.status_code, "runs already" in answer.text) == (409, True)
        answer = client.post("/checks/search/silence", data={"for": "1h"})
        assert (answer.status_code, "nothing was changed" in answer.text) == (503, True)
        assert client.post("/checks/search/delete").status_code == 404
        assert client.post("/checks/nope/run").status_code == 404
        assert client.get("/checks/nope").status_code == 404


def test_while_the_store_is_away_the_present_is_shown(site: Site) -> None:
    class Away(PlannedHistory):
        def regions(self, check_id: str) -> tuple[str, ...]:
            raise StoreFault("away")

        def days(self, check_ids, region, count):  # type: ignore[no-untyped-def]
            raise StoreFault("away")

    site.history = Away(site.plans)
    with serving(site.view()) as client:
        page = client.get("/checks/orders-api")
        assert (page.status_code, "The store is away" in page.text, "503" in page.text) == (200, True, True)
        assert client.get("/").status_code == 200


def test_nothing_that_a_target_said_becomes_markup(site: Site) -> None:
    class Said(PlannedHistory):
        def results(self, query: Query):  # type: ignore[no-untyped-def]
            page = super().results(query)
            outcomes = [{"expectation": NASTY, "verdict": "down", "expected": NASTY, "seen": NASTY}]
            nasty = replace(page.results[0], message=NASTY, run_id=NASTY, region=NASTY, payload={"outcomes": outcomes})
            return replace(page, results=(nasty,))

    plan = replace(site.plans[1], message=NASTY, held=NASTY)
    view: View = replace(Site((plan,), history=Said((plan,))).view())
    with serving(view) as client:
        page = client.get("/checks/orders-api").text
    assert harmless(page)
    assert page.count("&lt;script&gt;") >= 6


def test_ninety_days_are_shown_within_a_second(client: httpx.Client) -> None:
    client.get("/checks/storefront?range=90d")
    took = []
    for _ in range(10):
        began = time.process_time()
        client.get("/checks/storefront?range=90d")
        took.append(time.process_time() - began)
    assert sorted(took)[8] <= 1.0  # ten times the bar, which bench/web.py holds it against


def test_times_are_utc_and_machines_can_read_them(client: httpx.Client) -> None:
    page = client.get("/checks/storefront").text
    assert '<time datetime="2026-12-01T03:11:52.000Z">2026-12-01 03:11 UTC</time>' in page
    assert NOW == 1_796_094_720.0
