"""API journeys: steps and requests in a worker process, without a browser."""

import asyncio
import json
import os
import signal
import subprocess
import textwrap
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from fakes.browsing import context, left_over

from prober.faults import ProbeError
from prober.journey.home import make_home, remove_orphans
from prober.model import Observation, Reason, Verdict
from prober.probes.api import Spec, open_probe

HEAD = "import os\nfrom prober import journey, measure, step\nAPI = os.environ['EVENTCHAIN_URL']\n"
CANARY = "canary-of-an-api"


class Api(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = f'{{"agent": "{self.headers["User-Agent"]}", "check": "{self.headers["X-Synthetic-Check"]}"}}'.encode()
        self.send_response(503 if self.path == "/broken" else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        return None


@contextmanager
def api() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Api)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def run(home: Path, *sources: str, timeout_s: float = 10.0, artifacts: Path | None = None) -> list[Observation]:
    """Run journeys one after another in one pool."""

    async def probed(base: str) -> list[Observation]:
        async with open_probe(environ={"EVENTCHAIN_URL": base, "CODE": CANARY}, base=home) as probe:
            seen = []
            for source in sources:
                (home / "calls.py").write_text(HEAD + textwrap.dedent(source))
                ctx = context(timeout_s, artifacts, "calls")
                seen.append(await probe(Spec(id="x", journey="calls.py", env=("CODE",)), ctx))
            return seen

    with api() as base:
        seen = asyncio.run(probed(base))
    assert left_over() == []
    return seen


def test_requests_say_who_asks_and_every_step_is_timed(tmp_path: Path) -> None:
    (seen,) = run(
        tmp_path,
        """
        @journey
        async def calls(http):
            async with step("Ask"):
                answer = (await http.get(f"{API}/")).json()
                assert answer["agent"].startswith("prober/"), answer
                assert answer["check"] == "calls", answer
            measure("asked", 1)
        """,
    )
    assert seen.failure is None
    assert [(step.name, step.verdict) for step in seen.steps] == [("Ask", Verdict.UP)]
    assert seen.measures[0].name == "asked"
    assert 0 < seen.steps[0].duration_s <= seen.duration_s


def test_what_goes_wrong_has_its_reason(tmp_path: Path) -> None:
    journeys = {
        "(await http.get(f'{API}/broken')).raise_for_status()": Reason.STATUS,
        "await http.get('http://nowhere.invalid/')": Reason.DNS_NXDOMAIN,
        "await http.get('http://127.0.0.1:1/')": Reason.CONNECT_REFUSED,
        "assert (await http.get(f'{API}/broken')).status_code == 200": Reason.STEP,
    }
    sources = [f"@journey\nasync def calls(http):\n    async with step('Ask'):\n        {body}\n" for body in journeys]
    failures = [seen.failure for seen in run(tmp_path, *sources)]
    assert [failure and failure.reason for failure in failures] == list(journeys.values())
    assert all(failure and failure.message.startswith("Ask: ") for failure in failures)


def test_a_failure_leaves_the_steps_and_requests_that_explain_it_and_a_success_nothing(tmp_path: Path) -> None:
    fine = "@journey\nasync def calls(http):\n    await http.get(API)\n"
    failing = """
        @journey
        async def calls(http):
            async with step("Ask"):
                await http.get(f"{API}/?code={os.environ['CODE']}")
            async with step("Pay"):
                assert (await http.get(f"{API}/broken")).status_code == 200, os.environ["CODE"]
    """
    passed, failed = run(tmp_path, fine, failing, artifacts=tmp_path / "kept")
    assert passed.artifacts == ()
    (artifact,) = failed.artifacts
    text = Path(artifact.path).read_text()
    assert CANARY not in text
    told = json.loads(text)
    assert told["failure"] == {"reason": "step", "message": "Pay: ***"}
    assert [(step["name"], step["verdict"]) for step in told["steps"]] == [("Ask", "up"), ("Pay", "down")]
    assert [(one["step"], one["status"]) for one in told["http_requests"]] == [("Ask", 200), ("Pay", 503)]
    assert all(one["phases"]["processing"] > 0 for one in told["http_requests"])


def test_a_journey_that_blocks_is_ended_in_time(tmp_path: Path) -> None:
    (seen,) = run(tmp_path, "@journey\nasync def calls(http):\n    while True: pass\n", timeout_s=3.0)
    assert seen.failure is not None
    assert seen.failure.reason is Reason.DEADLINE


def test_a_journey_that_takes_a_page_belongs_in_a_browser_check(tmp_path: Path) -> None:
    with pytest.raises(ProbeError, match="make its check kind browser"):
        run(tmp_path, "@journey\nasync def calls(page): ...\n")


def test_what_a_killed_prober_left_behind_is_removed_and_what_a_living_one_uses_is_not(tmp_path: Path) -> None:
    old = time.time() - 60
    left, used = make_home(), make_home()
    orphan = subprocess.Popen(["sleep", "60"], env={"TMPDIR": str(left.path)}, start_new_session=True)
    for home in (left, used):
        os.utime(home.path, (old, old))
    os.close(left.lock)  # as the end of its prober does
    assert remove_orphans() == 1
    assert orphan.wait(5) == -signal.SIGKILL
    assert (left.path.exists(), used.path.exists()) == (False, True)
    used.remove()
