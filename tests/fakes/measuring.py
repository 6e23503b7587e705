"""The fixture pages with Google's web-vitals beside our collector, and what both say of the same navigations."""

from __future__ import annotations

import json
import math
import random
import struct
import time
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from http.server import SimpleHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from fakes.browsing import PAGES, Browsing, site
from prober.model import Navigation, Observation

LIBRARY = Path(__file__).parent.parent / "npm/node_modules/web-vitals/dist/web-vitals.iife.js"
HOW_TO_GET_IT = f"{LIBRARY.relative_to(Path(__file__).parents[2])} is missing: run `make setup` where npm is installed"
VITALS = ("LCP", "FCP", "TTFB", "CLS", "INP")
LIMITS = {"LCP": 1.0, "FCP": 1.0, "TTFB": 1.0, "CLS": 0.001, "INP": 8.0}
"""How far ours may be from theirs: milliseconds, and score."""

# What web-vitals finds out is sent in two ways: by beacon, which outlives the page, and through the driver as every
# tool for synthetics does. "full" is asked for each change, "plain" is web-vitals as it is usually called.
_HEAD = """<script src="/web-vitals.js"></script><script>
  for (const [mode, options] of [["full", { reportAllChanges: true, durationThreshold: 16 }], ["plain", {}]]) {
    for (const vital of ["LCP", "FCP", "TTFB", "CLS", "INP"]) {
      webVitals[`on${vital}`](({ value, navigationType, navigationURL }) => {
        const kind = navigationType === "soft-navigation" ? "soft" : "hard", { timeOrigin: origin } = performance;
        const report = JSON.stringify({ mode, vital, value, kind, url: navigationURL, at: performance.now(), origin });
        navigator.sendBeacon("/report", report);
        window.__driver_report?.(report).catch(() => {});
      }, { ...options, reportSoftNavs: true });
    }
  }
</script>
"""

# One visit of every page, left by the next; each shows what one or the other might lose.
_JOURNEY = """
import json
HEARD = []

async def follow(page):
    await page.context.expose_binding("__driver_report", lambda _, report: HEARD.append({"driver": json.loads(report)}))
    session = await page.context.new_cdp_session(page)
    session.on("PerformanceTimeline.timelineEventAdded", lambda told: HEARD.append({"cdp": told["event"]}))
    await session.send("PerformanceTimeline.enable", {"eventTypes": ["largest-contentful-paint", "layout-shift"]})

@journey(DEVICE)
async def measured(page):
    await follow(page)
    for turn in range(ROUNDS):
        async with step(f"Shift {turn}"):
            await page.goto(f"{SITE}/shift.html?turn={turn}")
        async with step(f"Late shift {turn}"):
            await page.goto(f"{SITE}/shift.html?after=900&turn={turn}")
            await page.wait_for_timeout(1100)
        async with step(f"Late hero {turn}"):
            await page.goto(f"{SITE}/late-hero.html?turn={turn}")
        async with step(f"Hero {turn}"):
            await page.goto(f"{SITE}/hero.html?turn={turn}")
        async with step(f"Click {turn}"):
            await page.goto(f"{SITE}/slow-click.html?turn={turn}")
            await page.get_by_role("button").click()
        async with step(f"Type {turn}"):
            await page.goto(f"{SITE}/typing.html?turn={turn}")
            await page.get_by_role("textbox").press_sequentially("Ada")
        async with step(f"Route {turn}"):
            await page.goto(f"{SITE}/route.html?turn={turn}")
            await page.get_by_role("button").click()
            await page.get_by_role("heading", name="The second route").wait_for()
        async with step(f"Leave by a click {turn}"):
            await page.goto(f"{SITE}/leave.html?turn={turn}")
            await page.get_by_role("button").click()
            await page.wait_for_url("**-left")
        async with step(f"Short {turn}"):
            await page.goto(f"{SITE}/quick.html?turn={turn}&short")
            await page.goto(f"{SITE}/popup.html?turn={turn}")
        async with step(f"Popup {turn}"):
            async with page.expect_popup() as opened:
                await page.get_by_role("button").click()
            other = await opened.value
            await other.get_by_role("link").wait_for()
            await other.close()
        if LONG:
            async with step(f"Windows {turn}"):
                await page.goto(f"{SITE}/windows.html?turn={turn}")
                await page.wait_for_timeout(2700)
            async with step(f"Many clicks {turn}"):
                await page.goto(f"{SITE}/many.html?turn={turn}")
                for _ in range(55):
                    await page.get_by_role("button").click()
    async with step("The end"):
        await page.goto(f"{SITE}/quick.html?end")
    await page.request.post(f"{SITE}/heard", data=json.dumps(HEARD))
"""


@dataclass(frozen=True, slots=True)
class Compared:
    """One vital of one navigation, by both."""

    device: str
    page: str
    kind: str
    vital: str
    ours: float | None
    """Milliseconds, or the score."""
    theirs: float | None
    """The last word of web-vitals, asked for every change and heard by beacon."""
    through_driver: bool
    """Whether web-vitals, as it is usually called, got the same value through to the driver."""
    chromium: float | None
    """The same from Chromium's own PerformanceTimeline events, for LCP and CLS of documents."""
    trapped: bool = False
    """Whether web-vitals lacks shifts that emulation flags as caused by an input nobody made."""
    left_first: bool = False
    """Whether the page was told to go before it knew of its first paint; no driver can rely on hearing of that."""

    @property
    def difference(self) -> float | None:
        """To web-vitals; to Chromium itself where web-vitals is known to be wrong."""
        other = self.chromium if self.trapped else self.theirs
        return None if self.ours is None or other is None else abs(self.ours - other)

    @property
    def holds(self) -> bool:
        """Ours is there wherever theirs is, and equal to it and to Chromium's."""
        if self.ours is None:
            return self.theirs is None or self.left_first
        same = self.difference is None or self.difference <= LIMITS[self.vital]
        return same and (self.chromium is None or abs(self.ours - self.chromium) <= LIMITS[self.vital])


@dataclass(slots=True)
class Reports:
    """What the pages and the journey sent to the site."""

    beacons: list[dict[str, Any]] = field(default_factory=list)
    heard: list[dict[str, Any]] = field(default_factory=list)


@cache
def _noise() -> bytes:
    """A picture busy enough to count as content."""
    width, height, dice = 400, 300, random.Random(3)
    rows = b"".join(b"\0" + dice.randbytes(3 * width) for _ in range(height))

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


class _Measured(SimpleHTTPRequestHandler):
    """The pages of ``tests/site`` with web-vitals put into each of them."""

    reports: Reports

    def log_message(self, *_: object) -> None:
        return None

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        if address.path == "/web-vitals.js":
            self._answer("text/javascript", LIBRARY.read_bytes())
        elif address.path == "/noise.png":
            time.sleep(float(parse_qs(address.query).get("after", ["0"])[0]))
            self._answer("image/png", _noise())
        else:
            page = (PAGES / address.path.lstrip("/")).read_text()
            self._answer("text/html", page.replace("<title>", f"{_HEAD}<title>").encode())

    def do_POST(self) -> None:
        told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.reports.heard.extend(told) if self.path == "/heard" else self.reports.beacons.append(told)
        self._answer("text/plain", b"")

    def _answer(self, kind: str, content: bytes) -> None:
        with suppress(ConnectionError):  # a page that is gone does not wait for the answer to its beacon
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)


@contextmanager
def measured_site() -> Iterator[tuple[str, Reports]]:
    """The site's base URL, and what is reported to it. Raises FileNotFoundError where web-vitals is not installed."""
    if not LIBRARY.exists():
        raise FileNotFoundError(HOW_TO_GET_IT)
    reports = Reports()
    handler = type("Measured", (_Measured,), {"reports": reports})
    with site(handler) as base:
        yield base, reports


def measure(browser: Browsing, reports: Reports, device: str, rounds: int, *, long: bool) -> list[Compared]:
    """Visit every page ``rounds`` times as ``device`` (empty: a desktop); compare what was said of each navigation."""
    reports.beacons.clear()
    reports.heard.clear()
    settings = f"DEVICE, ROUNDS, LONG = {device!r}, {rounds}, {long}\n"
    declared = f"@journey(device={device!r})" if device else "@journey"
    source = settings + _JOURNEY.replace("@journey(DEVICE)", declared)
    seen = browser.run(source, timeout_s=20 + rounds * (40 if long else 20))
    assert seen.failure is None, seen.failure
    return list(compare(device or "desktop", seen, reports))


def compare(device: str, seen: Observation, reports: Reports) -> Iterator[Compared]:
    """Put what both said of a navigation side by side. The last page is left out: nobody lets it finish."""
    driver = [heard["driver"] for heard in reports.heard if "driver" in heard]
    full = _last_words(report for report in [*reports.beacons, *driver] if report["mode"] == "full")
    plain = _last_words(report for report in driver if report["mode"] == "plain")
    chromium = _Timeline([heard["cdp"] for heard in reports.heard if "cdp" in heard], reports.beacons)
    painted = {report["url"]: report["at"] for report in reports.beacons if report["vital"] == "FCP"}
    told = {(page.url, page.kind): page for step in seen.steps for page in step.navigations}
    for url, kind in dict.fromkeys([*told, *((url, kind) for url, kind, _ in full)]):
        if "?end" in url:
            continue
        navigation = told.get((url, kind), Navigation(kind, url))
        heard_at, left_s = painted.get(url, 0.0), navigation.detail.get("left_s")
        for vital in VITALS:
            theirs, true = full.get((url, kind, vital)), chromium.value(navigation, vital)
            yield Compared(
                device=device,
                page=urlsplit(url).path.strip("/").removesuffix(".html"),
                kind=kind,
                vital=vital,
                ours=_ours(navigation, vital),
                theirs=theirs,
                through_driver=theirs is not None and plain.get((url, kind, vital)) == theirs,
                chromium=true,
                trapped=vital == "CLS" and theirs is not None and true is not None and true > theirs,
                left_first=vital != "TTFB" and left_s is not None and heard_at > left_s * 1000,
            )


def _ours(navigation: Navigation, vital: str) -> float | None:
    value: float | None = navigation.cls if vital == "CLS" else getattr(navigation, f"{vital.lower()}_s")
    return value if vital == "CLS" or value is None else value * 1000


def _last_words(reports: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str, str], float]:
    """The value reported last of each navigation and vital; beacons may overtake one another."""
    ordered = sorted(reports, key=lambda report: (report["origin"], report["at"]))
    return {(report["url"], report["kind"], report["vital"]): report["value"] for report in ordered}


class _Timeline:
    """Chromium's own events of the first page, by the document they belong to."""

    def __init__(self, events: Sequence[Mapping[str, Any]], reports: Sequence[Mapping[str, Any]]) -> None:
        self._events = events
        self._origins = {report["url"]: report["origin"] for report in reports if report["kind"] == "hard"}
        self._order = sorted(self._origins.values())

    def value(self, navigation: Navigation, vital: str) -> float | None:
        """LCP in milliseconds; or CLS with the shifts that are flagged as caused by input, so not of a clicked page."""
        origin = self._origins.get(navigation.url)
        if origin is None or navigation.kind != "hard" or "popup" in navigation.url or vital not in ("LCP", "CLS"):
            return None
        after = next((later for later in self._order if later > origin), math.inf)
        own = [event for event in self._events if origin <= event["time"] * 1000 < after]
        if vital == "LCP":
            paints = [event["lcpDetails"] for event in own if "lcpDetails" in event]
            return paints[-1]["renderTime"] * 1000 - origin if paints else None
        if navigation.detail.get("inp") is not None:
            return None
        return _largest_window([event for event in own if "layoutShiftDetails" in event])


def _largest_window(shifts: Sequence[Mapping[str, Any]]) -> float:
    """CLS by its definition, written differently: the largest sum of shifts within 5 s and gaps of less than 1 s."""
    windows = defaultdict[int, list[tuple[float, float]]](list)
    number = 0
    for shift in shifts:
        at, value = shift["time"], shift["layoutShiftDetails"]["value"]
        open_window = windows[number]
        if open_window and (at - open_window[-1][0] >= 1 or at - open_window[0][0] >= 5):
            number += 1
        windows[number].append((at, value))
    return max((sum(value for _, value in window) for window in windows.values()), default=0.0)
