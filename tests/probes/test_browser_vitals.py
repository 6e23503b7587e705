"""Vitals of every page of a journey, in a real Chromium, on pages whose values are known."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes.browsing import Browsing, browsing, site

from prober.model import Navigation, Observation


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browsing]:
    with site() as base, browsing(tmp_path_factory.mktemp("vitals"), EVENTCHAIN_URL=base) as pool:
        yield pool


def navigations(seen: Observation) -> list[tuple[str, Navigation]]:
    assert seen.failure is None, seen.failure
    return [(step.name, navigation) for step in seen.steps for navigation in step.navigations]


def test_every_page_is_reported_once_under_its_step_also_when_it_is_left_at_once(browser: Browsing) -> None:
    seen = browser.run("""
        @journey
        async def quick(page):
            async with step("Three pages"):
                for number in range(3):
                    await page.goto(f"{SITE}/quick.html?{number}")
            async with step("A link"):
                await page.get_by_role("link", name="Next").click()
                await page.wait_for_url("**/quick.html?next")
            async with step("No page"):
                await page.get_by_role("heading").click()
    """)
    told = [(step, navigation.kind, navigation.url.partition("?")[2]) for step, navigation in navigations(seen)]
    assert told == [
        ("Three pages", "hard", "0"),
        ("Three pages", "hard", "1"),
        ("Three pages", "hard", "2"),
        ("A link", "hard", "next"),
    ]
    assert seen.steps[2].navigations == ()
    for _, page in navigations(seen):
        assert page.ttfb_s is not None
        assert page.timings["total_load_time_s"] is not None
        assert all(name.endswith("_s") for name in page.timings)
        assert page.timings["tls_s"] is None
    last = navigations(seen)[-1][1]
    assert last.final
    assert last.fcp_s is not None
    assert last.lcp_s is not None
    assert last.cls == 0
    assert (last.lcp_element, last.inp_s) == ("H1", last.inp_s)


def test_a_largest_paint_that_comes_late_is_waited_for_off_the_clock_of_the_step(browser: Browsing) -> None:
    seen = browser.run("""
        @journey
        async def late(page):
            async with step("Open"):
                await page.goto(f"{SITE}/late-hero.html")
    """)
    ((_, page),) = navigations(seen)
    assert page.lcp_element == "H1"
    assert page.detail["lcp"]["selector"] == "h1#hero"
    assert page.lcp_s is not None
    assert page.fcp_s is not None
    assert 0.4 <= page.lcp_s < 2
    assert page.fcp_s < page.lcp_s
    assert page.final
    assert seen.steps[0].duration_s < page.lcp_s + 0.3
    assert seen.duration_s < page.lcp_s + 0.4


@pytest.mark.parametrize("device", ["", 'device="Pixel 7"'], ids=["desktop", "mobile"])
def test_a_layout_shift_counts_also_under_mobile_emulation(browser: Browsing, device: str) -> None:
    seen = browser.run(f"""
        @journey({device})
        async def shift(page):
            async with step("Open"):
                await page.goto(f"{{SITE}}/shift.html")
    """)
    ((_, page),) = navigations(seen)
    assert page.cls is not None
    if device:
        assert page.cls > 0.05
    else:
        assert page.cls == pytest.approx(0.28125, abs=0.001)
        assert page.detail["worst_shift"]["selector"] == "div#moved"


def test_a_shift_by_a_window_that_is_resized_is_not_the_page_s_fault(browser: Browsing) -> None:
    seen = browser.run("""
        @journey
        async def resized(page):
            async with step("Open"):
                await page.goto(f"{SITE}/busy.html")
            async with step("Resize"):
                await page.wait_for_timeout(200)
                await page.set_viewport_size({"width": 300, "height": 700})
                await page.wait_for_function("document.querySelector('p').getBoundingClientRect().top > 100")
    """)
    ((_, page),) = navigations(seen)
    assert page.cls == 0


def test_a_slow_handler_shows_in_inp_and_nothing_shows_where_nobody_clicked(browser: Browsing) -> None:
    seen = browser.run("""
        @journey
        async def click(page):
            async with step("Look"):
                await page.goto(f"{SITE}/slow-click.html?looked")
            async with step("Click"):
                await page.goto(f"{SITE}/slow-click.html?clicked")
                await page.get_by_role("button", name="Think").click()
    """)
    (_, looked), (_, clicked) = navigations(seen)
    assert looked.inp_s is None
    assert clicked.inp_s is not None
    assert 0.12 <= clicked.inp_s < 0.4
    assert clicked.detail["inp"]["target"] == "button"
    assert clicked.detail["inp"]["processing_s"] >= 0.11


def test_a_route_change_is_a_soft_navigation_of_its_own(browser: Browsing) -> None:
    seen = browser.run("""
        @journey
        async def route(page):
            async with step("Open"):
                await page.goto(f"{SITE}/route.html")
            async with step("Continue"):
                await page.get_by_role("button", name="Continue").click()
                await page.get_by_role("heading", name="The second route").wait_for()
    """)
    (first, hard), (second, soft) = navigations(seen)
    assert (first, hard.kind) == ("Open", "hard")
    assert (second, soft.kind, soft.url.partition("?")[2]) == ("Continue", "soft", "second")
    assert soft.ttfb_s == 0
    assert soft.fcp_s
    assert soft.lcp_s
    assert soft.timings == {}


def test_a_popup_is_measured_too(browser: Browsing) -> None:
    seen = browser.run("""
        @journey
        async def popup(page):
            async with step("Open"):
                await page.goto(f"{SITE}/popup.html")
                async with page.expect_popup() as opened:
                    await page.get_by_role("button").click()
                other = await opened.value
                await other.get_by_role("link").wait_for()
                await other.close()
    """)
    assert {"quick.html?popup", "popup.html"} == {page.url.rpartition("/")[2] for _, page in navigations(seen)}


def test_a_page_that_forges_messages_breaks_nothing(browser: Browsing) -> None:
    seen = browser.run("""
        @journey
        async def forged(page):
            async with step("Open"):
                await page.goto(f"{SITE}/forged.html")
    """)
    pages = [page for _, page in navigations(seen)]
    assert [page.url.rpartition("/")[2] for page in pages if page.fcp_s is not None] == ["forged.html"]
    assert all(page.lcp_s is None or page.lcp_s < 5 for page in pages)
    assert len(pages) <= 2


def test_a_page_loaded_before_any_step_is_kept(browser: Browsing) -> None:
    seen = browser.run("""
        @journey
        async def stepless(page):
            await page.goto(f"{SITE}/quick.html")
    """)
    assert seen.failure is None
    (step,) = seen.steps
    assert len(step.navigations) == 1
    assert Path(step.navigations[0].url).name == "quick.html"


def test_a_page_that_replaces_globals_and_hides_properties_is_measured_all_the_same(browser: Browsing) -> None:
    seen = browser.run("""
        @journey
        async def hostile(page):
            async with step("Open"):
                await page.goto(f"{SITE}/hostile.html")
            async with step("Click"):
                await page.get_by_role("button").click()
    """)
    ((_, page),) = navigations(seen)
    assert page.detail["fault"] is None
    assert page.fcp_s
    assert page.inp_s is not None
    assert page.inp_s >= 0.1
    assert page.lcp_element == "H1"
    assert page.detail["lcp"]["selector"] == "form#order > h1"
    assert page.detail["page_errors"] == 0
    assert seen.facts["page_errors"] == 0


def test_a_page_that_writes_itself_anew_is_heard_until_it_is_left(browser: Browsing) -> None:
    seen = browser.run("""
        @journey
        async def rewritten(page):
            async with step("Open"):
                await page.goto(f"{SITE}/rewritten.html")
                await page.get_by_role("heading", name="Written anew").wait_for()
            async with step("Leave"):
                await page.get_by_role("button").click()
                await page.wait_for_url("**/quick.html?after")
    """)
    (_, page), (_, after) = navigations(seen)
    assert page.lcp_element == "H1"
    assert page.detail["left_s"] is not None
    assert 0 < page.detail["left_after_input_s"] < 2
    assert (after.detail["left_s"], after.detail["left_after_input_s"]) == (None, None)


def test_frames_are_neither_measured_nor_heard(browser: Browsing) -> None:
    seen = browser.run("""
        @journey
        async def framed(page):
            async with step("Open"):
                await page.goto(f"{SITE}/framed.html")
    """)
    ((_, page),) = navigations(seen)
    assert page.url.endswith("/framed.html")
    assert page.lcp_element == "P"
    assert page.cls == 0


def test_what_is_no_page_of_the_web_is_no_navigation(browser: Browsing) -> None:
    seen = browser.run("""
        @journey
        async def blank(page):
            async with step("Open"):
                await page.goto("data:text/html,<h1>Data</h1>")
                await page.goto("about:blank")
                try:
                    await page.goto("http://127.0.0.1:1/")
                except Exception as refused:
                    assert "ERR_" in str(refused)
                await page.wait_for_url("chrome-error:**")
                await page.goto(f"{SITE}/quick.html")
    """)
    assert [page.url.rpartition("/")[2] for _, page in navigations(seen)] == ["quick.html"]


def test_long_tasks_are_counted_and_block_by_what_exceeds_50_ms(browser: Browsing) -> None:
    seen = browser.run("""
        @journey
        async def busy(page):
            async with step("Open"):
                await page.goto(f"{SITE}/busy.html")
    """)
    ((_, page),) = navigations(seen)
    assert page.final
    assert page.detail["long_tasks"] >= 3
    assert page.detail["longest_task_s"] >= 0.09
    assert page.tbt_s is not None
    assert 0.12 <= page.tbt_s < 1.5


def test_resources_are_counted_by_type_and_party_and_an_unknown_size_is_not_zero(browser: Browsing) -> None:
    seen = browser.run("""
        @journey
        async def requests(page):
            async with step("Open"):
                await page.goto(f"{SITE}/requests.html")
                await page.get_by_role("heading", name="All answered").wait_for()
    """)
    ((_, page),) = navigations(seen)
    resources = page.detail["resources"]
    assert resources["count"] == 302
    assert resources["types"]["fetch"]["count"] == 301
    assert resources["types"]["stylesheet"]["count"] == 1
    assert resources["render_blocking"] == 1
    assert resources["refused"] == 1
    assert resources["third_party"] == {"count": 1, "bytes": None, "unsized": 1}
    assert resources["first_party"]["count"] == 301
    assert resources["bytes"] == resources["first_party"]["bytes"] > 301 * 300
    assert (page.detail["status"], page.detail["type"], page.detail["protocol"]) == (200, "navigate", "http/1.0")
