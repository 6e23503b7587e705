"""Getting a browser: started here, or joined where one runs already."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.async_api import Browser, BrowserType, Playwright
from playwright.async_api import Error as PlaywrightError

from prober.faults import ProbeError, describe
from prober.model import Reason
from prober.probes.browser.find import find_browser, sandboxed
from prober.probes.browser.spec import CDP, BrowserSettings

LAUNCH_S = 30.0
LAUNCHER = Path(__file__).with_name("chromium.sh")

Facts = dict[str, Any]


async def get_browser(
    playwright: Playwright, settings: BrowserSettings, environ: Mapping[str, str]
) -> tuple[Browser, Facts]:
    """The browser that ``settings`` ask for and what is worth knowing of it. Raises ProbeError(no_browser)."""
    kind: BrowserType = getattr(playwright, settings.engine)
    if settings.connect is not None:
        browser, facts = await _join(kind, settings.connect.reveal())
    elif settings.engine == "chromium":
        browser, facts = await _start_chromium(kind, settings, environ)
    else:
        browser, facts = await _start_other(kind, settings)
    return browser, {"browser": f"{kind.name} {browser.version}", **facts}


def started_by(executable: Path) -> dict[str, Any]:
    """What Playwright must be told to start the Chromium at ``executable`` with our switches added to its own."""
    if not os.access(LAUNCHER, os.X_OK):  # a package unpacked without its modes: slower, not wrong
        return {"executable_path": str(executable)}
    return {"executable_path": str(LAUNCHER), "env": {**os.environ, "PROBER_CHROMIUM": str(executable)}}


async def _join(kind: BrowserType, endpoint: str) -> tuple[Browser, Facts]:
    url = endpoint.removeprefix(CDP)
    place = urlsplit(url)
    over_cdp = url != endpoint or place.scheme in ("http", "https") or place.path.startswith("/devtools/")
    where = f"{place.hostname}:{place.port}" if place.port else str(place.hostname)
    try:
        connect = kind.connect_over_cdp if over_cdp else kind.connect
        browser = await connect(url, timeout=LAUNCH_S * 1000)
    except PlaywrightError as error:
        # Not all of the text: its log holds the address, which may hold a token.
        problem = next(
            (line for line in map(str.strip, str(error).splitlines()) if line and url not in line), "no answer"
        )
        raise ProbeError(Reason.NO_BROWSER, f"no browser at {where} (browser.connect): {_plain(problem)}") from None
    return browser, {"browser_endpoint": where, "sandbox": "remote"}


async def _start_chromium(
    kind: BrowserType, settings: BrowserSettings, environ: Mapping[str, str]
) -> tuple[Browser, Facts]:
    found = find_browser(settings, environ)
    executable = str(found)
    try:
        browser = await kind.launch(
            **started_by(found),
            headless=settings.headless,
            chromium_sandbox=sandboxed(settings),
            args=list(settings.args),
            timeout=LAUNCH_S * 1000,
            handle_sigint=False,
            handle_sigterm=False,
            handle_sighup=False,
        )
    except PlaywrightError as error:
        raise ProbeError(Reason.NO_BROWSER, _why_not(str(error), executable)) from None
    facts: Facts = {"browser_executable": executable, "sandbox": "on" if sandboxed(settings) else "off"}
    if settings.sandbox == "auto" and not sandboxed(settings):
        facts["warnings"] = ["the browser runs WITHOUT its sandbox, since we are root: run as another user"]
    return browser, facts


async def _start_other(kind: BrowserType, settings: BrowserSettings) -> tuple[Browser, Facts]:
    """Firefox or WebKit, which Playwright drives in builds of its own only."""
    executable = settings.executable or kind.executable_path
    try:
        browser = await kind.launch(
            executable_path=executable,
            headless=settings.headless,
            args=list(settings.args),
            timeout=LAUNCH_S * 1000,
            handle_sigint=False,
            handle_sigterm=False,
            handle_sighup=False,
        )
    except PlaywrightError as error:
        if "doesn't exist" in str(error) or "ENOENT" in str(error):
            problem = f"no browser: Playwright's {kind.name} is not installed: `playwright install {kind.name}`"
            raise ProbeError(Reason.NO_BROWSER, problem) from None
        raise ProbeError(Reason.NO_BROWSER, _why_not(str(error), executable)) from None
    return browser, {"browser_executable": executable}


def _why_not(text: str, executable: str) -> str:
    if "without --no-sandbox is not supported" in text:
        return "no browser: Chromium refuses its sandbox to root; run as another user or set `browser.sandbox: off`"
    if "No usable sandbox" in text or ("sandbox" in text.lower() and "namespace" in text.lower()):
        return "no browser: this kernel allows Chromium no sandbox; allow it or set `browser.sandbox: off`"
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return f"no browser: {executable} does not start: {_plain(lines[0])}"


def _plain(text: str) -> str:
    return describe(RuntimeError(text))
