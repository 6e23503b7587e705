"""Runs of a real purchase and their comparison, as pages that are looked at in a real Chromium."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from html.parser import HTMLParser
from pathlib import Path

import httpx
import pytest
from fakes.alerts import AT, HOSTILE_TEXT, check
from fakes.axe import LOOKS, chromium, found_by_axe, looking, too_wide
from fakes.shopping import Shopping, shopping, store_view
from fakes.site import serving
from fakes.watching import Watching
from playwright.sync_api import Browser, Page

from prober.model import (
    Artifact,
    Measure,
    Navigation,
    Observation,
    Outcome,
    Reason,
    Result,
    Step,
    Verdict,
)
from prober.store import Store

NASTY = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)><style>*{}</style>\x00" + HOSTILE_TEXT[:300]


@dataclass(frozen=True)
class Site:
    url: str
    shopped: Shopping

    def of(self, name: str, query: str = "") -> str:
        return f"{self.url}/runs/{self.shopped.runs[name].run_id}{query}"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with shopping(tmp_path_factory.mktemp("shopping")) as shopped, serving(shopped.view) as client:
        yield Site(str(client.base_url).rstrip("/"), shopped)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def page(browser: Browser, site: Site) -> Iterator[Page]:
    with looking(browser, site.url) as page:
        yield page


def test_a_failed_purchase_says_where_and_why_with_a_picture_of_it(site: Site, page: Page) -> None:
    page.goto(site.of("refused"))
    assert page.locator("h1").inner_text() == "Buy two tickets by card"
    told = page.locator(".notice.down").first.inner_text()
    assert "A step of the journey did not find what it expects." in told
    assert "Pay by card: the payment was refused: Your card was declined." in told
    steps = page.locator(".step .name").all_inner_texts()
    assert steps[0] == "Browse events"
    assert steps[-1] == "Pay by card"
    picture = page.locator(".step.down figure.failed img")
    assert picture.get_attribute("alt") == "Where it failed: Pay by card"
    assert picture.evaluate("async one => (await one.decode(), one.naturalWidth)") > 300


def test_every_page_of_the_purchase_has_its_vitals_in_the_fields_words(site: Site, page: Page) -> None:
    page.goto(site.of("slow"))
    rows = page.locator(".vitals tbody tr").filter(has_text="Open an event")
    lcp, _, cls = (rows.first.locator(f"td[data-as={name}]").inner_text() for name in ("LCP", "INP", "CLS"))
    assert re.search(r"2\.\d+ s.*needs improvement|[3-9]\.\d+ s.*(needs improvement|poor)", lcp, re.DOTALL), lcp
    assert "good" not in cls
    assert page.locator(".vitals tbody tr").filter(has_text="route").count() >= 1
    page.locator("summary", has_text="Navigation timings").click()
    assert page.get_by_text("total load time").first.is_visible()


def test_the_requests_stand_under_their_steps_and_can_be_chosen(site: Site, page: Page) -> None:
    page.goto(site.of("refused"))
    groups = page.locator(".water .group h3").all_inner_texts()
    assert groups[:2] == ["Browse events", "Open an event"]
    bad = page.locator(".water .request.bad")
    assert "402" in bad.first.inner_text()
    titles = page.locator(".water rect title").evaluate_all("all => all.map(one => one.textContent)")
    assert any(title.startswith("wait ") for title in titles)
    page.get_by_role("link", name="Failed", exact=True).click()
    assert page.locator(".water .request").count() == bad.count() == 1
    assert page.locator(".choice [aria-current]").inner_text() == "Failed"


def test_the_filmstrip_is_shown_picture_by_picture_from_its_archive(site: Site, page: Page) -> None:
    page.goto(site.of("good"))
    frames = page.locator(".strip:not(.stills) img")
    assert frames.count() >= 3
    frames.first.scroll_into_view_if_needed()
    assert frames.first.evaluate("async one => (await one.decode(), one.naturalWidth)") > 100
    source = frames.first.evaluate("one => one.src")
    answer = httpx.get(source)
    assert (answer.headers["content-type"], answer.headers["x-content-type-options"]) == ("image/jpeg", "nosniff")
    assert answer.headers["content-security-policy"].startswith("sandbox")
    assert httpx.get(re.sub(r"\d+$", "9999", source)).status_code == 404


def test_against_the_last_good_run_the_refused_request_is_the_first_difference(site: Site, page: Page) -> None:
    page.goto(site.of("refused"))
    page.get_by_role("link", name="Compare with the last good run").click()
    first = page.locator(".notice.first").inner_text()
    assert "The first difference" in first
    assert re.search(r"POST \S+/api/orders answered 402", first), first
    assert re.search(r"It answered 201 in \S+ ms there\.", first), first
    assert "Pay by card" in first
    broken = page.locator(".pair.broken")
    assert broken.count() == 1
    assert "Your card was declined" in broken.inner_text()
    assert page.locator(".pair").filter(has_text="Confirmation").locator(".absent").inner_text() == "not reached"
    there, here = page.get_by_label("Pictures of where it failed").locator("img").all()
    assert (there.get_attribute("alt"), here.get_attribute("alt")) == ("There: Pay by card", "Here: Pay by card")


def test_a_slow_run_against_a_good_one_shows_which_vitals_fell(site: Site, page: Page) -> None:
    good = site.shopped.runs["good"].run_id
    page.goto(site.of("slow", f"?against={good}"))
    row = page.locator(".vitals tbody tr").filter(has_text="Open an event").first
    assert "worse" in row.locator("td[data-as=LCP]").inner_text()
    assert "was good" in row.locator("td[data-as=LCP]").inner_text()


def test_a_check_of_one_request_shows_what_was_expected_its_phases_and_its_facts(site: Site, page: Page) -> None:
    page.goto(site.of("storefront down"))
    row = page.get_by_role("row").filter(has_text="status").first
    assert [row.locator("td").nth(n).inner_text() for n in (1, 2)] == ["200", "500"]
    legend = page.locator("section", has=page.get_by_role("heading", name="Phases")).locator(".legend").inner_text()
    assert "processing" in legend
    page.get_by_role("link", name="Compare with the last good run").click()
    assert "status: expected 200, saw 500" in page.locator(".notice.first").inner_text()
    assert page.get_by_role("row").filter(has_text="processing").count() == 1


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_axe_finds_nothing_nobody_scrolls_sideways_and_nothing_comes_from_elsewhere(
    site: Site, browser: Browser, width: int, scheme: str
) -> None:
    found, asked = list[str](), list[str]()
    with looking(browser, site.url, width, scheme) as page:
        page.on("request", lambda request: asked.append(request.url))
        for url in (
            site.of("refused"),
            site.of("refused", "?against=last-good"),
            site.of("storefront down", "?against=last-good"),
        ):
            page.goto(url)
            for details in page.locator("details").all():
                details.evaluate("(one) => { one.open = true; }")
            found += [f"{url}: {line}" for line in found_by_axe(page)]
            assert too_wide(page) <= 0, url
    assert found == []
    assert [url for url in asked if not url.startswith(site.url)] == []


def test_all_of_it_is_there_without_script(site: Site, browser: Browser) -> None:
    with looking(browser, site.url, java_script_enabled=False) as page:
        page.goto(site.of("refused"))
        page.get_by_role("link", name="Slowest").click()
        assert page.locator(".choice [aria-current]").inner_text() == "Slowest"
        page.get_by_role("link", name="Compare with the last good run").click()
        assert "The first difference" in page.locator(".notice.first").inner_text()


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        ("/runs/nope", 404, "There is no such run"),
        ("/runs/{slow}?against=last-good", 404, "No good run of this check"),
        ("/runs/{good}?against=nope", 404, "nothing to compare"),
        ("/runs/{good}?against={good}", 404, "Only two different runs"),
        ("/runs/{good}?against={storefront up}", 404, "of the same check"),
        ("/runs/%00%ff", 404, "There is no such run"),
    ],
)
def test_what_cannot_be_shown_is_said(site: Site, path: str, status: int, text: str) -> None:
    answer = httpx.get(site.url + path.format(**{name: run.run_id for name, run in site.shopped.runs.items()}))
    assert (answer.status_code, text in answer.text) == (status, True)


class Markup(HTMLParser):
    """The tags and handlers of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.odd: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.odd += [f"{tag} {name}" for name, _ in attrs if name.startswith("on") or name == "style"]
        self.odd += [f"{tag} {value}" for name, value in attrs if name in ("href", "src") and _scripted(value or "")]
        if tag == "script" and not dict(attrs).get("src"):
            self.odd.append("script")
        if tag == "img" and "artifacts/" not in str(dict(attrs).get("src")):
            self.odd.append(f"img {attrs}")


def _scripted(link: str) -> bool:
    return link.strip().lower().startswith(("javascript:", "data:", "vbscript:"))


def _hostile(run_id: str, place: Path, verdict: Verdict, at: float) -> tuple[Result, Path]:
    """A run of which a target wrote every text, and its evidence."""
    nasty = NASTY.encode("utf-8", "replace").decode()  # as it is written down
    words = {"name": nasty, "text": nasty, "url": f"https://x/{nasty}", "method": nasty, "type": nasty}
    row = {**words, "step": 0, "status": 500, "began_s": 0.1, "duration_s": 1.0, "phases": {nasty: 1.0}}
    (place / run_id).mkdir(parents=True)
    evidence = place / run_id / "evidence.json"
    told = {
        "version": 1,
        "steps": [{"name": nasty, "began_s": 0.0, "duration_s": 1.0}],
        "requests": [{**row, "bytes": 1, "cached": False, "error": f"{nasty}{run_id}"}],
        "console": [{**words, "type": "error", "at_s": 1.0, "text": nasty + run_id}],
        "page_errors": [nasty + run_id],
        "failed_requests": [{**words, "error": nasty}],
        "requests_in_flight": [{**words, "since_s": 1.0}],
    }
    evidence.write_text(json.dumps(told))
    navigation = Navigation("hard", "javascript:alert(1)//" + NASTY, lcp_s=9.0, lcp_element=NASTY, timings={NASTY: 1.0})
    facts = {
        NASTY: NASTY,
        "attempts": [{"reason": NASTY, "message": NASTY}],
        "redirect_chain": [{"url": "javascript:alert(1)", "status": NASTY}],
        "certificates": [{"subject": NASTY, "issuer": NASTY, "not_after": NASTY}],
    }
    seen = Observation(
        1.0,
        facts=facts,
        steps=(Step(NASTY, verdict, 1.0, NASTY, (navigation,)),),
        measures=(Measure("m", 1.0, NASTY, {NASTY: NASTY}),),
        artifacts=(
            Artifact("screenshot", str(place / run_id / f"1-{NASTY.replace('/', '')[:60]}.png"), f"shot-{run_id}"),
            Artifact(NASTY, str(place / run_id / "x"), "gone", "javascript:alert(1)"),
            Artifact("evidence", str(evidence), f"evidence-{run_id}"),
        ),
    )
    outcome = Outcome(NASTY, verdict, Reason.BODY, NASTY, NASTY)
    target = check("purchase")
    result = Result(target, "eu-west-1", run_id, at, verdict, Reason.STEP, NASTY, seen, (outcome,))
    return result, evidence


def test_nothing_that_a_target_wrote_becomes_markup(tmp_path: Path) -> None:
    good, there = _hostile("good", tmp_path, Verdict.UP, AT)
    bad, here = _hostile("bad", tmp_path, Verdict.DOWN, AT + 60)
    known = {"evidence-good": (there, "evidence"), "evidence-bad": (here, "evidence")}
    known |= {"shot-good": (there, "screenshot"), "shot-bad": (here, "screenshot")}
    store = Store(tmp_path / "prober.db")
    Watching(store).hands_over((good, bad))
    checks = (check("purchase", title=NASTY, runbook="https://wiki.example/" + '"><script>'),)
    with closing(store), serving(store_view(store, artifact=known.get, checks=lambda: checks)) as client:
        for path in ("bad", "good", "bad?against=last-good", "good?against=bad", "bad?requests=%3Cscript%3E"):
            answer = client.get(f"/runs/{path}")
            assert answer.status_code == 200, path
            assert NASTY[:20] not in answer.text
            page = Markup(answer.text)
            assert page.odd == []
            assert not {"style", "iframe", "object"} & page.tags
            assert "alert(1)" in answer.text  # it is shown, as text
            assert "unsafe" not in answer.headers["content-security-policy"]


def test_what_was_too_long_to_keep_is_said_and_the_rest_is_shown(tmp_path: Path) -> None:
    result, _ = _hostile("cut", tmp_path, Verdict.DOWN, AT)
    long = replace(result.observation, facts={"body": "x" * 40_000})
    store = Store(tmp_path / "prober.db")
    Watching(store).hands_over((replace(result, observation=long),))
    with closing(store), serving(store_view(store)) as client:
        text = client.get("/runs/cut").text
    assert "more to this run than is kept" in text
    assert "did not find what it expects" in text
