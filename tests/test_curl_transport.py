"""A plain httpx client over the engine."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import httpx
import pytest
from fakes.authority import Authority
from fakes.script import Act, Server, answer, fin, http, redirect, reset, site, stall

from prober.curl import Curl, CurlTransport
from prober.net import Net, TlsOptions

T = TypeVar("T")


def with_client(main: Callable[[httpx.AsyncClient], Awaitable[T]], tls: TlsOptions | None = None) -> T:
    async def run() -> T:
        curl, net = Curl(), Net()
        try:
            async with httpx.AsyncClient(transport=CurlTransport(curl, net, tls=tls), timeout=5) as client:
                return await main(client)
        finally:
            curl.close()
            await net.close()

    return asyncio.run(run())


def test_a_plain_client_works_and_its_responses_carry_phases() -> None:
    async def main(client: httpx.AsyncClient) -> httpx.Response:
        return await client.post(server.url("/x?a=b"), json={"q": 1}, headers={"X-A": "b"})

    with Server(http(answer(b'{"ok": true}', "201 Created", b"X-B: c", b"X-B: d"))) as server:
        response = with_client(main)
    assert (response.status_code, response.json(), response.headers.get_list("x-b")) == (201, {"ok": True}, ["c", "d"])
    assert set(response.extensions["phases"]) == {"resolve", "connect", "processing", "transfer"}
    assert response.http_version == "HTTP/1.1"
    assert server.heads[0].startswith(b"POST /x?a=b HTTP/1.1")
    assert server.heads[0].endswith(b'{"q":1}')
    assert server.heads[0].count(b"Content-Length") == 1
    assert server.heads[0].lower().count(b"\r\nhost:") == 1


def test_redirects_cookies_and_encodings_stay_the_clients_business() -> None:
    packed = gzip.compress(b"page " * 100)
    pages = {
        "/": redirect("/in", "302 Found", b"Set-Cookie: seen=1"),
        "/in": answer(packed, "200 OK", b"Content-Encoding: gzip"),
    }

    async def main(client: httpx.AsyncClient) -> httpx.Response:
        return await client.get(server.url(), follow_redirects=True)

    with Server(site(pages)) as server:
        response = with_client(main)
    assert response.text == "page " * 100
    assert len(response.history) == 1
    assert b"seen=1" in server.heads[1]


def test_tls_is_verified_as_told(tmp_path: Path) -> None:
    authority = Authority(tmp_path)

    async def main(client: httpx.AsyncClient) -> int:
        return (await client.get(server.url(host="localhost"))).status_code

    with Server(http(answer()), authority.good()) as server:
        assert with_client(main, TlsOptions(ca_file=authority.ca_file)) == 200
        with pytest.raises(httpx.ConnectError, match="not accepted"):
            with_client(main)


@pytest.mark.parametrize(
    ("act", "error"),
    [
        (fin, httpx.RemoteProtocolError),
        (reset, httpx.ReadError),
        (stall, httpx.ReadTimeout),
        (answer(b"x" * (11 << 20)), httpx.ReadError),
    ],
)
def test_failures_are_the_errors_httpx_would_raise(act: Act | bytes, error: type[httpx.TransportError]) -> None:
    async def main(client: httpx.AsyncClient) -> None:
        with pytest.raises(error) as caught:
            await client.get(server.url(), timeout=0.3)
        assert str(caught.value)
        assert caught.value.request.url == server.url()

    with Server(http(act)) as server:
        with_client(main)


def test_a_header_with_a_line_break_never_leaves() -> None:
    async def main(client: httpx.AsyncClient) -> None:
        with pytest.raises(httpx.LocalProtocolError):
            await client.get("http://127.0.0.1:1/", headers={"X-A": "b\r\nX-Evil: 1"})

    with_client(main)
