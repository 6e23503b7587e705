"""Runs without a task: the same results as with one, and nothing left behind however they end."""

import asyncio
import socket
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from fakes.moved import run_moved

from prober.clock import MovedClock, SystemClock
from prober.curl import Curl, Exchange, Request
from prober.demo.server import running
from prober.engine import OVERTIME_S, Engine
from prober.log import Log
from prober.model import Check, Observation, Reason, Result, Verdict
from prober.net import Net
from prober.probes import Context, Flight, Landed, Starter, tcp


class Held:
    """A kind whose runs end when the test says so."""

    def __init__(self) -> None:
        self.landed: Landed | None = None
        self.cancelled = False

    def start(self, check: Check, context: Context, landed: Landed) -> Flight:
        self.landed = landed
        return self

    def cancel(self) -> None:
        self.cancelled = True

    def end(self, outcome: Callable[[], Observation]) -> None:
        assert self.landed
        self.landed(outcome)


def check() -> Check:
    return Check(id="a", kind="fake", interval="10s", timeout="5s")


def flying(main: Callable[[Engine, Held, list[Result]], Coroutine[Any, Any, None]], cap: int = 1) -> list[Result]:
    """What became of runs begun by ``main``."""
    results: list[Result] = []

    async def moved(clock: MovedClock) -> None:
        held = Held()
        starters: dict[str, Starter] = {"fake": held.start}
        await main(Engine("eu", {}, {"fake": cap}, Net(), clock, starters=starters), held, results)

    run_moved(moved)
    return results


def begin(engine: Engine, results: list[Result]) -> Flight | None:
    return engine.begin(check(), engine.clock.monotonic(), lambda _: None, results.append)


def test_a_run_without_a_task_ends_with_a_result_and_gives_its_place_back() -> None:
    async def main(engine: Engine, held: Held, results: list[Result]) -> None:
        assert begin(engine, results) is not None
        assert begin(engine, results) is None, "there is only one place"
        held.end(lambda: Observation(0.25))
        await asyncio.wait_for(engine.idle(), 1)
        assert begin(engine, results) is not None

    (result,) = flying(main)
    assert (result.verdict, result.duration_s, len(result.run_id)) == (Verdict.UP, 0.25, 16)


def test_a_bug_in_what_makes_the_observation_is_unknown() -> None:
    async def main(engine: Engine, held: Held, results: list[Result]) -> None:
        begin(engine, results)
        held.end(lambda: Observation(1 / 0))

    (result,) = flying(main)
    assert (result.verdict, result.reason) == (Verdict.UNKNOWN, Reason.INTERNAL)


def test_a_run_that_outlasts_its_deadline_is_cut_off_and_heard_of_no_more() -> None:
    async def main(engine: Engine, held: Held, results: list[Result]) -> None:
        begin(engine, results)
        await asyncio.sleep(5 + OVERTIME_S + 2)
        assert held.cancelled
        held.end(lambda: Observation(60.0))
        await asyncio.wait_for(engine.idle(), 1)

    (result,) = flying(main)
    assert (result.verdict, result.reason) == (Verdict.DOWN, Reason.TIMEOUT)


def test_a_cancelled_run_has_no_result_and_holds_nothing() -> None:
    async def main(engine: Engine, held: Held, results: list[Result]) -> None:
        flight = begin(engine, results)
        assert flight is not None
        flight.cancel()
        assert held.cancelled
        await asyncio.wait_for(engine.idle(), 1)
        assert begin(engine, results) is not None

    assert flying(main) == []


def fetched(request: Request) -> Exchange:
    """``request`` made by callbacks alone."""

    async def main() -> Exchange:
        curl, net = Curl(), Net()
        ended: asyncio.Future[Callable[[], Exchange]] = asyncio.get_running_loop().create_future()
        try:
            flight = curl.start(curl.way(request), net, SystemClock().monotonic() + 5, ended.set_result)
            assert flight is not None
            return (await ended)()
        finally:
            curl.close()
            await net.close()

    return asyncio.run(main())


def closed_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def test_a_request_without_a_task_is_answered_with_its_phases() -> None:
    with running() as url:
        exchange = fetched(Request(f"{url}/health"))
    assert (exchange.status, exchange.failure) == (200, None)
    assert set(exchange.phases) == {"resolve", "connect", "processing", "transfer"}


def test_a_refused_request_without_a_task_says_so() -> None:
    failure = fetched(Request(f"http://127.0.0.1:{closed_port()}/")).failure
    assert failure is not None
    assert failure.reason is Reason.CONNECT_REFUSED


@contextmanager
def redirecting() -> Iterator[str]:
    """Sends whoever asks for ``/`` to ``/there``."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(302 if self.path == "/" else 200)
            self.send_header("Location", "/there")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def test_a_redirect_is_followed_from_the_first_answer_on() -> None:
    with redirecting() as url:
        exchange = fetched(Request(f"{url}/"))
        refused = fetched(Request(f"{url}/", max_redirects=0))
    assert [hop.status for hop in exchange.hops] == [302, 200]
    assert exchange.facts["url"] == f"{url}/there"
    assert refused.failure is not None
    assert refused.failure.reason is Reason.REDIRECT_LIMIT


def test_a_name_has_to_be_asked_for_with_a_task() -> None:
    async def main() -> Flight | None:
        curl = Curl()
        try:
            return curl.start(curl.way(Request("http://localhost/")), Net(), 1e12, lambda _: None)
        finally:
            curl.close()

    assert asyncio.run(main()) is None


@pytest.mark.parametrize("listening", [True, False])
def test_a_tcp_check_without_a_task_sees_whether_somebody_opens(listening: bool) -> None:
    async def main(port: int) -> Observation:
        clock, net = SystemClock(), Net()
        ended: asyncio.Future[Callable[[], Observation]] = asyncio.get_running_loop().create_future()
        spec = tcp.Spec(id="a", address=f"127.0.0.1:{port}")
        context = Context("a", "eu", "run", clock.monotonic() + 5, clock, net, None, Log())
        assert tcp.start(spec, context, ended.set_result) is not None
        return (await ended)()

    with socket.create_server(("127.0.0.1", 0)) as server:
        port = int(server.getsockname()[1])
        seen = asyncio.run(main(port if listening else closed_port()))
    assert seen.duration_s == pytest.approx(sum(seen.phases.values()))
    assert (seen.failure is None) is listening
    assert seen.failure is None or seen.failure.reason is Reason.CONNECT_REFUSED
