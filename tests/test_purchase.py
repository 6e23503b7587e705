"""The shipped purchase journey against the demo shop and its dials, in a real Chromium."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from fakes.browsing import Browsing, browsing

from prober.demo.server import running
from prober.model import Observation, Reason, Verdict

PURCHASE = Path(__file__).parent.parent / "checks" / "purchase.py"
STEPS = [
    "Browse events",
    "Open an event",
    "Choose seats",
    "Continue as guest",
    "Choose delivery",
    "Pay by card",
    "Confirmation",
    "Cancel the order",
]


@dataclass(frozen=True)
class Shop:
    url: str
    browser: Browsing

    def purchase(self, timeout_s: float = 40.0, **dials: object) -> Observation:
        httpx.delete(f"{self.url}/dials").raise_for_status()
        httpx.post(f"{self.url}/dials", json=dials).raise_for_status()
        return self.browser.run_file(PURCHASE, timeout_s=timeout_s, artifacts=True)

    def free_seats(self) -> int:
        return int(httpx.get(f"{self.url}/api/events/aurora-symphony").json()["available"])

    def tickets_sold(self) -> float:
        lines = httpx.get(f"{self.url}/metrics").text.splitlines()
        return sum(float(line.split()[-1]) for line in lines if line.startswith("ticket_sales_total{"))


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with running() as url, browsing(tmp_path_factory.mktemp("purchase"), EVENTCHAIN_URL=url) as browser:
        yield Shop(url, browser)


def test_a_ticket_is_bought_measured_on_every_page_and_given_back(shop: Shop) -> None:
    free, sold = shop.free_seats(), shop.tickets_sold()
    seen = shop.purchase()
    assert seen.failure is None
    assert [(step.name, step.verdict) for step in seen.steps] == [(name, Verdict.UP) for name in STEPS]
    pages = [(step.name, page) for step in seen.steps for page in step.navigations]
    assert [name for name, page in pages if page.kind == "soft"] == ["Choose delivery"]
    for name, page in pages:
        assert page.fcp_s is not None, name
        assert page.lcp_s is not None, name
        assert page.cls is not None, name
        assert page.kind == "soft" or page.timings["total_load_time_s"] is not None, name
    (total,) = seen.measures
    assert (total.name, total.value, total.unit, total.labels) == (
        "order_total",
        98.0,
        "EUR",
        {"event": "Aurora Symphony"},
    )
    assert (shop.free_seats(), shop.tickets_sold()) == (free, sold)
    assert "token=***" in seen.facts["last_url"]
    assert seen.artifacts == ()


def test_a_refused_payment_is_down_at_that_step_with_a_screenshot(shop: Shop) -> None:
    seen = shop.purchase(payment="refused")
    assert seen.failure is not None
    assert seen.failure.reason is Reason.STEP
    assert seen.failure.message == "Pay by card: the payment was refused: Your card was declined."
    assert [step.name for step in seen.steps] == STEPS[:6]
    assert {artifact.kind for artifact in seen.artifacts} == {"screenshot", "evidence"}


def test_a_sold_out_event_is_told_as_such(shop: Shop) -> None:
    seen = shop.purchase(sold_out=True)
    assert seen.failure is not None
    assert seen.failure.message.startswith("Open an event: the event is sold out")


def test_a_slow_hero_a_shift_and_a_slow_click_show_in_the_vitals_of_the_event_page(shop: Shop) -> None:
    seen = shop.purchase(slow_hero_s=1.2, layout_shift=True, slow_click_s=0.2)
    assert seen.failure is None
    (event,) = seen.steps[1].navigations
    assert event.lcp_s is not None
    assert event.cls is not None
    assert event.inp_s is not None
    assert event.lcp_s >= 1.2
    assert event.lcp_element == "IMG"
    assert event.cls > 0.1
    assert event.inp_s >= 0.2


def test_an_order_is_cancelled_also_when_a_later_step_fails(shop: Shop, tmp_path: Path) -> None:
    httpx.delete(f"{shop.url}/dials").raise_for_status()
    free = shop.free_seats()
    broken = tmp_path / "purchase.py"
    broken.write_text(PURCHASE.read_text().replace("to_have_count(params.seats)", "to_have_count(9, timeout=500)"))
    seen = shop.browser.run_file(broken, timeout_s=40.0)
    assert seen.failure is not None
    assert seen.failure.message.startswith("Confirmation: ")
    assert (seen.steps[-1].name, seen.steps[-1].verdict) == ("Cancel the order", Verdict.UP)
    assert shop.free_seats() == free


@pytest.mark.slow
def test_a_shop_that_hangs_is_down_before_the_deadline(shop: Shop) -> None:
    seen = shop.purchase(timeout_s=8.0, hang=True)
    assert seen.failure is not None
    assert seen.failure.reason is Reason.PAGE_HUNG
    assert any(artifact.kind == "screenshot" for artifact in seen.artifacts)
