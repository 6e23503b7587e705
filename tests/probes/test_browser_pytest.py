"""Tests written for pytest-playwright, run as checks as they are."""

import asyncio
import json
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes.browsing import Browsing, browsing, context, left_over, site

from prober.faults import ProbeError
from prober.model import Observation, Reason, Verdict
from prober.probes.browser import BrowserSettings
from prober.probes.browser.pytests import Spec, open_probe

HEAD = (
    "import os, re\nimport pytest\nfrom playwright.sync_api import Page, expect\nSITE = os.environ['EVENTCHAIN_URL']\n"
)


PIN = "sesame-open"


@pytest.fixture(scope="module")
def suites(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browsing]:
    """One pool for all: its workers serve one run each and are replaced beside the next test."""
    home = tmp_path_factory.mktemp("suites")
    # What is for a person's terminal must not matter.
    (home / "pytest.ini").write_text("[pytest]\naddopts = -n 7 --nonsense\n")
    with site() as url, browsing(home, opener=open_probe, EVENTCHAIN_URL=url, SHOP_PIN=PIN) as pool:
        yield pool
    assert left_over() == []


def run(suites: Browsing, source: str, *, test: str = "", timeout_s: float = 30.0) -> Observation:
    file = suites.home / "test_shop.py"
    file.write_text(HEAD + textwrap.dedent(source))
    spec = Spec(id="shop", file=f"{file}{test}", env=("SHOP_PIN",))
    ctx = context(timeout_s, suites.home / "artifacts")
    return suites.wait(lambda: suites.probe(spec, ctx), timeout_s + 2)


def test_every_test_is_a_step_with_the_vitals_of_its_pages(suites: Browsing) -> None:
    seen = run(
        suites,
        """
        def test_shift(page: Page):
            page.goto(f"{SITE}/shift.html")
            expect(page.locator("#moved")).to_be_visible()
            assert "prober/" in page.evaluate("navigator.userAgent")

        @pytest.mark.parametrize("name", ["quick"])
        def test_other(browser, name):
            page = browser.new_context().new_page()
            page.goto(f"{SITE}/{name}.html")

        @pytest.mark.skip
        def test_left_out(page): ...
        """,
    )
    assert seen.failure is None
    assert [(step.name, step.verdict) for step in seen.steps] == [
        ("test_shift", Verdict.UP),
        ("test_other[quick]", Verdict.UP),
    ]
    (shift,), (quick,) = (step.navigations for step in seen.steps)
    assert shift.cls == pytest.approx(0.28125, abs=0.01)
    assert shift.lcp_s is not None
    assert quick.url.endswith("/quick.html")


def test_what_goes_wrong_is_told_with_its_reason_and_a_picture_and_the_others_still_run(suites: Browsing) -> None:
    seen = run(
        suites,
        """
        @pytest.fixture
        def broken():
            raise RuntimeError("no data")

        def test_words(page):
            page.goto(f"{SITE}/errors.html")
            page.fill("p", os.environ["SHOP_PIN"]) if False else None
            assert page.title() == os.environ["SHOP_PIN"], f"typed {os.environ['SHOP_PIN']}"

        def test_no_server(page):
            page.goto("http://127.0.0.1:1/")

        def test_no_data(broken): ...

        def test_fine(page):
            page.goto(f"{SITE}/quick.html")
        """,
    )
    assert seen.failure is not None
    assert seen.failure.reason is Reason.STEP
    assert [step.verdict for step in seen.steps] == [Verdict.DOWN, Verdict.DOWN, Verdict.DOWN, Verdict.UP]
    assert seen.steps[0].message.startswith("typed ***")
    assert "ERR_CONNECTION_REFUSED" in seen.steps[1].message or "ERR_UNSAFE_PORT" in seen.steps[1].message
    assert "no data" in seen.steps[2].message
    assert PIN not in repr(seen)
    assert any(Path(one.path).read_bytes().startswith(b"\x89PNG") for one in seen.artifacts)
    text = next(Path(one.path).read_text() for one in seen.artifacts if one.kind == "evidence")
    assert PIN not in text
    told = json.loads(text)
    assert [step["verdict"] for step in told["steps"]] == ["down", "down", "down", "up"]
    words, no_server, no_data = told["tests"]
    assert (words["test"], no_server["test"], no_data["test"]) == ("test_words", "test_no_server", "test_no_data")
    assert "assert page.title() == " in words["text"]
    (page,) = words["contexts"]
    assert page["urls"][0].endswith("/errors.html")
    assert [request["status"] for request in page["failed_requests"]] == [404]
    assert any("nobody caught this" in error for error in page["page_errors"])
    assert "no data" in no_data["text"]


def test_one_test_of_a_file_can_be_chosen(suites: Browsing) -> None:
    source = "def test_one(): ...\ndef test_two(): assert False\n"
    seen = run(suites, source, test="::test_one")
    assert seen.failure is None
    assert [step.name for step in seen.steps] == ["test_one"]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("x = 1", "no tests ran in test_shop.py"),
        pytest.param(
            "import nowhere_to_be_found", "No module named 'nowhere_to_be_found'", marks=pytest.mark.slow, id="import"
        ),
        pytest.param(
            "def test_end():\n    os._exit(3)",
            "test_end: pytest ended in the middle of the test",
            marks=pytest.mark.slow,
            id="exit",
        ),
    ],
)
def test_a_file_that_is_wrong_as_a_whole_is_the_scripts_fault(suites: Browsing, source: str, message: str) -> None:
    seen = run(suites, source)
    assert seen.failure is not None
    assert seen.failure.reason is Reason.SCRIPT_ERROR
    assert message in seen.failure.message


@pytest.mark.slow
def test_a_test_that_never_ends_is_cut_at_the_deadline_with_all_it_started(suites: Browsing) -> None:
    source = "import subprocess\ndef test_hang():\n    subprocess.Popen(['sleep', '60'])\n    while True: pass\n"
    seen = run(suites, source, timeout_s=14.0)
    assert seen.failure is not None
    assert seen.failure.reason is Reason.DEADLINE
    assert seen.failure.message.startswith("test_hang: ")


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    async def probed() -> None:
        async with open_probe(BrowserSettings(), base=tmp_path) as probe:
            await probe(Spec(id="shop", file="test_none.py"), context(5.0))

    with pytest.raises(ProbeError, match=r"test_none.py: no such file"):
        asyncio.run(probed())
