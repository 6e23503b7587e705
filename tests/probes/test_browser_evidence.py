"""What is kept of a journey: that it explains, that it stays within bounds, and that no secret is ever in it."""

from __future__ import annotations

import base64
import html
import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import playwright
import pytest
from fakes.browsing import Browsing, browsing, site

from prober.journey.wanted import EvidenceSettings
from prober.model import Observation, Reason
from prober.probes.browser import BrowserSettings

SECRET = 'c@nary "pass/word" & <more>*~'
FAIL = """
    @journey(id="fixture", env=["SHOP_CODE"])
    async def fail(page):
        async with step("Open"):
            await page.goto(f"{SITE}/secrets.html")
        async with step("Log in with " + os.environ["SHOP_CODE"]):
            await page.get_by_label("Name").fill("a buyer")
            await page.get_by_label("Code").fill(os.environ["SHOP_CODE"])
            await page.evaluate("tell()")
            raise AssertionError("refused " + os.environ["SHOP_CODE"])
"""
PLAIN = """
    @journey
    async def plain(page):
        async with step("Open"):
            await page.goto(f"{SITE}/late-hero.html")
        async with step("Wait"):
            await page.wait_for_timeout(700)
"""


def opened(home: Path, **wanted: Any) -> Any:
    return browsing(home, BrowserSettings(slots=1, evidence=EvidenceSettings(**wanted)), **{"SHOP_CODE": SECRET, **ENV})


ENV: dict[str, str] = {}


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    with site() as url:
        ENV["EVENTCHAIN_URL"] = url
        yield url


@pytest.fixture(scope="module")
def traced(base: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browsing]:
    with opened(tmp_path_factory.mktemp("traced"), trace="on", filmstrip=True, keep="always") as pool:
        yield pool


@pytest.fixture(scope="module")
def ordinary(base: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browsing]:
    with opened(tmp_path_factory.mktemp("ordinary")) as pool:
        yield pool


def kept(seen: Observation) -> dict[str, Path]:
    return {artifact.kind: Path(artifact.path) for artifact in seen.artifacts}


def evidence(seen: Observation) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(kept(seen)["evidence"].read_text())
    return found


def contents(file: Path) -> Iterator[tuple[str, bytes]]:
    """A file and, where it is a zip, every file in it."""
    data = file.read_bytes()
    yield str(file), data
    if zipfile.is_zipfile(file):
        with zipfile.ZipFile(io.BytesIO(data)) as box:
            yield from ((f"{file}!{name}", box.read(name)) for name in box.namelist())


def spellings(secret: str) -> set[bytes]:
    once = json.dumps(secret)[1:-1]
    texts = {secret, once, json.dumps(once)[1:-1], html.escape(secret), quote(secret, safe=""), quote_plus(secret)}
    texts |= {quote(secret, safe="!~*'()"), quote(quote(secret, safe="!~*'()"), safe=""), quote_plus(secret, safe="*")}
    coded = (base64.b64encode(secret.encode()), base64.b64encode(f"buyer:{secret}".encode())[8:])
    return {text.encode() for text in texts} | {one.rstrip(b"=")[:-1] for one in coded}


def test_a_failure_is_explained_by_steps_requests_console_and_a_picture(ordinary: Browsing) -> None:
    seen = ordinary.run(FAIL, artifacts=True)
    told = evidence(seen)
    assert (told["version"], told["check"], told["run"], told["attempt"]) == (1, "fixture", "run", 1)
    assert told["failure"]["reason"] == "step"
    assert [step["verdict"] for step in told["steps"]] == ["up", "down"]
    assert told["steps"][1]["began_s"] > 0
    assert told["url"].endswith("/secrets.html")
    document, *others = told["requests"]
    assert (document["type"], document["status"], document["step"]) == ("document", 200, 0)
    assert document["bytes"] > 500
    assert document["address"].startswith("127.0.0.1:")
    assert {"wait", "receive"} <= document["phases"].keys()
    assert document["duration_s"] >= document["phases"]["wait"]
    assert [request["status"] for request in others] == [404, 501, 501, 404, 404]
    assert all(request["step"] == 1 and request["began_s"] >= document["began_s"] for request in others)
    assert told["console"][0]["type"] == "error"
    assert told["console"][0]["at_s"] > 0
    assert "cannot do with ***" in told["page_errors"][0]
    assert kept(seen)["screenshot"].name == "2-log-in-with.png"
    identities = [artifact.id for artifact in seen.artifacts]
    assert len(set(identities)) == 2
    assert all(len(identity) == 32 for identity in identities)


def test_a_run_that_only_broke_its_budget_is_explained_like_a_failure(ordinary: Browsing) -> None:
    expect = {"budgets": {"lcp": "1ms", "step:Wait": "20s"}, "enforce": True}
    seen = ordinary.run(PLAIN, artifacts=True, expect=expect)
    assert seen.failure is None
    assert kept(seen)["screenshot"].read_bytes().startswith(b"\x89PNG")
    told = evidence(seen)
    assert told["failure"] is None
    assert (told["judgement"]["verdict"], told["judgement"]["reason"]) == ("down", "budget")
    assert told["judgement"]["message"].startswith("budget lcp: expected at most 0.001s")
    assert told["requests"][0]["status"] == 200
    assert ordinary.run(PLAIN, artifacts=True, expect={"budgets": {"lcp": "20s"}, "enforce": True}).artifacts == ()


def test_no_secret_is_in_any_file_nor_in_its_name_however_it_was_escaped(traced: Browsing) -> None:
    seen = traced.run(FAIL, artifacts=True)
    files = [file for file in (traced.home / "artifacts").rglob("*") if file.is_file()]
    assert {file.suffix for file in files} == {".png", ".jpg", ".json", ".zip", ".har"}
    assert "filmstrip" not in kept(seen), "moving pictures cannot be masked"
    pieces = [piece for file in files for piece in contents(file)]
    assert any("trace.zip!trace.network" in name for name, _ in pieces)
    for name, data in pieces:
        for spelling in spellings(SECRET) | {b"very-hidden-token"}:
            assert spelling not in data, (name, spelling)
        assert "nary" not in name
        assert not name.endswith(".jpeg"), "the trace of a journey with secrets has no pictures"
    assert "c@nary" not in repr(seen)


def test_the_trace_and_the_har_are_still_what_they_were(traced: Browsing) -> None:
    seen = traced.run(FAIL, artifacts=True)
    with zipfile.ZipFile(kept(seen)["trace"]) as box:
        events = [json.loads(line) for name in ("trace.trace", "trace.network") for line in box.read(name).splitlines()]
    assert {"context-options", "before", "after", "frame-snapshot", "resource-snapshot"} <= {e["type"] for e in events}
    assert any(event.get("params", {}).get("value") == "***" for event in events), "what was filled in"
    har = json.loads(kept(seen)["har"].read_text())
    entries = har["log"]["entries"]
    assert [entry["response"]["status"] for entry in entries] == [200, 404, 501, 501, 404, 404]
    assert entries[1]["request"]["url"].endswith("echo?value=***&api_key=***")
    headers = {header["name"].lower(): header["value"] for header in entries[4]["request"]["headers"]}
    assert (headers["authorization"], headers["cookie"]) == ("***", "***")
    assert headers["x-kept"].startswith("***")
    assert entries[2]["request"]["postData"]["text"] == "***"


def test_an_input_that_holds_a_secret_is_masked_in_the_picture(ordinary: Browsing) -> None:
    picture = kept(ordinary.run(FAIL, artifacts=True))["screenshot"]
    coded = base64.b64encode(picture.read_bytes()).decode()
    seen = ordinary.run(f"""
        PINK = '''async source => {{
            const image = new Image(); image.src = source; await image.decode();
            const canvas = new OffscreenCanvas(image.width, image.height).getContext("2d");
            canvas.drawImage(image, 0, 0);
            const pixels = canvas.getImageData(0, 0, image.width, image.height).data;
            let count = 0;
            for (let i = 0; i < pixels.length; i += 4)
                count += pixels[i] === 255 && pixels[i + 1] === 0 && pixels[i + 2] === 255;
            return count;
        }}'''
        @journey
        async def look(page):
            measure("pink", await page.evaluate(PINK, "data:image/png;base64,{coded}"))
    """)
    assert 400 * 40 * 0.9 < seen.measures[0].value < 450 * 55, "one input of two is hidden"


def test_a_passing_run_keeps_nothing_unless_it_is_wanted(ordinary: Browsing, traced: Browsing) -> None:
    assert ordinary.run(PLAIN, artifacts=True).artifacts == ()
    seen = traced.run(PLAIN, artifacts=True)
    assert seen.failure is None
    kinds = [artifact.kind for artifact in seen.artifacts]
    assert kinds == ["screenshot", "screenshot", "evidence", "filmstrip", "har", "trace"]
    assert evidence(seen)["failure"] is None
    with zipfile.ZipFile(kept(seen)["filmstrip"]) as frames:
        assert 1 <= len(frames.namelist()) <= 12
        assert all(frames.read(name).startswith(b"\xff\xd8") for name in frames.namelist())
    with zipfile.ZipFile(kept(seen)["trace"]) as box:
        assert any(name.endswith(".jpeg") for name in box.namelist())
    assert list(Path(traced.home).rglob("recording-*")) == []


def test_the_cache_works_while_everything_is_recorded(traced: Browsing) -> None:
    seen = traced.run(
        """
        @journey
        async def twice(page):
            await page.goto(f"{SITE}/cached.html")
            await page.goto(f"{SITE}/cached.html")
        """,
        artifacts=True,
    )
    styles = [request for request in evidence(seen)["requests"] if request["url"].endswith("cached.css")]
    assert [request["cached"] for request in styles] == [False, True]


def test_a_trace_is_made_of_the_second_try_only_and_kept_where_that_fails_too(ordinary: Browsing) -> None:
    seen = ordinary.run(
        """
        @journey(idempotent=True, retries=1)
        async def again(page):
            async with step("Open"):
                await page.goto(f"{SITE}/quick.html")
                raise AssertionError("no")
        """,
        artifacts=True,
    )
    assert seen.failure is not None
    assert seen.failure.reason is Reason.STEP
    files = [(artifact.kind, Path(artifact.path).parent.name) for artifact in seen.artifacts]
    assert files == [
        ("screenshot", "artifacts"),
        ("evidence", "artifacts"),
        ("screenshot", "attempt-2"),
        ("evidence", "attempt-2"),
        ("har", "attempt-2"),
        ("trace", "attempt-2"),
    ]


@pytest.mark.slow
def test_there_is_video_where_playwright_has_its_ffmpeg_and_no_secret_is_about(base: str, tmp_path: Path) -> None:
    listed = json.loads((Path(playwright.__file__).parent / "driver/package/browsers.json").read_text())["browsers"]
    revision = next(one["revision"] for one in listed if one["name"] == "ffmpeg")
    ffmpeg = tmp_path / f".cache/ms-playwright/ffmpeg-{revision}/ffmpeg-linux"
    ffmpeg.parent.mkdir(parents=True)
    # It takes pictures on its standard input, and the film's path as its last argument.
    ffmpeg.write_text('#!/bin/sh\nfor film; do :; done\nprintf film > "$film"\ncat >> "$film"\n')
    ffmpeg.chmod(0o755)
    ENV["HOME"] = str(tmp_path)
    try:
        with opened(tmp_path, trace="on") as pool:
            seen, hidden = pool.run(PLAIN, artifacts=True), pool.run(FAIL, artifacts=True)
    finally:
        del ENV["HOME"]
    assert kept(seen)["video"].name == "video-1.webm"
    film = kept(seen)["video"].read_bytes()
    assert film.startswith(b"film")
    assert b"\xff\xd8" in film, "JPEGs"
    assert "trace" in kept(hidden)
    assert "video" not in kept(hidden)


def test_what_is_over_the_limit_is_left_out_and_said(base: str, tmp_path: Path) -> None:
    noise = """
        @journey
        async def loud(page):
            await page.goto(f"{SITE}/quick.html")
            await page.set_viewport_size({"width": 2000, "height": 1500})
            await page.evaluate('''() => {
                const canvas = document.body.appendChild(document.createElement("canvas"));
                Object.assign(canvas, { width: 1900, height: 1400 });
                const image = new ImageData(1900, 1400);
                for (let i = 0; i < image.data.length; i++) image.data[i] = i % 4 === 3 ? 255 : Math.random() * 256;
                canvas.getContext("2d").putImageData(image, 0, 0);
            }''')
            raise AssertionError("too loud")
    """
    with opened(tmp_path, limit_mib=3) as pool:
        seen = pool.run(noise, artifacts=True)
    assert [artifact.kind for artifact in seen.artifacts] == ["evidence"]
    dropped = seen.facts["artifacts_dropped"][0]
    assert dropped["kind"] == "screenshot"
    assert dropped["bytes"] > 1 << 20
    assert dropped["why"] == "over the limit"


def test_a_hung_page_keeps_its_evidence_and_its_trace_before_the_deadline(traced: Browsing) -> None:
    seen = traced.run(
        """
        @journey
        async def hang(page):
            async with step("Open"):
                await page.goto(f"{SITE}/hang.html")
            async with step("Read"):
                await page.evaluate("document.title")
        """,
        timeout_s=8,
        artifacts=True,
    )
    assert seen.failure is not None
    assert seen.failure.reason is Reason.PAGE_HUNG
    assert {"screenshot", "evidence", "trace"} <= kept(seen).keys()
    assert evidence(seen)["steps"][1]["verdict"] == "down"


@pytest.mark.slow
def test_a_disk_that_takes_nothing_turns_no_finding_into_an_error(base: str, tmp_path: Path) -> None:
    (tmp_path / "artifacts").write_text("a file where the directory should be")
    with opened(tmp_path) as pool:
        seen = pool.run(FAIL, artifacts=True)
    assert seen.failure is not None
    assert seen.failure.reason is Reason.STEP
    assert seen.artifacts == ()
    assert [one["kind"] for one in seen.facts["artifacts_dropped"]] == ["screenshot", "evidence"]
