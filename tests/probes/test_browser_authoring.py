"""What browser journeys are written with: secrets, log-ins, profiles, throttling, blocking, traces, budgets."""

import base64
import json
import textwrap
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from fakes.browsing import Browsing, browsing

from prober.clock import SystemClock
from prober.faults import ProbeError
from prober.judge import judge
from prober.model import Observation, Reason, Verdict
from prober.probes.browser import Spec

PAGE = """<!doctype html><title>Fixture</title><link rel="icon" href="data:,"><h1>Hello</h1>
<form><label>Name <input name="name"></label><label>Password <input id="secret"></label></form>
<button onclick="window.open('/popup')">Open</button><script src="/cached.js"></script>"""


@dataclass(frozen=True)
class Asked:
    origin: str
    method: str
    path: str
    trace: str | None
    check: str | None
    preflight: str | None


class Site(BaseHTTPRequestHandler):
    """Every path is the same page, but scripts, which may be cached, /to which leads elsewhere, and /private."""

    protocol_version = "HTTP/1.1"

    def do_OPTIONS(self) -> None:
        self._note()
        self._answer(204, b"", "text/plain")

    def do_GET(self) -> None:
        self._note()
        if self.path.startswith("/to?"):
            self._answer(302, b"", "text/plain", Location=self.path.removeprefix("/to?"))
        elif self.path == "/login":
            self._answer(200, PAGE.encode(), "text/html", **{"Set-Cookie": "sid=0123456789abcdef0123; HttpOnly"})
        elif self.path == "/private" and "sid=" not in self.headers.get("Cookie", ""):
            self._answer(403, b"no", "text/html")
        elif self.path.endswith(".js"):
            self._answer(200, b"//", "text/javascript", **{"Cache-Control": "max-age=600"})
        else:
            self._answer(200, PAGE.encode(), "text/html")

    def _note(self) -> None:
        wanted = self.headers["Access-Control-Request-Headers"]
        host, trace, check = (self.headers[name] for name in ("Host", "traceparent", "X-Synthetic-Check"))
        self.server.asked.append(Asked(f"http://{host}", self.command, self.path, trace, check, wanted))  # type: ignore[attr-defined]

    def _answer(self, status: int, body: bytes, kind: str, **headers: str) -> None:
        self.send_response(status)
        fixed = {"Access-Control-Allow-Origin": "*", "Content-Type": kind, "Content-Length": str(len(body))}
        for name, value in (fixed | headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        return None


@dataclass(frozen=True)
class Sites:
    """Two origins and what they were asked."""

    ours: str
    theirs: str
    asked: list[Asked]
    browser: Browsing

    def run(self, source: str, **fields: Any) -> Observation:
        self.asked.clear()
        head = f"THEIRS = {self.theirs!r}\n"
        return self.browser.run(head + textwrap.dedent(source), artifacts=fields.pop("artifacts", False), **fields)

    def paths(self, origin: str) -> list[str]:
        return [one.path for one in self.asked if one.origin == origin]


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sites]:
    asked: list[Asked] = []
    with ExitStack() as stack:
        origins = []
        for _ in range(2):
            server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
            server.daemon_threads = True
            server.asked = asked  # type: ignore[attr-defined]
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
            stack.callback(server.server_close)
            stack.callback(server.shutdown)
            origins.append(f"http://127.0.0.1:{server.server_port}")
        browser = stack.enter_context(browsing(tmp_path_factory.mktemp("authoring"), EVENTCHAIN_URL=origins[0]))
        yield Sites(origins[0], origins[1], asked, browser)


SECRET = """
from pydantic import BaseModel
from prober import Secret

class Wanted(BaseModel):
    password: Secret

@journey
async def fixture(page, params: Wanted):
    async with step("Type it"):
        await page.goto(f"{SITE}/?q={params.password.reveal()}")
        await page.fill("#secret", params.password.reveal())
        await page.fill("[name=name]", "Jane")
        await page.evaluate("text => console.error('typed ' + text)", params.password.reveal())
        raise AssertionError(f"not {params.password.reveal()}")
"""


def test_a_secret_shows_in_no_message_address_console_or_picture(sites: Sites) -> None:
    seen = sites.run(SECRET, params={"password": "open sesame now"}, artifacts=True)
    assert seen.failure is not None
    assert seen.failure.message == "Type it: not ***"
    files = {artifact.kind: Path(artifact.path) for artifact in seen.artifacts}
    evidence = json.loads(files["evidence"].read_text())
    assert "typed ***" in [line["text"] for line in evidence["console"]]
    told = repr(seen) + files["evidence"].read_text()
    assert not any(spelling in told for spelling in ("open sesame now", "open%20sesame%20now", "open+sesame"))
    assert masked_pixels(sites, files["screenshot"]) > 1000
    plain = sites.run(SECRET.replace('"#secret"', '"[name=name]"'), params={"password": "x"}, artifacts=True)
    assert masked_pixels(sites, Path(next(a.path for a in plain.artifacts if a.kind == "screenshot"))) == 0


def masked_pixels(sites: Sites, picture: Path) -> float:
    """How much of a picture has the colour of Playwright's masks."""
    text = f"data:image/png;base64,{base64.b64encode(picture.read_bytes()).decode()}"
    source = f"""
    PICTURE = {text!r}
    @journey
    async def fixture(page):
        measure("pink", await page.evaluate('''async source => {{
            const image = new Image(); image.src = source; await image.decode();
            const canvas = new OffscreenCanvas(image.width, image.height).getContext("2d");
            canvas.drawImage(image, 0, 0);
            const all = canvas.getImageData(0, 0, image.width, image.height).data;
            let count = 0;
            for (let i = 0; i < all.length; i += 4) count += all[i] == 255 && all[i + 1] == 0 && all[i + 2] == 255;
            return count;
        }}''', PICTURE))
    """
    return sites.browser.run(source).measures[0].value


LOG_IN = """
from prober import logged_in, share_cookies

async def log_in(page):
    await page.goto(f"{SITE}/login")
    await page.evaluate("localStorage.setItem('who', 'jane')")

@journey
async def fixture(page, http):
    measure("fresh", int(await logged_in(page, log_in)))
    assert (await page.goto(f"{SITE}/private")).status == 200
    assert await page.evaluate("localStorage.getItem('who')") == "jane"
    assert (await http.get(f"{SITE}/private")).status_code == 403
    await share_cookies(page, http)
    assert (await http.get(f"{SITE}/private")).status_code == 200
"""


def test_a_log_in_is_made_once_with_cookies_and_storage_and_can_be_shared_with_http(sites: Sites) -> None:
    first, second = sites.run(LOG_IN), sites.run(LOG_IN)
    assert (first.failure, second.failure) == (None, None)
    assert [one.measures[0].value for one in (first, second)] == [1, 0]
    assert "0123456789abcdef" not in repr((first, second))


def test_cookies_got_by_http_can_be_given_to_the_page(sites: Sites) -> None:
    source = """
    from prober import share_cookies
    @journey
    async def fixture(page, http):
        await http.get(f"{SITE}/login")
        await share_cookies(http, page)
        assert (await page.goto(f"{SITE}/private")).status == 200
    """
    assert sites.run(source).failure is None


TRACED = """
@journey
async def fixture(page):
    async with step("One"):
        await page.goto(f"{SITE}/one")
        await page.evaluate(f"fetch('{THEIRS}/api').then(r => r.text())")
        await page.evaluate("fetch('/own').then(r => r.text())")
        await page.evaluate(f"fetch('/to?{THEIRS}/after').then(r => r.text())")
    async with step("Two"):
        async with page.expect_popup() as opened:
            await page.get_by_role("button", name="Open").click()
        popup = await opened.value
        await popup.wait_for_load_state()
        await popup.goto(f"{SITE}/two")
"""


def test_first_party_requests_alone_carry_the_trace_and_cause_no_preflight_and_keep_the_cache(sites: Sites) -> None:
    seen = sites.run(TRACED, first_party=[sites.ours])
    assert seen.failure is None, seen.failure
    ours = [one for one in sites.asked if one.origin == sites.ours and one.path != "/popup"]
    theirs = [one for one in sites.asked if one.origin == sites.theirs]
    assert {one.path for one in theirs} == {"/api", "/after"}
    assert [(one.trace, one.check, one.preflight) for one in theirs] == [(None, None, None)] * 2
    assert {(one.trace or "").split("-")[1] for one in ours if one.trace} == {seen.facts["trace_id"]}
    assert all(one.trace and one.check == "fixture" for one in ours)
    spans = {one.path: (one.trace or "").split("-")[2] for one in ours}
    assert spans["/one"] == spans["/own"] != spans["/two"]
    assert [one.path for one in ours].count("/cached.js") == 1
    assert "OPTIONS" not in {one.method for one in sites.asked}


def test_a_user_may_name_a_second_origin_whose_requests_are_traced_without_a_preflight(sites: Sites) -> None:
    seen = sites.run(TRACED, first_party=[sites.ours, f"{sites.theirs}/"])
    assert seen.failure is None, seen.failure
    assert all(one.trace for one in sites.asked if one.origin == sites.theirs)
    assert "OPTIONS" not in {one.method for one in sites.asked}


def test_nothing_is_marked_or_told_when_it_is_not_asked_for(sites: Sites) -> None:
    seen = sites.run(TRACED)
    assert seen.failure is None
    assert {(one.trace, one.check) for one in sites.asked} == {(None, None)}
    assert "trace_id" not in seen.facts
    assert seen.facts["profile"] == "desktop"


def test_blocked_addresses_are_never_asked_in_popups_either(sites: Sites) -> None:
    source = """
    @journey
    async def fixture(page):
        await page.goto(f"{SITE}/one")
        blocked = "fetch('URL').then(() => 'loaded', () => 'blocked')"
        assert await page.evaluate(blocked.replace("URL", f"{THEIRS}/track.gif")) == "blocked"
        assert await page.evaluate(blocked.replace("URL", f"{SITE}/fine")) == "loaded"
        async with page.expect_popup() as opened:
            await page.get_by_role("button", name="Open").click()
        popup = await opened.value
        await popup.goto(f"{SITE}/two")
        assert await popup.evaluate(blocked.replace("URL", f"{THEIRS}/track.gif")) == "blocked"
    """
    seen = sites.run(source, block=[f"{sites.theirs}/*"])
    assert seen.failure is None, seen.failure
    assert sites.paths(sites.theirs) == []
    assert sites.paths(sites.ours).count("/cached.js") == 1


def test_a_profile_slows_the_network_down_and_labels_the_result(sites: Sites) -> None:
    source = """
    @journey
    async def fixture(page):
        await page.goto(f"{SITE}/one")
        measure("width", await page.evaluate("screen.width"))
        measure("took", await page.evaluate("(async () => { const t = performance.now(); "
                                            "await fetch('/x'); return performance.now() - t })()"))
    """
    seen = sites.run(source, profile="mobile-4g")
    assert seen.failure is None, seen.failure
    assert seen.facts["profile"] == "mobile-4g"
    width, took = (measure.value for measure in seen.measures)
    assert width < 500
    assert took >= 140
    own = sites.run(source, profile="branch-office", throttle={"latency": "60ms", "download_kbps": 5000})
    assert own.facts["profile"] == "branch-office"
    assert own.measures[0].value > 1000
    assert own.measures[1].value >= 55


def test_what_only_chromium_can_do_is_refused_elsewhere_instead_of_left_out(sites: Sites) -> None:
    with pytest.raises(ProbeError, match="only Chromium can do this: block"):
        sites.run("@journey\nasync def fixture(page): ...\n", browser="firefox", block=["*"])


def test_a_profile_nobody_knows_is_a_mistake_unless_it_is_described() -> None:
    with pytest.raises(ValueError, match="no such profile: expected one of desktop, desktop-4g"):
        Spec(id="x", journey="y", profile="mobil")
    with pytest.raises(ValueError, match="expected an origin such as"):
        Spec(id="x", journey="y", first_party=["shop.example"])


@pytest.mark.parametrize(("enforce", "verdict"), [(False, Verdict.DEGRADED), (True, Verdict.DOWN)])
def test_a_broken_budget_names_value_limit_page_and_element(sites: Sites, enforce: bool, verdict: Verdict) -> None:
    source = (
        '@journey\nasync def fixture(page):\n    async with step("Look"):\n        await page.goto(f"{SITE}/one")\n'
    )
    seen = sites.run(source)
    expect = {"budgets": {"lcp": "1ms", "cls": 0.1, "step:Look": "20s"}, "enforce": enforce}
    spec = Spec.model_validate({"id": "x", "journey": "y", "expect": expect})
    judged = judge(seen, spec.expect, SystemClock().wall())
    assert (judged.verdict, judged.reason) == (verdict, Reason.BUDGET)
    assert judged.message.startswith("budget lcp: expected at most 0.001s, saw 0.")
    assert judged.message.endswith(f"(Look: {sites.ours}/one, FORM)")
