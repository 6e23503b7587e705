"""The prober's own health as a page, and all the pages over a prober that runs."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import httpx
from fakes.markup import NASTY, Markup, harmless
from fakes.process import prober
from fakes.site import Site, serving

from prober.demo.server import running
from prober.web import Figure, Health

CONFIG = """
defaults: {{interval: 1s, timeout: 1s, alert: {{down_after: 2}}}}
maintenance:
  - {{start: "2020-01-01T00:00", end: "2120-01-01T00:00", checks: [storefront], reason: new switches}}
checks:
  - {{id: health, kind: http, url: "{shop}/health", expect: {{json: {{status: ok}}}}, tags: [shop]}}
  - {{id: storefront, kind: http, url: "{shop}/", expect: {{body: {{contains: Tickets}}}}}}
"""


def test_what_somebody_should_look_into_comes_first(client: httpx.Client) -> None:
    page = client.get("/health").text
    assert page.index("Schedule: Missed runs") < page.index('class="cards"')
    assert "<title>1 to look into" in page
    text = Markup(page).text
    for part in ("Schedule lag, p99 within 10ms", "chromium: memory 742 MB", "otlp 0 waiting, 0 dropped"):
        assert part in text


def test_a_prober_that_is_well_says_so_and_one_that_is_not_says_why(site: Site) -> None:
    site.inner = {"Store": [Figure("In reach", "yes")]}
    with serving(site.view()) as client:
        assert "All well" in client.get("/health").text
    with serving(replace(site.view(), healthy=lambda: Health(False, "the scheduler has not moved"))) as client:
        page = client.get("/health").text
        assert ("the scheduler has not moved" in page, "All well" in page) == (True, False)


def test_nothing_in_it_becomes_markup(site: Site) -> None:
    site.inner = {NASTY: [Figure(NASTY, NASTY, NASTY, well=False)]}
    with serving(site.view()) as client:
        assert harmless(client.get("/health").text)


def until(holds: Callable[[], bool], within_s: float = 30.0) -> None:
    end = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < end, "it never came to hold"
        time.sleep(0.05)  # another process's progress, not time passing


def test_a_running_prober_shows_a_shop_that_breaks(tmp_path: Path) -> None:
    with running() as shop:
        config = tmp_path / "probes.yaml"
        config.write_text(CONFIG.format(shop=shop))
        with prober("serve", "--config", config, "--listen", "127.0.0.1:0") as process:
            url = process.wait_for(r'"url": "(http://[^"]+)".*"event": "serving"')[1]
            with httpx.Client(base_url=url, trust_env=False, timeout=20) as client:
                until(lambda: 'class="r up"' in client.get("/").text)
                assert 'class="r maintenance"' in client.get("/").text
                httpx.post(f"{shop}/dials", json={"service_down": "redis"}, trust_env=False)
                until(lambda: 'class="r down"' in client.get("/").text)
                until(lambda: "Incident: down" in client.get("/checks/health").text)
                check = client.get("/checks/health").text
                assert "expected" in Markup(check).text
                run = re.search(r'href="\.\./(runs/[^"]+)"', check)
                assert run is not None
                assert client.get(f"/{run[1]}").status_code == 200
                assert "new switches" in client.get("/checks/storefront").text
                own = Markup(client.get("/health").text).text
                for part in ("Schedule lag, p99 within", "Missed runs", "Checks 2", "On disk the one that runs"):
                    assert part in own
