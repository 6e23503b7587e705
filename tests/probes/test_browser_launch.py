"""How Chromium is started: Playwright's switches and ours, and none of them lost."""

import os
import subprocess
from pathlib import Path

import pytest
from fakes.browsing import browsing

from prober.probes.browser import launch


def test_every_list_of_features_to_switch_off_becomes_one() -> None:
    given = ["--headless", "--disable-features=A,B", "--blink-settings=x=1,y=2", "--disable-features=C", "a b"]
    environ = {"PATH": os.environ["PATH"], "PROBER_CHROMIUM": "/usr/bin/printf"}
    told = subprocess.run([launch.LAUNCHER, "%s\n", *given], env=environ, capture_output=True, text=True, check=True)
    *others, last = told.stdout.splitlines()
    assert others == ["--headless", "--blink-settings=x=1,y=2", "a b"]
    assert last == "--disable-features=WebUIOmniboxPopup,WebUIOmniboxAimPopup,A,B,C"


def test_a_launcher_that_may_not_be_run_is_done_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "LAUNCHER", tmp_path / "chromium.sh")
    assert launch.started_by(Path("/usr/bin/chromium")) == {"executable_path": "/usr/bin/chromium"}


def test_no_context_has_hidden_pages_and_playwrights_own_switches_still_hold(tmp_path: Path) -> None:
    with browsing(tmp_path, EVENTCHAIN_URL="") as browser:
        seen = browser.run("""
            import psutil
            @journey
            async def look(page):
                session = await page.context.browser.new_browser_cdp_session()
                found = await session.send("Target.getTargets", {"filter": [{}]})
                kinds = {one["type"] for one in found["targetInfos"]}
                assert "page" in kinds and "browser_ui" not in kinds, found
                lines = [one.cmdline() for one in psutil.Process().children(recursive=True)]
                (line,) = [line for line in lines if "--remote-debugging-pipe" in line and "--type" not in str(line)]
                (off,) = [argument for argument in line if argument.startswith("--disable-features=")]
                assert {"PaintHolding", "WebUIOmniboxPopup"} <= set(off.partition("=")[2].split(",")), off
        """)
    assert seen.failure is None, seen.failure
    assert not seen.facts["browser_executable"].endswith(".sh")
