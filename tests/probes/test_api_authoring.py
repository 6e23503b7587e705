"""What journeys are written with, where no browser is needed: parameters, retries, log-ins, phases, traces."""

import asyncio
import textwrap
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from fakes.browsing import context, left_over

from prober.clock import SystemClock
from prober.journey import find_journey
from prober.journey.order import job_of
from prober.journey.pool import open_pool
from prober.journey.slots import Upkeep
from prober.judge import judge
from prober.log import Log
from prober.model import Observation, Reason, Verdict
from prober.probes.api import COMMAND, Spec, open_probe

HEAD = """\
import os
from pydantic import BaseModel
from prober import Secret, journey, logged_in, measure, share_cookies, step
API = os.environ["EVENTCHAIN_URL"]
"""


class Site(BaseHTTPRequestHandler):
    """Counts what it is asked; /login sets a cookie, /private wants it, /flaky fails the first time."""

    def do_GET(self) -> None:
        asked: list[tuple[str, str | None]] = self.server.asked  # type: ignore[attr-defined]
        asked.append((self.path, self.headers["traceparent"]))
        times = sum(path == self.path for path, _ in asked)
        member = "session=0123456789abcdef01234567" in self.headers.get("Cookie", "")
        bad = (self.path == "/private" and not member) or (self.path.startswith("/flaky") and times == 1)
        self.send_response(500 if bad else 200)
        if self.path == "/login":
            self.send_header("Set-Cookie", "session=0123456789abcdef01234567; HttpOnly; Path=/")
        self.send_header("Content-Length", "4")
        self.end_headers()
        self.wfile.write(b"fine")

    def log_message(self, *_: object) -> None:
        return None


@contextmanager
def site() -> Iterator[tuple[str, list[tuple[str, str | None]]]]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    server.daemon_threads = True
    server.asked = []  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", server.asked  # type: ignore[attr-defined]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def run(home: Path, base: str, *sources: str, timeout_s: float = 10.0, **fields: Any) -> list[Observation]:
    """Run journeys one after another in one pool."""

    async def probed() -> list[Observation]:
        async with open_probe(environ={"EVENTCHAIN_URL": base}, base=home) as probe:
            seen = []
            for source in sources:
                (home / "calls.py").write_text(HEAD + textwrap.dedent(source))
                spec = Spec(id="calls", journey="calls.py", **fields)
                seen.append(await probe(spec, context(timeout_s, check_id="calls")))
            return seen

    seen = asyncio.run(probed())
    assert left_over() == []
    return seen


def test_parameters_arrive_as_the_model_of_the_file_and_wrong_ones_are_the_scripts_fault(tmp_path: Path) -> None:
    model = "class Wanted(BaseModel):\n    seats: int\n    names: list[str] = []\n"
    journey = "@journey\nasync def calls(http, params: Wanted):\n    assert params.seats == 2, params\n"
    (fine,) = run(tmp_path, "http://x.invalid", model + journey, params={"seats": "2"})
    assert fine.failure is None
    (wrong,) = run(tmp_path, "http://x.invalid", model + journey, params={"seats": "2", "names": "one"})
    assert wrong.failure is not None
    assert wrong.failure.reason is Reason.SCRIPT_ERROR
    assert wrong.failure.message == "params.names: Input should be a valid list"


def test_a_secret_parameter_is_masked_wherever_it_surfaces(tmp_path: Path) -> None:
    source = """
    import elsewhere
    class Wanted(elsewhere.Base):
        pin: Secret
    class Own(BaseModel):
        key: Secret
    @journey
    async def calls(http, params: {model}):
        value = params.{field}.reveal()
        async with step(f"Ask with {{value}}"):
            measure("asked", 1, key=value)
            await http.get(f"{{API}}/a?q={{value}}")
            raise AssertionError(f"it said {{value}}")
    """
    (tmp_path / "elsewhere.py").write_text("from pydantic import BaseModel\nclass Base(BaseModel): ...\n")
    sources = [source.format(model="Own", field="key"), source.format(model="Wanted", field="pin")]
    with site() as (base, _):
        for text, field in zip(sources, ("key", "pin"), strict=True):
            (seen,) = run(tmp_path, base, text, params={field: "sesame-open"})
            assert "sesame-open" not in repr(seen)
            assert seen.failure is not None
            assert seen.failure.message == "Ask with ***: it said ***"
            assert seen.facts["http_requests"][0]["url"] == f"{base}/a?q=***"


def test_phases_of_all_requests_are_summed_and_each_is_told_with_its_step(tmp_path: Path) -> None:
    source = """
    @journey
    async def calls(http):
        async with step("Twice"):
            await http.get(f"{API}/a")
            await http.get(f"{API}/b")
        await http.get("http://127.0.0.1:1/")
    """
    with site() as (base, _):
        (seen,) = run(tmp_path, base, source)
    first, second, third = seen.facts["http_requests"]
    assert (first["step"], first["method"], first["status"]) == ("Twice", "GET", 200)
    assert {"connect", "processing", "transfer"} <= first["phases"].keys()
    assert "refused" in third["error"]
    assert third["status"] is None
    assert 0 < seen.phases["processing"] == first["phases"]["processing"] + second["phases"]["processing"]
    assert seen.phases["total"] == seen.duration_s


def test_a_step_that_is_not_critical_degrades_and_one_that_is_soft_fails_but_both_go_on(tmp_path: Path) -> None:
    source = """
    @journey
    async def calls(http):
        async with step("Extras", critical=False):
            raise AssertionError("none today")
        {soft}
        async with step("Rest"):
            pass
    """
    soft = 'async with step("Soft", soft=True): assert False, "not so hard"'
    degraded, down = run(tmp_path, "http://x.invalid", source.format(soft=""), source.format(soft=soft))
    assert [(step.name, step.verdict) for step in degraded.steps] == [
        ("Extras", Verdict.DEGRADED),
        ("Rest", Verdict.UP),
    ]
    judged = judge(degraded, Spec(id="x", journey="y").expect, SystemClock().wall())
    assert (judged.verdict, judged.reason) == (Verdict.DEGRADED, Reason.STEP)
    assert judged.message == "step Extras: expected done, saw none today"
    assert [step.verdict for step in down.steps] == [Verdict.DEGRADED, Verdict.DOWN, Verdict.UP]
    assert down.failure is not None
    assert down.failure.message == "Soft: not so hard"


def test_only_an_idempotent_journey_is_tried_again_and_its_first_failure_is_kept(tmp_path: Path) -> None:
    source = """
    @journey({options})
    async def calls(http):
        async with step("Ask"):
            (await http.get(f"{{API}}/flaky{options_path}")).raise_for_status()
    """
    again = source.format(options="idempotent=True, retries=1", options_path="/a")
    once = source.format(options="idempotent=True", options_path="/b")
    with site() as (base, asked):
        tried, failed = run(tmp_path, base, again, once)
    assert tried.failure is None
    assert [one["reason"] for one in tried.facts["attempts"]] == ["status"]
    assert tried.facts["attempts"][0]["message"].startswith("Ask: Server error '500")
    assert failed.failure is not None
    assert "attempts" not in failed.facts
    assert [path for path, _ in asked] == ["/flaky/a", "/flaky/a", "/flaky/b"]


def test_a_worker_that_dies_after_paying_is_unknown_at_that_step_and_pays_once(tmp_path: Path) -> None:
    source = """
    import signal
    @journey
    async def calls(http):
        async with step("Pay"):
            await http.get(f"{API}/pay")
            os.kill(os.getpid(), signal.SIGKILL)
    """
    with site() as (base, asked):
        (seen,) = run(tmp_path, base, source)
    assert [path for path, _ in asked] == ["/pay"]
    assert seen.failure is not None
    assert seen.failure.reason.ours
    assert seen.failure.message.startswith("Pay: ")


LOG_IN = """
async def log_in(http):
    (await http.get(f"{API}/login")).raise_for_status()

@journey
async def calls(http):
    fresh = await logged_in(http, log_in, for_="30m")
    measure("fresh", fresh + 0)
    answer = await http.get(f"{API}/private")
    assert answer.status_code == 200, http.cookies.jar
"""


def test_a_log_in_is_reused_also_by_the_next_worker_and_forgotten_by_a_failure(tmp_path: Path) -> None:
    (tmp_path / "calls.py").write_text(HEAD + LOG_IN)
    (tmp_path / "fails.py").write_text(HEAD + LOG_IN + "    assert False\n")

    async def probed(base: str) -> list[Observation]:
        known = {"EVENTCHAIN_URL": base}
        given = {"params": {}, "env": (), "environ": known, "check_id": "calls", "run_id": "r", "artifacts": None}
        async with open_pool(COMMAND, {}, known, 1, Upkeep(runs=1)) as pool:
            files = ("calls.py", "calls.py", "fails.py", "calls.py")
            jobs = [job_of(find_journey(file, tmp_path), **given) for file in files]  # type: ignore[arg-type]
            seen = [await pool.run(job, 10.0, Log()) for job in jobs]
            assert pool.stats().recycled["runs"] >= 2
            return seen

    with site() as (base, asked):
        seen = asyncio.run(probed(base))
    assert [one.failure is None for one in seen] == [True, True, False, True]
    assert [measure.value for one in seen for measure in one.measures] == [1, 0, 0, 1]
    assert [path for path, _ in asked].count("/login") == 2
    assert "0123456789abcdef" not in repr(seen)


def test_requests_to_ones_own_origins_carry_one_trace_and_a_span_a_step(tmp_path: Path) -> None:
    source = """
    @journey
    async def calls(http):
        async with step("One"):
            await http.get(f"{API}/a")
            await http.get(f"{API}/b")
        async with step("Two"):
            await http.get(f"{API}/c")
    """
    with site() as (base, asked), site() as (_, _):
        (traced,) = run(tmp_path, base, source, first_party=[base])
        (plain,) = run(tmp_path, base, source, first_party=["https://shop.example"])
    traces = [(trace or "").split("-") for _, trace in asked[:3]]
    assert {trace[1] for trace in traces} == {traced.facts["trace_id"]}
    assert len(traced.facts["trace_id"]) == 32
    assert traces[0][2] == traces[1][2] != traces[2][2]
    assert [trace for _, trace in asked[3:]] == [None] * 3
    assert plain.failure is None
