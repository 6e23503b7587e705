"""What a server does, and what is said of it: faults N01-N35 over real sockets."""

from __future__ import annotations

import gzip
import os
import socket
import time
import zlib
from collections.abc import Iterator

import pytest
from fakes.fetching import fetch
from fakes.script import Act, Server, answer, drip, fin, forever, http, listen, pause, reset, send, site, stall

from prober.curl import Exchange, check_header
from prober.model import Reason
from prober.secret import Secret

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


def sized(length: int, body: bytes = b"", *headers: bytes) -> bytes:
    return OK + b"".join(line + b"\r\n" for line in headers) + f"Content-Length: {length}\r\n\r\n".encode() + body


def told(exchange: Exchange) -> tuple[Reason | None, object]:
    return exchange.failure.reason if exchange.failure else None, exchange.facts.get("status")


ANSWERS: dict[str, tuple[list[Act | bytes], Reason | None, int | None]] = {
    "an honest answer": ([answer(b"hello")], None, 200),
    "chunks": ([CHUNKED + b"5\r\nhello\r\n0\r\n\r\n"], None, 200),
    "a body until the end": ([OK + b"\r\nhello"], None, 200),
    "no content": ([b"HTTP/1.1 204 No Content\r\n\r\n"], None, 204),
    "a reason left out": ([b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n"], None, 200),
    "a folded header": ([sized(0, b"", b"X-A: b\r\n c")], None, 200),
    "early hints": ([b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" * 3, answer()], None, 200),
    "an error page": ([answer(b"oops", "503 Service Unavailable", b"Retry-After: 9")], None, 503),
    "closed at once": ([fin], Reason.CLOSED_EARLY, None),
    "reset at once": ([reset], Reason.RESET, None),
    "half a status line": ([b"HTTP/1.1 2"], Reason.CLOSED_EARLY, None),
    "half a header": ([OK + b"Content-Le"], Reason.TRUNCATED, 200),
    "a header without its end": ([OK + b"Content-Length: 0\r\n"], Reason.TRUNCATED, 200),
    "a hint and no answer": ([b"HTTP/1.1 103 Early Hints\r\n\r\n"], Reason.CLOSED_EARLY, 103),
    "a body cut short": ([sized(10, b"abc")], Reason.TRUNCATED, 200),
    "a chunk cut short": ([CHUNKED + b"5\r\nab"], Reason.TRUNCATED, 200),
    "chunks without the last": ([CHUNKED + b"2\r\nab\r\n"], Reason.TRUNCATED, 200),
    "a body reset": ([sized(10, b"abc"), reset], Reason.RESET, 200),
    "a chunk that is no chunk": ([CHUNKED + b"zz\r\n"], Reason.HTTP_PROTOCOL, 200),
    "two lengths": ([OK + b"Content-Length: 3\r\nContent-Length: 5\r\n\r\nabcde"], Reason.HTTP_PROTOCOL, 200),
    "a length below nothing": ([OK + b"Content-Length: -5\r\n\r\n"], Reason.HTTP_PROTOCOL, 200),
    "length and chunks": (
        [OK + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n"],
        Reason.HTTP_PROTOCOL,
        200,
    ),
    "another protocol": ([b"SSH-2.0-OpenSSH_9.2\r\n"], Reason.HTTP_PROTOCOL, None),
    "garbage": ([b"\x00\x01\xfe\xff" * 20], Reason.HTTP_PROTOCOL, None),
    "a status that is none": ([b"HTTP/1.1 99999 OK\r\n\r\n"], Reason.HTTP_PROTOCOL, None),
    "a NUL in a header": ([sized(0, b"", b"X-A: a\0b")], Reason.HTTP_PROTOCOL, 200),
    "a huge header": ([sized(0, b"", b"X-A: " + b"a" * 90_000)], Reason.HTTP_PROTOCOL, 200),
    "a flood of headers": ([sized(0, b"", *[b"X-%d: a" % n for n in range(500)])], Reason.HTTP_PROTOCOL, 200),
    "a flood of hints": ([b"HTTP/1.1 103 Early Hints\r\n\r\n" * 50, answer()], Reason.HTTP_PROTOCOL, 103),
    "another protocol agreed to": ([b"HTTP/1.1 101 Switching Protocols\r\n\r\n", stall], Reason.HTTP_PROTOCOL, 101),
    "gzip that is none": ([sized(5, b"hello", b"Content-Encoding: gzip")], Reason.DECODE, 200),
    "an unknown encoding": ([sized(5, b"hello", b"Content-Encoding: rot13")], Reason.DECODE, 200),
    "an encoding inside another": ([sized(5, b"hello", b"Content-Encoding: gzip, br")], Reason.DECODE, 200),
    "two encodings": ([sized(5, b"hello", b"Content-Encoding: gzip", b"content-encoding: br")], Reason.DECODE, 200),
}


@pytest.mark.parametrize("case", ANSWERS)
def test_what_a_server_answers_is_told_by_reason_and_status(case: str) -> None:
    acts, reason, status = ANSWERS[case]
    with Server(http(*acts)) as server:
        exchange = fetch(server.url())
    assert told(exchange) == (reason, status), exchange.failure
    assert exchange.failure is None or (exchange.failure.message and "\n" not in exchange.failure.message)


def test_a_refused_connection_is_told_at_once_with_reason_connect_refused() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        exchange = fetch(f"http://127.0.0.1:{bound.getsockname()[1]}/", timeout_s=5)
    assert told(exchange) == (Reason.CONNECT_REFUSED, None)
    assert exchange.duration_s < 0.5
    assert set(exchange.phases) == {"resolve", "connect"}


@pytest.fixture
def blackhole() -> Iterator[int]:
    """A port whose queue is full, so that the system drops every further SYN."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]
        for one in waiting:
            one.close()


def test_a_host_that_drops_syns_is_told_by_reason_connect_timeout_at_the_deadline(blackhole: int) -> None:
    started = time.monotonic()
    exchange = fetch(f"http://127.0.0.1:{blackhole}/", timeout_s=0.4)
    assert told(exchange) == (Reason.CONNECT_TIMEOUT, None)
    assert 0.35 < exchange.duration_s < 0.8
    assert time.monotonic() - started < 1.5


STALLS: dict[str, tuple[list[Act | bytes], str]] = {
    "never answers": ([stall], "processing"),
    "sends a header byte by byte": ([OK, drip(b"X-Slow: " + b"a" * 500, 0.02)], "transfer"),
    "stops inside the header": ([OK + b"X-A: b", stall], "transfer"),
    "stops inside the body": ([sized(10, b"abc"), stall], "transfer"),
    "sends a body byte by byte": ([sized(5000), drip(b"a" * 5000, 0.02)], "transfer"),
    "keeps alive for ever with empty chunks": ([CHUNKED, drip(b"1\r\na\r\n" * 999, 0.02, piece=6)], "transfer"),
}


@pytest.mark.parametrize("case", STALLS)
def test_a_server_that_stalls_is_told_by_reason_timeout_within_the_deadline(case: str) -> None:
    acts, phase = STALLS[case]
    with Server(http(*acts)) as server:
        exchange = fetch(server.url(), timeout_s=0.4)
    assert exchange.failure is not None
    assert exchange.failure.reason is Reason.TIMEOUT
    assert 0.35 < exchange.duration_s < 0.8
    assert exchange.phases[phase] > 0.2


def test_phases_add_up_to_the_total_and_the_wait_is_where_the_server_was_slow() -> None:
    body = b"x" * 300
    with Server(http(pause(0.15), sized(300), drip(body, 0.1, 100))) as server:
        exchange = fetch(server.url())
    assert exchange.failure is None
    assert exchange.duration_s == pytest.approx(sum(exchange.phases.values()))
    assert set(exchange.phases) == {"resolve", "connect", "processing", "transfer"}
    assert exchange.phases["resolve"] == 0
    assert 0.14 < exchange.phases["processing"] < 0.6
    assert 0.15 < exchange.phases["transfer"] < 0.9


def test_facts_name_status_version_sizes_and_address() -> None:
    page = answer(b"hello", "200 OK", b"Last-Modified: Wed, 21 Oct 2015 07:28:00 GMT", b"X-A: \xc3\xbc")
    with Server(site({"/a?q=1": page})) as server:
        exchange = fetch(server.url("/a?q=1"))
    assert dict(exchange.facts) == {
        "status": 200,
        "http_version": "1.1",
        "redirects": 0,
        "redirect_chain": [],
        "ssl": False,
        "content_length": 5,
        "body_bytes": 5,
        "uncompressed_bytes": 5,
        "truncated": False,
        "remote_address": "127.0.0.1",
        "ip_protocol": 4,
        "last_modified": 1445412480.0,
        "url": server.url("/a?q=1"),
    }
    assert exchange.body == b"hello"
    assert ("X-A", "ü") in exchange.headers
    assert exchange.status == 200


def test_a_compressed_body_is_decoded_and_both_sizes_are_told() -> None:
    text = b"ticket " * 500
    packed = gzip.compress(text)
    with Server(http(sized(len(packed), packed, b"Content-Encoding: gzip"))) as server:
        exchange = fetch(server.url())
    assert exchange.body == text
    assert (exchange.facts["body_bytes"], exchange.facts["uncompressed_bytes"]) == (len(packed), len(text))
    assert b"Accept-Encoding: gzip, deflate, br" in server.heads[0]


def test_a_gzip_bomb_is_stopped_and_told_by_reason_body_limit() -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = b"".join(packer.compress(bytes(1 << 20)) for _ in range(64)) + packer.flush()
    with Server(http(sized(len(bomb), bomb, b"Content-Encoding: gzip"))) as server:
        exchange = fetch(server.url())
    assert told(exchange) == (Reason.BODY_LIMIT, 200)
    assert exchange.body is not None
    assert len(exchange.body) == 1 << 20
    assert exchange.facts["uncompressed_bytes"] < 11 << 20


def test_an_endless_body_ends_at_ten_mebibytes_and_is_no_failure() -> None:
    with Server(http(OK + b"\r\n", forever(b"x" * 65536))) as server:
        exchange = fetch(server.url())
    assert told(exchange) == (None, 200)
    assert exchange.facts["truncated"] is True
    assert 9 << 20 < exchange.facts["body_bytes"] < 11 << 20
    assert len(exchange.body or b"") == 1 << 20


def test_a_body_over_one_mebibyte_is_read_whole_but_kept_in_part() -> None:
    with Server(http(answer(os.urandom(3 << 20)))) as server:
        exchange = fetch(server.url())
    assert told(exchange) == (None, 200)
    assert (exchange.facts["body_bytes"], exchange.facts["truncated"]) == (3 << 20, True)
    assert len(exchange.body or b"") == 1 << 20


@pytest.mark.parametrize(
    ("method", "body", "line", "sent"),
    [
        ("GET", None, b"GET /x HTTP/1.1", b""),
        ("HEAD", None, b"HEAD /x HTTP/1.1", b""),
        ("POST", b"a=1", b"POST /x HTTP/1.1", b"a=1"),
        ("POST", b"", b"POST /x HTTP/1.1", b""),
        ("PUT", Secret("ü"), b"PUT /x HTTP/1.1", "ü".encode()),
        ("DELETE", None, b"DELETE /x HTTP/1.1", b""),
        ("OPTIONS", None, b"OPTIONS /x HTTP/1.1", b""),
    ],
)
def test_methods_and_bodies_arrive_as_written(
    method: str, body: bytes | Secret | None, line: bytes, sent: bytes
) -> None:
    with Server(http(answer(b""))) as server:
        exchange = fetch(server.url("/x"), method=method, body=body, headers=(("X-Empty", ""), ("X-A", Secret("b"))))
    assert told(exchange) == (None, 200)
    head, _, heard = server.heads[0].partition(b"\r\n\r\n")
    assert head.startswith(line + b"\r\n")
    assert heard == sent
    assert b"\r\nX-A: b" in head
    assert b"\r\nX-Empty:\r\n" in head + b"\r\n"
    assert b"Content-Type" not in head
    assert b"Expect" not in head


def test_an_early_refusal_of_a_large_upload_is_still_read() -> None:
    refusal = answer(b"too much", "413 Content Too Large", b"Connection: close")

    with Server([listen, send(refusal), stall]) as server:
        exchange = fetch(server.url(), method="POST", body=b"x" * 5_000_000, timeout_s=1)
    assert exchange.facts["status"] == 413


def test_proxies_and_bundles_of_the_environment_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "")
    with Server(http(answer(b"direct"))) as server:
        assert fetch(server.url()).body == b"direct"


def test_a_pinned_address_is_dialled_while_the_name_stays_in_the_request() -> None:
    with Server(http(answer(b"pinned"))) as server:
        exchange = fetch(server.url(host="shop.example"), resolve="127.0.0.1")
    assert exchange.body == b"pinned"
    assert f"Host: shop.example:{server.port}".encode() in server.heads[0]


def test_the_wanted_address_family_is_the_one_that_is_dialled() -> None:
    with Server(http(answer(b"six")), host="::1") as server:
        exchange = fetch(f"http://localhost:{server.port}/", ip="v6")
        missed = fetch(f"http://localhost:{server.port}/", ip="v4")
    assert (exchange.body, exchange.facts["remote_address"], exchange.facts["ip_protocol"]) == (b"six", "::1", 6)
    assert told(missed) == (Reason.CONNECT_REFUSED, None)


def test_the_second_address_of_a_name_is_tried_when_the_first_refuses() -> None:
    with Server(http(answer(b"four"))) as server:
        exchange = fetch(f"http://localhost:{server.port}/")
    assert (exchange.body, exchange.facts["remote_address"]) == (b"four", "127.0.0.1")


def test_a_header_with_a_line_break_is_refused_without_showing_its_value() -> None:
    with pytest.raises(ValueError, match="X-A") as caught:
        check_header("X-A", Secret("canary\r\nX-Evil: 1"))
    assert "canary" not in str(caught.value)
    with pytest.raises(ValueError, match="not a header name"):
        check_header("X A", "b")


def test_a_proxy_is_used_when_configured_and_resolves_the_name_itself() -> None:
    with Server(http(answer(b"through"))) as proxy:
        exchange = fetch("http://no.such.host.example/x", proxy=Secret(f"http://me:pw@127.0.0.1:{proxy.port}"))
    assert exchange.body == b"through"
    assert proxy.heads[0].startswith(b"GET http://no.such.host.example/x HTTP/1.1")
    assert b"Proxy-Authorization: Basic bWU6cHc=" in proxy.heads[0]


def test_a_proxy_that_refuses_the_tunnel_is_told_by_reason_proxy() -> None:
    with Server(http(answer(b"", "403 Forbidden"))) as proxy:
        exchange = fetch("https://shop.example/", proxy=Secret(f"http://127.0.0.1:{proxy.port}"))
    assert told(exchange)[0] is Reason.PROXY
    assert "403" in (exchange.failure.message if exchange.failure else "")
