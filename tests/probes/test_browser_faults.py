"""Journeys and browsers that misbehave: what is told, by when, and that nothing is left behind."""

import asyncio
import json
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes.browsing import HEAD, Browsing, browsing, context, left_over, site

from prober.faults import ProbeError
from prober.model import Reason, Verdict
from prober.probes.browser import BrowserSettings, Spec, find, open_probe

CANARY = "canary-in-a-page"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browsing]:
    environ = {"SHOP_SECRET": CANARY, "PROBER_API_TOKEN": "not-for-journeys", "UNRELATED": "x", "PROBER_REGION": "r1"}
    with site() as base, browsing(tmp_path_factory.mktemp("faults"), EVENTCHAIN_URL=base, **environ) as pool:
        yield pool
    assert left_over() == []


def test_a_failing_step_is_down_with_its_name_a_screenshot_and_the_evidence(browser: Browsing) -> None:
    seen = browser.run(
        """
        from playwright.async_api import expect
        @journey(env=["SHOP_SECRET"])
        async def fail(page):
            async with step("Open"):
                await page.goto(f"{SITE}/errors.html")
                assert os.environ["SHOP_SECRET"]
            async with step("Read the total"):
                await expect(page.get_by_role("heading")).to_have_text("€98.00", timeout=300)
            async with step("Never"):
                pass
        """,
        artifacts=True,
    )
    assert seen.failure is not None
    assert seen.failure.reason is Reason.STEP
    assert seen.failure.message.startswith("Read the total: ")
    assert "€98.00" in seen.failure.message
    assert "Call log" not in seen.failure.message
    assert [(step.name, step.verdict) for step in seen.steps] == [
        ("Open", Verdict.UP),
        ("Read the total", Verdict.DOWN),
    ]
    kept = {artifact.kind: Path(artifact.path) for artifact in seen.artifacts}
    assert kept["screenshot"].name == "2-read-the-total.png"
    assert kept["screenshot"].read_bytes().startswith(b"\x89PNG")
    evidence = json.loads(kept["evidence"].read_text())
    assert evidence["url"].endswith("/errors.html")
    assert any("nobody caught this" in error for error in evidence["page_errors"])
    assert [request["status"] for request in evidence["failed_requests"]] == [404]
    assert seen.facts["page_errors"] == 1
    told = json.dumps(evidence) + repr(seen)
    assert CANARY not in told
    assert "very-hidden-token" not in told
    assert "the console says no, and ***" in told


def test_a_soft_step_lets_the_journey_go_on_and_still_fails_it(browser: Browsing) -> None:
    seen = browser.run("""
        @journey
        async def soft(page):
            async with step("Minor", soft=True):
                raise AssertionError("the footer is gone")
            async with step("Major"):
                measure("reached", 1)
    """)
    assert seen.failure is not None
    assert (seen.failure.reason, seen.failure.message) == (Reason.STEP, "Minor: the footer is gone")
    assert [step.verdict for step in seen.steps] == [Verdict.DOWN, Verdict.UP]
    assert seen.measures[0].name == "reached"


def test_a_step_has_a_time_of_its_own(browser: Browsing) -> None:
    seen = browser.run("""
        import asyncio
        @journey
        async def slow(page):
            async with step("Wait", timeout="200ms"):
                await asyncio.sleep(30)
    """)
    assert seen.failure is not None
    assert (seen.failure.reason, seen.failure.message) == (Reason.STEP_TIMEOUT, "Wait: not done within 0.2s")
    assert 0.2 <= seen.steps[0].duration_s < 0.5


def test_a_hung_page_is_told_as_such_with_a_screenshot_before_the_deadline(browser: Browsing) -> None:
    started = time.monotonic()
    seen = browser.run(
        """
        @journey
        async def hang(page):
            async with step("Open"):
                await page.goto(f"{SITE}/hang.html")
            async with step("Read"):
                await page.title()
                await page.evaluate("document.title")
        """,
        timeout_s=8,
        artifacts=True,
    )
    assert time.monotonic() - started < 20
    assert seen.failure is not None
    assert seen.failure.reason is Reason.PAGE_HUNG
    assert any(artifact.kind == "screenshot" for artifact in seen.artifacts)
    assert seen.steps[0].navigations[0].url.endswith("/hang.html")


def test_a_page_crash_is_down_and_the_next_run_is_not_touched_by_it(browser: Browsing) -> None:
    seen = browser.run("""
        @journey
        async def crash(page):
            async with step("Open"):
                await page.goto("chrome://crash")
    """)
    assert seen.failure is not None
    assert seen.failure.reason is Reason.PAGE_CRASH
    assert browser.run("@journey\nasync def fine(page):\n    await page.goto(SITE)\n").failure is None


def test_a_killed_browser_is_ours_and_an_idempotent_journey_runs_again(browser: Browsing, tmp_path: Path) -> None:
    source = f"""
        import pathlib, psutil
        @journey(IDEMPOTENT)
        async def killed(page):
            async with step("Open"):
                await page.goto(SITE)
            if not (mark := pathlib.Path("{tmp_path}/TRIES")).exists():
                mark.touch()
                [child.kill() for child in psutil.Process().children(recursive=True) if "chrom" in child.name()]
            async with step("Go on"):
                await page.goto(SITE)
    """
    seen = browser.run(source.replace("IDEMPOTENT", "").replace("TRIES", "once"))
    assert seen.failure is not None
    assert seen.failure.reason is Reason.BROWSER_CRASH
    assert seen.failure.reason.ours
    assert seen.steps[0].verdict is Verdict.UP
    again = browser.run(source.replace("IDEMPOTENT", "idempotent=True").replace("TRIES", "twice"))
    assert again.failure is None


def test_a_frozen_browser_is_ours_and_goes_with_its_whole_process_tree(browser: Browsing) -> None:
    there = browser.warm()
    seen = browser.run(
        """
        import psutil
        @journey
        async def frozen(page):
            async with step("Open"):
                await page.goto(SITE)
            async with step("Freeze", timeout="1s"):
                for child in psutil.Process().children(recursive=True):
                    if "chrom" in child.name():
                        child.suspend()
                await page.goto(SITE)
        """,
        timeout_s=12,
    )
    assert seen.failure is not None
    assert seen.failure.reason is Reason.BROWSER_CRASH
    assert not {*there} & {*left_over()}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        pytest.param("while True: pass", Reason.DEADLINE, id="blocks the loop"),
        pytest.param("await stubborn()", Reason.DEADLINE, id="swallows its cancellation", marks=pytest.mark.slow),
        pytest.param("os._exit(3)", Reason.INTERNAL, id="ends the process"),
    ],
)
def test_a_journey_that_does_not_return_ends_in_time_and_keeps_what_it_did(
    browser: Browsing, body: str, reason: Reason
) -> None:
    there, started = browser.warm(), time.monotonic()
    seen = browser.run(
        f"""
        import asyncio
        async def stubborn():
            while True:
                try:
                    await asyncio.sleep(99)
                except asyncio.CancelledError:
                    pass
        @journey
        async def endless(page):
            async with step("Open"):
                await page.goto(SITE)
            measure("opened", 1)
            async with step("Hang around"):
                {body}
        """,
        timeout_s=5,
    )
    assert time.monotonic() - started < 20
    assert seen.failure is not None
    assert seen.failure.reason is reason
    assert seen.failure.message.startswith("Hang around: ")
    assert [(step.name, step.verdict) for step in seen.steps] == [("Open", Verdict.UP), ("Hang around", Verdict.DOWN)]
    assert seen.measures[0].name == "opened"
    assert not {*there} & {*left_over()}


def test_clean_up_steps_run_when_the_time_is_over_and_hide_nothing(browser: Browsing) -> None:
    browser.warm()  # a run that waits for its worker has that much less time for all of this
    seen = browser.run(
        """
        import asyncio
        @journey
        async def cleaned(page):
            try:
                async with step("Work"):
                    await asyncio.sleep(99)
            finally:
                async with step("Undo", always=True):
                    measure("undone", 1)
                async with step("Not entered"):
                    measure("never", 1)
        """,
        timeout_s=8,
    )
    assert seen.failure is not None
    assert (seen.failure.reason, seen.failure.message.partition(":")[0]) == (Reason.DEADLINE, "Work")
    assert [(step.name, step.verdict) for step in seen.steps] == [("Work", Verdict.DOWN), ("Undo", Verdict.UP)]
    assert [measure.name for measure in seen.measures] == ["undone"]


@pytest.mark.parametrize(
    ("body", "reason", "message"),
    [
        ("{}['order']", Reason.SCRIPT_ERROR, "KeyError: 'order' (fixture.py:9)"),
        ("assert 1 == 2", Reason.STEP, "assert 1 == 2 does not hold (fixture.py:9)"),
        ("raise SystemExit(7)", Reason.SCRIPT_ERROR, "SystemExit: 7"),
        ("measure('not a name', 1)", Reason.SCRIPT_ERROR, "expected letters, digits and underscores"),
        ("await page.goto('http://127.0.0.1:CLOSED/')", Reason.CONNECT_REFUSED, "ERR_CONNECTION_REFUSED"),
        ("await page.goto('http://nowhere.invalid/')", Reason.DNS, "ERR_NAME_NOT_RESOLVED"),
        ("await page.goto('nonsense')", Reason.STEP, "Cannot navigate to invalid URL"),
    ],
)
def test_what_a_journey_raises_has_a_reason_and_one_line(
    browser: Browsing, body: str, reason: Reason, message: str
) -> None:
    with socket.socket() as bound:  # and not listening
        bound.bind(("127.0.0.1", 0))
        seen = browser.run(f"""
            @journey
            async def raising(page):
                async with step("Try"):

                    {body.replace("CLOSED", str(bound.getsockname()[1]))}
        """)
    assert seen.failure is not None
    assert seen.failure.reason is reason
    assert message in seen.failure.message
    assert "\n" not in seen.failure.message


def test_a_worker_sees_only_what_it_may(browser: Browsing) -> None:
    seen = browser.run("""
        @journey
        async def look(page):
            agent = await page.evaluate("navigator.userAgent")
            assert "Headless" not in agent
            assert " prober/" in agent
            allowed = {"EVENTCHAIN_URL", "PROBER_REGION", "LANG", "LANGUAGE", "TZ", "HOME", "PATH", "TMPDIR"}
            seen = {name for name in os.environ if not name.startswith("LC_")}
            assert seen <= allowed | {"PYTHONUNBUFFERED"}, sorted(seen)
    """)
    assert seen.failure is None


def test_a_variable_the_journey_needs_but_nobody_set_is_ours(browser: Browsing) -> None:
    with pytest.raises(ProbeError, match="NEVER_SET") as caught:
        browser.run("@journey(env=['NEVER_SET'])\nasync def needy(page): ...\n")
    assert caught.value.reason is Reason.INTERNAL


def test_a_cancelled_probe_ends_its_browser(browser: Browsing, tmp_path: Path) -> None:
    mark = tmp_path / "running"
    file = tmp_path / "endless.py"
    file.write_text(
        f"{HEAD}import asyncio, pathlib\n@journey\nasync def endless(page):\n"
        f"    pathlib.Path({str(mark)!r}).touch()\n    await asyncio.sleep(99)\n"
    )

    there = browser.warm()

    async def cancelled() -> set[str]:
        probing = asyncio.ensure_future(browser.probe(Spec(id="x", journey=str(file)), context(60)))
        await asyncio.to_thread(appeared, mark)
        assert {*there} & {*left_over()}
        probing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await probing
        return {*there} & {*left_over()}

    assert browser.wait(cancelled, 20) == set()


def appeared(mark: Path) -> None:
    while not mark.exists():
        time.sleep(0.01)


def probe_once(settings: BrowserSettings, environ: dict[str, str], home: Path) -> ProbeError:
    (home / "fine.py").write_text("from prober import journey\n@journey\nasync def fine(page): ...\n")

    async def run() -> None:
        async with open_probe(settings, environ, home) as probe:
            await probe(Spec(id="x", journey="fine.py"), context())

    with pytest.raises(ProbeError) as caught:
        asyncio.run(run())
    assert caught.value.reason is Reason.NO_BROWSER
    assert "\n" not in caught.value.message
    return caught.value


def test_a_browser_that_is_named_but_cannot_be_used_is_no_browser_never_another_one(
    browser: Browsing, tmp_path: Path
) -> None:
    there = browser.warm()
    environ = {"PATH": os.environ["PATH"], "PROBER_BROWSER_EXECUTABLE": "/nowhere/chromium"}
    assert "PROBER_BROWSER_EXECUTABLE is /nowhere/chromium" in probe_once(BrowserSettings(), environ, tmp_path).message
    not_one = BrowserSettings(executable="/bin/false")
    assert "/bin/false does not start" in probe_once(not_one, {"PATH": os.environ["PATH"]}, tmp_path).message
    assert not {*left_over()} - {*there}


def test_the_sandbox_is_off_for_root_only_and_root_is_told_that_chromium_refuses_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if os.geteuid() == 0:
        assert "browser.sandbox: off" in probe_once(BrowserSettings(sandbox="on"), dict(os.environ), tmp_path).message
    for user, sandbox, on in ((0, "auto", False), (0, "on", True), (1000, "auto", True), (1000, "off", False)):
        monkeypatch.setattr(os, "geteuid", lambda user=user: user)
        assert find.sandboxed(BrowserSettings(sandbox=sandbox)) is on


def test_a_machine_without_a_browser_is_told_how_to_get_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(find, "NAMES", ("no-such-browser",))
    with pytest.raises(ProbeError, match="playwright install chromium"):
        find.find_browser(BrowserSettings(), {"PATH": str(tmp_path), "PLAYWRIGHT_BROWSERS_PATH": str(tmp_path)})
