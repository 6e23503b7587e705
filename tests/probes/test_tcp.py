"""The TCP check over real sockets: faults N21-N27 and T01-T06."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from fakes.authority import Authority
from fakes.dns import NXDOMAIN, SILENT, Nameserver
from fakes.script import Act, Server, drip, fin, forever, listen, reset, send, stall
from pydantic import ValidationError

from prober.clock import SystemClock
from prober.judge import judge
from prober.log import Log
from prober.model import Observation, Reason, Verdict
from prober.net import Net, dial
from prober.probes import Context
from prober.probes.tcp import Spec, probe

CLOCK = SystemClock()


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def spec(address: str, **fields: Any) -> Spec:
    return Spec.model_validate({"id": "port", "kind": "tcp", "address": address, **fields})


def ran(check: Spec, timeout_s: float = 5.0, nameservers: Sequence[str] = ()) -> Observation:
    async def main() -> Observation:
        net = Net(nameservers)
        log = Log()
        try:
            return await probe(check, Context("port", "eu", "r", CLOCK.monotonic() + timeout_s, CLOCK, net, None, log))
        finally:
            await net.close()

    return asyncio.run(main())


def reason(seen: Observation) -> Reason | None:
    assert seen.failure is None or (seen.failure.message and "\n" not in seen.failure.message)
    return seen.failure.reason if seen.failure else None


def test_an_open_port_is_up_and_only_what_took_place_is_timed() -> None:
    with Server([stall]) as server:
        check = spec(server.place)
        seen = ran(check)
    assert reason(seen) is None
    assert judge(seen, check.expect, time.time()).verdict is Verdict.UP
    assert set(seen.phases) == {"resolve", "connect"}
    assert seen.facts == {"ssl": False, "remote_address": "127.0.0.1", "ip_protocol": 4}
    assert seen.duration_s == pytest.approx(sum(seen.phases.values()))


def test_a_server_that_closes_at_once_is_up_when_nothing_is_expected_of_it() -> None:
    with Server([fin]) as server:
        assert reason(ran(spec(server.place))) is None


def test_a_refused_connection_is_down_with_reason_connect_refused() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        seen = ran(spec(f"127.0.0.1:{bound.getsockname()[1]}"))
    assert reason(seen) is Reason.CONNECT_REFUSED
    assert seen.duration_s < 0.5


@pytest.mark.parametrize(
    ("host", "expected"), [("gone.example", Reason.DNS_NXDOMAIN), ("mute.example", Reason.DNS_TIMEOUT)]
)
def test_a_name_that_does_not_resolve_is_down_with_its_reason(host: str, expected: Reason) -> None:
    with Nameserver({"gone.example": NXDOMAIN, "mute.example": SILENT}) as nameserver:
        seen = ran(spec(f"{host}:80"), 0.2, [nameserver.place])
    assert reason(seen) is expected
    assert set(seen.phases) == {"resolve"}


def test_a_link_local_address_is_not_dialled() -> None:
    assert reason(ran(spec("[fe80::1]:80"))) is Reason.ADDRESS_BLOCKED


def test_the_second_address_is_tried_when_the_first_refuses() -> None:
    with Server([stall]) as server:
        seen = ran(spec(f"localhost:{server.port}"))
    assert (reason(seen), seen.facts["remote_address"]) == (None, "127.0.0.1")


def test_the_second_address_wins_while_the_first_is_silent() -> None:
    async def main() -> str:
        connection, address = await dial(("::1", "127.0.0.1"), server.port)
        connection.close()
        return address

    with Server([stall]) as server, socket.socket(socket.AF_INET6) as deaf:
        deaf.bind(("::1", server.port))
        deaf.listen(0)
        waiting = [socket.socket(socket.AF_INET6) for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(("::1", server.port))
        started = time.monotonic()
        assert asyncio.run(main()) == "127.0.0.1"
        assert 0.2 < time.monotonic() - started < 0.9
        for one in waiting:
            one.close()


SMTP = [send(b"220 mail ESMTP\r\n"), listen, send(b"250-mail\r\n250 OK\r\n"), stall]
TALKS: dict[str, tuple[list[Act], list[dict[str, str]], Reason | None]] = {
    "a greeting": (SMTP, [{"expect": "220 "}, {"send": "EHLO x\r\n", "matches": r"(?m)^250 OK"}], None),
    "one byte at a time": ([drip(b"SSH-2.0-OpenSSH\r\n", 0.001), stall], [{"matches": r"SSH-2\.0-\w+\r"}], None),
    "bytes that are no text": ([send(b"\x00\xff\xfeOK"), stall], [{"matches": r"^\x00\xff\xfeOK"}], None),
    "two answers in one piece": ([send(b"one two"), stall], [{"expect": "one"}, {"expect": "two"}], None),
    "the same answer twice": ([send(b"one"), stall], [{"expect": "one"}, {"expect": "one"}], Reason.TIMEOUT),
    "an echo of bytes": ([listen, send(b"\x01\x02"), stall], [{"send_hex": "0a ff", "expect": "\x01\x02"}], None),
    "only something said": ([listen, stall], [{"send": "QUIT\r\n"}], None),
    "another answer": ([send(b"554 no\r\n"), fin], [{"expect": "220 "}], Reason.DIALOGUE),
    "closed without a word": ([fin], [{"expect": "220 "}], Reason.CLOSED_EARLY),
    "reset": ([listen, reset], [{"send": "x", "expect": "y"}], Reason.RESET),
    "silence": ([stall], [{"expect": "220 "}], Reason.TIMEOUT),
    "a flood": ([forever(b"a" * 4096)], [{"expect": "b"}], Reason.DIALOGUE),
}


@pytest.mark.parametrize("case", TALKS)
def test_a_dialogue_is_held_over_bytes_and_its_end_told_by_reason(case: str) -> None:
    script, dialogue, expected = TALKS[case]
    with Server(script) as server:
        started = time.monotonic()
        seen = ran(spec(server.place, dialogue=dialogue), 0.3 if expected is Reason.TIMEOUT else 5.0)
    assert reason(seen) is expected, seen.failure
    assert time.monotonic() - started < 2.0
    assert "dialogue" in seen.phases
    assert seen.facts["received_bytes"] <= 2 * 64 * 1024


def test_what_was_heard_instead_is_told() -> None:
    with Server([send(b"554 \x00no\r\n"), fin]) as server:
        seen = ran(spec(server.place, dialogue=[{"expect": "220 "}]))
    assert seen.failure is not None
    assert r"expected '220 ', heard b'554 \x00no\r\n'" in seen.failure.message


def test_tls_shows_certificate_version_and_cipher_and_carries_the_dialogue(authority: Authority) -> None:
    with Server([listen, send(b"+PONG\r\n"), stall], authority.good()) as server:
        talk = [{"send": "PING\r\n", "expect": "+PONG"}]
        tls = {"ca_file": authority.ca_file}
        seen = ran(spec(f"localhost:{server.port}", tls=tls, dialogue=talk, expect={"tls_version": "1.3"}))
    assert reason(seen) is None
    assert (seen.facts["ssl"], seen.facts["tls_version"]) == (True, "TLS 1.3")
    assert seen.facts["tls_cipher"]
    assert seen.certificates[0].sans == ("localhost",)
    assert set(seen.phases) == {"resolve", "connect", "tls", "dialogue"}


UNTRUSTED = {
    "expired": Reason.TLS_EXPIRED,
    "not_yet": Reason.TLS_NOT_YET,
    "wrong_host": Reason.TLS_HOSTNAME,
    "unknown_authority": Reason.TLS_UNTRUSTED,
    "missing_intermediate": Reason.TLS_UNTRUSTED,
}


@pytest.mark.parametrize("case", UNTRUSTED)
def test_a_certificate_that_is_not_to_be_trusted_is_told_by_reason_and_still_shown(
    authority: Authority, case: str
) -> None:
    with Server([stall], getattr(authority, case)()) as server:
        seen = ran(spec(f"localhost:{server.port}", tls={"ca_file": authority.ca_file}))
        lenient = ran(spec(f"localhost:{server.port}", tls={"verify": False}))
    assert reason(seen) is UNTRUSTED[case], seen.failure
    assert seen.certificates
    assert seen.certificates == lenient.certificates
    assert reason(lenient) is None


def test_the_system_s_authorities_are_trusted_by_default(authority: Authority) -> None:
    with Server([stall], authority.good()) as server:
        assert reason(ran(spec(f"localhost:{server.port}", tls=True))) is Reason.TLS_UNTRUSTED


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ([listen, fin], Reason.CLOSED_EARLY),
        ([listen, reset], Reason.RESET),
        ([listen, send(b"220 mail ESMTP\r\n")], Reason.TLS_HANDSHAKE),
        ([listen, stall], Reason.TLS_TIMEOUT),
    ],
)
def test_a_server_that_shakes_no_hands_is_told_by_reason(script: list[Act], expected: Reason) -> None:
    with Server(script) as server:
        seen = ran(spec(server.place, tls=True), 0.4)
    assert reason(seen) is expected, seen.failure
    assert "tls" in seen.phases


def test_versions_and_client_certificates_are_as_told(authority: Authority) -> None:
    old = authority.demanding(maximum_version=ssl.TLSVersion.TLSv1_2)
    ours = {"ca_file": authority.ca_file}
    with Server([stall], old) as server:
        place = f"localhost:{server.port}"
        assert reason(ran(spec(place, tls=ours | {"min_version": "1.3"}))) is Reason.TLS_VERSION
        assert reason(ran(spec(place, tls=ours))) is Reason.TLS_HANDSHAKE
        assert reason(ran(spec(place, tls=ours | {"cert_file": authority.client_file()}))) is None


def test_a_client_certificate_demanded_late_is_told_when_something_is_read(authority: Authority) -> None:
    with Server([send(b"hello")], authority.demanding()) as server:
        seen = ran(spec(f"localhost:{server.port}", tls={"ca_file": authority.ca_file}, dialogue=[{"expect": "hello"}]))
    assert reason(seen) in (Reason.TLS_HANDSHAKE, Reason.RESET), seen.failure


def test_tls_files_that_cannot_be_used_are_our_own_fault() -> None:
    assert reason(ran(spec("localhost:1", tls={"ca_file": "/nowhere.pem"}))) is Reason.INTERNAL


def test_a_cancelled_run_closes_its_connection() -> None:
    async def main() -> None:
        net = Net()
        ctx = Context("port", "eu", "r", CLOCK.monotonic() + 30, CLOCK, net, None, Log())
        run = asyncio.create_task(probe(spec(server.place, dialogue=[{"send": "x", "expect": "y"}]), ctx))
        assert await asyncio.to_thread(server.heard.wait, 5)
        run.cancel()
        await asyncio.gather(run, return_exceptions=True)
        assert run.cancelled()
        assert await asyncio.to_thread(server.left.wait, 5)
        await net.close()

    with Server([listen, stall]) as server:
        asyncio.run(main())


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"address": "localhost"}, "host:port"),
        ({"address": "localhost:0"}, "port"),
        ({"address": "localhost:65536"}, "port"),
        ({"address": "::1:80"}, "brackets"),
        ({"address": ":80"}, "host"),
        ({"address": "a b:80"}, "host name"),
        ({"dialogue": [{}]}, "send"),
        ({"dialogue": [{"send": "a", "send_hex": "00"}]}, "send"),
        ({"dialogue": [{"expect": "a", "matches": "b"}]}, "exclude"),
        ({"dialogue": [{"send_hex": "canary"}]}, "hex"),
        ({"dialogue": [{"matches": "(?=a)"}]}, "RE2"),
        ({"tls": "yes"}, "tls"),
    ],
)
def test_what_makes_no_sense_is_refused_with_words(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError) as caught:
        spec(**{"address": "localhost:80", **fields})
    message = "; ".join(f"{error['loc']} {error['msg']}" for error in caught.value.errors(include_input=False))
    assert words in message
    assert "canary" not in message


@pytest.mark.parametrize(("written", "target"), [("Shop.Example:80", "shop.example:80"), ("[::1]:80", "[::1]:80")])
def test_the_target_is_the_address(written: str, target: str) -> None:
    assert spec(written).target == target
