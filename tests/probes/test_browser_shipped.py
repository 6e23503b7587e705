"""The other shipped journeys, and a newly written one, against the demo shop."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from fakes.browsing import Browsing, browsing, context

from prober.app.new import write_journey
from prober.demo.server import running
from prober.model import Observation, Reason, Verdict
from prober.probes.api import Spec, open_probe

CHECKS = Path(__file__).parents[2] / "checks"


@dataclass(frozen=True)
class Shop:
    url: str
    browser: Browsing

    def available(self, event: str) -> int:
        return int(httpx.get(f"{self.url}/api/events/{event}").json()["available"])

    def set(self, **dials: object) -> None:
        httpx.delete(f"{self.url}/dials").raise_for_status()
        httpx.post(f"{self.url}/dials", json=dials).raise_for_status()

    def refund(self, **params: str | int | float | bool) -> Observation:
        async def probed() -> Observation:
            async with open_probe(environ={"EVENTCHAIN_URL": self.url}) as probe:
                spec = Spec(id="refund", journey=str(CHECKS / "refund.py"), params=params)
                return await probe(spec, context(10.0, check_id="refund"))

        return asyncio.run(probed())


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with running() as url, browsing(tmp_path_factory.mktemp("shipped"), EVENTCHAIN_URL=url) as browser:
        yield Shop(url, browser)


def test_a_log_in_with_a_one_time_code_is_made_once_and_reused(shop: Shop) -> None:
    seen = [shop.browser.run_file(CHECKS / "login_totp.py") for _ in range(2)]
    assert [one.failure for one in seen] == [None, None]
    assert [step.name for step in seen[0].steps] == ["Log in with a password", "Verify the code", "Open the account"]
    assert [step.name for step in seen[1].steps] == ["Open the account"]
    assert "tickets-please-twice" not in repr(seen)


def test_a_wrong_password_is_told_in_the_words_of_the_page_and_never_shown(shop: Shop) -> None:
    # The log-in kept from other runs would need no password.
    source = (CHECKS / "login_totp.py").read_text().replace('for_="30m"', 'for_="0s", name="fresh"')
    wrong = shop.browser.home / "wrong.py"
    wrong.write_text(source)
    seen = shop.browser.run_file(wrong, params={"password": "not-the-password"}, artifacts=True)
    assert seen.failure is not None
    assert seen.failure.message == "Log in with a password: the log-in was refused: Email or password is wrong."
    told = repr(seen) + "".join(Path(one.path).read_text(errors="replace") for one in seen.artifacts)
    assert "not-the-password" not in told


def test_a_ticket_is_bought_and_refunded_by_api_with_its_phases(shop: Shop) -> None:
    shop.set()
    before = shop.available("paper-moons")
    seen = shop.refund()
    assert seen.failure is None
    assert [(step.name, step.verdict) for step in seen.steps] == [
        ("Find a free seat", Verdict.UP),
        ("Buy it", Verdict.UP),
        ("Refund it", Verdict.UP),
    ]
    assert seen.measures[0].value > 0
    assert seen.phases["processing"] > 0
    assert shop.available("paper-moons") == before


def test_a_refused_payment_by_api_is_down_and_nothing_is_refunded(shop: Shop) -> None:
    shop.set(payment="refused")
    seen = shop.refund(event="neon-harbour")
    assert seen.failure is not None
    assert seen.failure.reason is Reason.STEP
    assert seen.failure.message.startswith("Buy it: the order was refused: 402")
    assert [step.name for step in seen.steps] == ["Find a free seat", "Buy it"]
    shop.set()


@pytest.mark.parametrize("given", [False, True])
def test_a_newly_written_journey_runs_at_once(shop: Shop, tmp_path: Path, given: bool) -> None:
    seen = shop.browser.run_file(write_journey("first", shop.url if given else None, tmp_path / "first.py"))
    assert seen.failure is None
    assert [(step.name, step.verdict) for step in seen.steps] == [
        ("Open the front page", Verdict.UP),
        ("See something on it", Verdict.UP),
    ]
    assert seen.measures[0].value > 5
