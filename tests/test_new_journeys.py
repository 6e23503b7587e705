"""`prober new journey` and `prober record`: what they write is a journey, and nothing is written over."""

import ast
import sys
from pathlib import Path

import pytest

from prober.app.new import write_journey
from prober.app.record import as_journey, record
from prober.faults import UserFault
from prober.journey import read_journeys

RECORDED = """
import asyncio
import re
from playwright.async_api import Playwright, async_playwright, expect


async def run(playwright: Playwright) -> None:
    browser = await playwright.chromium.launch(headless=False)
    context = await browser.new_context(viewport={"width": 800, "height": 600})
    page = await context.new_page()
    await page.goto("https://shop.example/events?x=1")
    await page.get_by_role("link", name="Aurora \\"Symphony\\"").click()
    await page.get_by_label("Email").fill("a@b.example")
    await page.get_by_role("button", name="Log in", exact=True).click()
    async with page.expect_popup() as page1_info:
        await page.get_by_text("Help").click()
    page1 = await page1_info.value
    await expect(page.locator("h1")).to_have_text(re.compile("Cart"))
    await page.close()

    # ---------------------
    await context.close()
    await browser.close()


async def main() -> None:
    async with async_playwright() as playwright:
        await run(playwright)


asyncio.run(main())
"""


@pytest.mark.parametrize("url", [None, "https://tickets.example/"])
def test_a_new_journey_is_one_that_can_be_read_and_says_how_to_run_it(tmp_path: Path, url: str | None) -> None:
    file = write_journey("front-page", url, tmp_path / "front.py")
    (written,) = read_journeys(file)
    assert (written.id, written.function, written.kind) == ("front-page", "front_page", "browser")
    assert f"prober run {file}" in file.read_text()
    assert ('SITE = "https://tickets.example"' in file.read_text()) == (url is not None)


def test_it_goes_into_checks_where_there_is_such_a_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert write_journey("One.more", None, None) == Path("one_more.py")
    (tmp_path / "checks").mkdir()
    assert write_journey("class", None, None) == Path("checks/class.py")
    assert read_journeys(Path("checks/class.py"))[0].function == "class_"


def test_nothing_is_written_over_and_no_odd_name_is_taken(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("mine")
    with pytest.raises(UserFault, match="is there already"):
        write_journey("mine", None, tmp_path / "mine.py")
    assert (tmp_path / "mine.py").read_text() == "mine"
    with pytest.raises(UserFault, match="no name for a journey"):
        write_journey("a b", None, tmp_path / "new.py")
    with pytest.raises(UserFault, match="cannot be written"):
        write_journey("a", None, tmp_path / "nowhere" / "new.py")


def test_a_recording_becomes_steps_named_by_what_was_opened_and_clicked(tmp_path: Path) -> None:
    text = as_journey(RECORDED, "shop", "https://shop.example/", tmp_path / "shop.py")
    (tmp_path / "shop.py").write_text(text)
    (written,) = read_journeys(tmp_path / "shop.py")
    assert written.id == "shop"
    names = [
        node.items[0].context_expr.args[0].value
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.AsyncWith) and ast.unparse(node.items[0]).startswith("step(")
    ]
    assert sorted(names) == ['Aurora "Symphony"', "Log in", "Look at the result"]
    assert "context" not in text
    assert "browser" not in text
    assert "import re\n" in text


def test_recording_ends_in_a_file_or_in_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(tmp_path))
    tool = tmp_path / "codegen.py"
    tool.write_text(f"import sys; open(sys.argv[2], 'w').write({RECORDED!r})")
    out = tmp_path / "shop.py"
    assert record("https://shop.example/", out, {}, (sys.executable, str(tool))) == out
    assert read_journeys(out)[0].id == "shop-example"
    with pytest.raises(UserFault, match="ended without a recording"):
        record("https://shop.example/", tmp_path / "b.py", {}, (sys.executable, "-c", "raise SystemExit(1)"))
    with pytest.raises(UserFault, match="nothing was recorded"):
        as_journey("async def run(playwright):\n    page = await opened()", "x", "https://x.example", out)
    with pytest.raises(UserFault, match="expected a URL"):
        record("shop", None, {}, (sys.executable, str(tool)))
    with pytest.raises(UserFault, match="cannot: `playwright install chromium`, or write a journey by") as caught:
        record("https://shop.example/", out, {})
    assert len(str(caught.value).splitlines()) == 1
