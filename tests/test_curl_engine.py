"""The engine under load, cancellation and its own end."""

from __future__ import annotations

import asyncio
import gc
import os
import resource
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from fakes.authority import Authority
from fakes.script import Script, Server, answer, http, reset, send, stall

from prober.curl import Curl, Exchange, Request
from prober.model import Reason
from prober.net import Net, TlsOptions

T = TypeVar("T")


def with_curl(main: Callable[[Curl, Net], Awaitable[T]]) -> T:
    async def run() -> T:
        curl, net = Curl(), Net()
        try:
            return await main(curl, net)
        finally:
            curl.close()
            await net.close()

    return asyncio.run(run())


def soon(timeout_s: float = 5.0) -> float:
    return time.monotonic() + timeout_s


def open_files() -> int:
    gc.collect()
    return len(list(Path("/proc/self/fd").iterdir()))


def test_two_hundred_requests_at_once_all_get_their_own_answer() -> None:
    def script(head: bytes) -> Script:
        return [send(answer(head.split()[1]))]

    async def main(curl: Curl, net: Net) -> list[Exchange]:
        asks = (curl.fetch(Request(server.url(f"/{n}")), net, soon(20)) for n in range(200))
        return await asyncio.gather(*asks)

    with Server(script) as server:
        exchanges = with_curl(main)
    assert [e.body for e in exchanges] == [f"/{n}".encode() for n in range(200)]


def test_stalled_requests_hold_up_no_others() -> None:
    async def main(curl: Curl, net: Net) -> tuple[list[Exchange], Exchange]:
        stalled = [asyncio.create_task(curl.fetch(Request(slow.url()), net, soon(0.5))) for _ in range(50)]
        quick = await curl.fetch(Request(fast.url()), net, soon())
        return await asyncio.gather(*stalled), quick

    started = time.monotonic()
    with Server(http(stall)) as slow, Server(http(answer(b"quick"))) as fast:
        stalled, quick = with_curl(main)
        assert time.monotonic() - started < 2.0
    assert quick.body == b"quick"
    assert quick.duration_s < 0.45
    assert {e.failure.reason for e in stalled if e.failure} == {Reason.TIMEOUT}


def test_a_cancelled_request_closes_its_connection_at_once() -> None:
    async def main(curl: Curl, net: Net) -> int:
        task = asyncio.create_task(curl.fetch(Request(server.url()), net, soon(30)))
        assert await asyncio.to_thread(server.heard.wait, 5)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert task.cancelled()
        assert await asyncio.to_thread(server.left.wait, 5)
        return (await curl.fetch(Request(other.url()), net, soon())).status or 0

    with Server(http(stall)) as server, Server(http(answer())) as other:
        assert with_curl(main) == 200


def test_requests_cancelled_as_they_start_leave_the_engine_working() -> None:
    async def main(curl: Curl, net: Net) -> Exchange:
        for turns in range(60):
            task = asyncio.create_task(curl.fetch(Request(server.url()), net, soon()))
            for _ in range(turns % 6):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        return await curl.fetch(Request(server.url()), net, soon())

    with Server(http(answer(b"still here"))) as server:
        assert with_curl(main).body == b"still here"


def test_file_descriptors_stay_flat_over_hundreds_of_good_and_bad_runs(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    tls = TlsOptions(ca_file=authority.ca_file)

    async def rounds(curl: Curl, net: Net, count: int) -> None:
        for _ in range(count):
            await asyncio.gather(
                *(curl.fetch(Request(url, tls=tls, ip="v4"), net, soon(0.05 if "stall" in url else 5)) for url in urls)
            )

    async def main(curl: Curl, net: Net) -> tuple[int, int]:
        await rounds(curl, net, 3)
        before = open_files()
        await rounds(curl, net, 40)
        return before, open_files()

    with (
        Server(http(answer())) as good,
        Server(http(answer()), authority.good()) as secure,
        Server(http(answer()), authority.expired()) as expired,
        Server(http(reset)) as broken,
        Server(http(stall)) as slow,
    ):
        urls = [
            good.url(),
            *(server.url(host="localhost") for server in (secure, expired)),
            broken.url(),
            slow.url("/stall"),
            "http://127.0.0.1:1/",
        ]
        before, after = with_curl(main)
    assert after <= before + 12  # connections that the servers in this process have not let go of yet


def test_requests_in_flight_when_the_engine_stops_fail_as_our_own_fault() -> None:
    async def main(curl: Curl, net: Net) -> tuple[Exchange, Exchange]:
        task = asyncio.create_task(curl.fetch(Request(server.url()), net, soon(30)))
        assert await asyncio.to_thread(server.heard.wait, 5)
        curl.close()
        return await task, await curl.fetch(Request(server.url()), net, soon())

    with Server(http(stall)) as server:
        for exchange in with_curl(main):
            assert exchange.failure is not None
            assert exchange.failure.reason is Reason.INTERNAL


def test_stopping_the_engine_with_requests_in_flight_upsets_nothing_on_the_loop() -> None:
    async def main(curl: Curl, net: Net) -> list[str]:
        upset: list[str] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: upset.append(repr(context)))
        tasks = [asyncio.create_task(curl.fetch(Request(server.url()), net, soon(0.2))) for _ in range(3)]
        assert await asyncio.to_thread(server.heard.wait, 5)
        curl.close()
        await asyncio.gather(*tasks)
        await asyncio.sleep(0)
        return upset

    with Server(http(stall)) as server:
        assert with_curl(main) == []


def test_running_out_of_descriptors_is_our_own_fault_and_passes(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    tls = TlsOptions(ca_file=authority.ca_file)

    async def main(curl: Curl, net: Net) -> list[Exchange]:
        urls = [plain.url(), secure.url(), "http://name.test/"]
        with no_descriptors():
            without = [await curl.fetch(Request(url, tls=tls), net, soon(1)) for url in urls]
        return [*without, await curl.fetch(Request(urls[0]), net, soon())]

    with Server(http(answer())) as plain, Server(http(answer()), authority.good()) as secure:
        *without, after = with_curl(main)
    assert [e.failure.reason for e in without if e.failure] == [Reason.FD_EXHAUSTED] * 3
    assert after.status == 200


@contextmanager
def no_descriptors() -> Iterator[None]:
    """Every descriptor this process may have is taken."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(
        resource.RLIMIT_NOFILE, (max(int(path.name) for path in Path("/proc/self/fd").iterdir()) + 1, hard)
    )
    taken = []
    try:
        with suppress(OSError):
            while True:
                taken.append(os.dup(0))
        yield
    finally:
        for descriptor in taken:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_changed_ca_file_is_read_anew(tmp_path: Path) -> None:
    first, second = Authority(tmp_path), Authority(tmp_path)
    bundle = tmp_path / "bundle.pem"

    async def main(curl: Curl, net: Net) -> list[bool]:
        trusted = []
        for authority in (first, second):
            bundle.write_bytes(authority.pem)
            os.utime(bundle, ns=(len(trusted), len(trusted)))
            request = Request(server.url(host="localhost"), tls=TlsOptions(ca_file=str(bundle)), ip="v4")
            trusted.append((await curl.fetch(request, net, soon())).failure is None)
        return trusted

    with Server(http(answer()), second.good()) as server:
        assert with_curl(main) == [False, True]
