"""Names, addresses and who may be dialled: faults N15-N24."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pytest
from fakes.authority import Authority
from fakes.dns import NXDOMAIN, REFUSED, SERVFAIL, SILENT, Nameserver

from prober.clock import SystemClock
from prober.faults import ProbeError
from prober.model import Reason
from prober.net import Family, Net, ascii_host, guard, is_public, literal, read_certificate
from prober.net.outages import WINDOW_S, Outages

T = TypeVar("T")
CLOCK = SystemClock()
NAMES = {
    "shop.example": ("127.0.0.9", "::9"),
    "four.example": ("127.0.0.4",),
    "bad.example": SERVFAIL,
    "shy.example": REFUSED,
    "mute.example": SILENT,
    "mute.test": SILENT,
    "a.mute.test": SILENT,
    "empty.example": (),
    "gone.example": NXDOMAIN,
    "crowd.example": tuple(f"127.0.1.{n}" for n in range(30)),
}


def with_net(nameserver: Nameserver, main: Callable[[Net], Awaitable[T]]) -> T:
    async def run() -> T:
        net = Net([nameserver.place])
        try:
            return await main(net)
        finally:
            await net.close()

    return asyncio.run(run())


async def ask(net: Net, host: str, family: Family = "any", timeout_s: float = 5.0) -> tuple[str, ...]:
    return (await net.resolve(host, family, CLOCK.monotonic() + timeout_s, CLOCK)).addresses


async def reason(net: Net, host: str, timeout_s: float = 5.0) -> Reason:
    with pytest.raises(ProbeError) as caught:
        await ask(net, host, timeout_s=timeout_s)
    assert host in caught.value.message
    return caught.value.reason


@pytest.mark.parametrize(
    ("host", "family", "addresses"),
    [
        ("shop.example", "v4", {"127.0.0.9"}),
        ("shop.example", "v6", {"::9"}),
        ("shop.example", "any", {"127.0.0.9", "::9"}),
        ("four.example", "any", {"127.0.0.4"}),
        ("localhost", "v4", {"127.0.0.1"}),
        ("127.0.0.1", "any", {"127.0.0.1"}),
        ("2130706433", "any", {"127.0.0.1"}),
    ],
)
def test_names_and_addresses_resolve(host: str, family: Family, addresses: set[str]) -> None:
    with Nameserver(NAMES) as nameserver:
        assert set(with_net(nameserver, lambda net: ask(net, host, family))) == addresses


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("gone.example", Reason.DNS_NXDOMAIN),
        ("empty.example", Reason.DNS_NODATA),
        ("bad.example", Reason.DNS_SERVFAIL),
        ("shy.example", Reason.DNS_REFUSED),
        ("mute.example", Reason.DNS_TIMEOUT),
        ("x" * 70 + ".example", Reason.DNS),
    ],
)
def test_every_way_not_to_resolve_has_its_own_reason(host: str, expected: Reason) -> None:
    with Nameserver(NAMES) as nameserver:
        assert with_net(nameserver, lambda net: reason(net, host, timeout_s=0.3)) is expected


def test_a_lookup_ends_at_its_deadline() -> None:
    with Nameserver(NAMES) as nameserver:
        started = time.monotonic()
        assert with_net(nameserver, lambda net: reason(net, "mute.example", timeout_s=0.2)) is Reason.DNS_TIMEOUT
    assert time.monotonic() - started < 0.5


def test_an_address_of_the_other_family_has_no_data() -> None:
    async def main(net: Net) -> None:
        with pytest.raises(ProbeError) as caught:
            await ask(net, "127.0.0.1", "v6")
        assert caught.value.reason is Reason.DNS_NODATA

    asyncio.run(main(Net()))


def test_at_most_eight_addresses_of_a_name_are_kept() -> None:
    with Nameserver(NAMES) as nameserver:
        assert len(with_net(nameserver, lambda net: ask(net, "crowd.example"))) == 8


def test_the_same_name_asked_for_at_once_is_looked_up_once() -> None:
    async def main(net: Net) -> list[tuple[str, ...]]:
        asking = [asyncio.create_task(ask(net, "four.example", "v4")) for _ in range(20)]
        await asyncio.sleep(0)
        asking[0].cancel()
        nameserver.released = None
        held.set()
        return await asyncio.gather(*asking[1:])

    held = threading.Event()
    with Nameserver(NAMES, released=held) as nameserver:
        assert with_net(nameserver, main) == [("127.0.0.4",)] * 19
    assert nameserver.asked["four.example"] == 1


def test_an_answer_is_not_kept_for_its_ttl(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("prober.net.resolver.FRESH_S", 0.0)

    async def main(net: Net) -> tuple[tuple[str, ...], tuple[str, ...]]:
        before = await ask(net, "moving.example", "v4")
        names["moving.example"] = ("127.0.0.2",)
        return before, await ask(net, "moving.example", "v4")

    names: dict[str, tuple[str, ...] | str] = {"moving.example": ("127.0.0.1",)}
    with Nameserver(names, ttl_s=3600) as nameserver:
        assert with_net(nameserver, main) == (("127.0.0.1",), ("127.0.0.2",))


def test_a_resolver_that_fails_unrelated_names_is_our_own_fault() -> None:
    async def main(net: Net) -> list[Reason]:
        return [await reason(net, host, 0.05) for host in ("mute.test", "a.mute.test", "mute.example", "bad.example")]

    with Nameserver(NAMES) as nameserver:
        assert with_net(nameserver, main) == [
            Reason.DNS_TIMEOUT,
            Reason.DNS_TIMEOUT,
            Reason.RESOLVER_DOWN,
            Reason.RESOLVER_DOWN,
        ]


@pytest.mark.parametrize("alive", ["shop.example", "gone.example"])
def test_any_answer_shows_that_the_resolver_lives(alive: str) -> None:
    async def main(net: Net) -> Reason:
        assert await reason(net, "mute.test", 0.05) is Reason.DNS_TIMEOUT
        await asyncio.gather(ask(net, alive, "v4"), return_exceptions=True)
        return await reason(net, "mute.example", 0.05)

    with Nameserver(NAMES) as nameserver:
        assert with_net(nameserver, main) is Reason.DNS_TIMEOUT


def test_the_hosts_file_says_nothing_about_the_resolver() -> None:
    async def main(net: Net) -> Reason:
        assert await reason(net, "mute.test", 0.05) is Reason.DNS_TIMEOUT
        await ask(net, "localhost", "v4")
        return await reason(net, "mute.example", 0.05)

    with Nameserver(NAMES) as nameserver:
        assert with_net(nameserver, main) is Reason.RESOLVER_DOWN


def test_failures_of_long_ago_do_not_count() -> None:
    outages = Outages()
    assert not outages.failed("a.example", 0.0)
    assert not outages.failed("b.test", WINDOW_S + 1)
    assert outages.failed("c.org", WINDOW_S + 2)


def test_a_resolver_works_in_one_loop_after_another() -> None:
    net = Net()
    for _ in range(2):
        assert asyncio.run(ask(net, "localhost", "v4")) == ("127.0.0.1",)


BLOCKED = [
    "169.254.10.20",
    "fe80::1",
    "::ffff:169.254.10.20",
    "64:ff9b::169.254.10.20",
    "64:ff9b:1::a9fe:a14",
    "2002:a9fe:0a14::1",
    "fd00:ec2::254",
    "100.100.100.200",
    "::169.254.10.20",
]
PRIVATE = ["127.0.0.1", "10.0.0.1", "192.168.1.1", "172.16.0.1", "100.64.0.1", "0.0.0.0", "::1", "fd12::1", "::"]
PRIVATE += ["::ffff:10.0.0.1", "64:ff9b::10.0.0.1", "2002:a00:1::", "2001:0:a00:1::", "224.0.0.1", "ff02::1"]
PUBLIC = ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]


@pytest.mark.parametrize("address", BLOCKED)
def test_link_local_and_metadata_addresses_are_never_dialled_unless_allowed(address: str) -> None:
    with pytest.raises(ProbeError) as caught:
        guard(address, allow_link_local=False, after_public=False)
    assert caught.value.reason is Reason.ADDRESS_BLOCKED
    guard(address, allow_link_local=True, after_public=False)


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses_are_dialled_unless_a_public_one_led_there(address: str) -> None:
    assert not is_public(address)
    guard(address, allow_link_local=False, after_public=False)
    with pytest.raises(ProbeError, match="redirected"):
        guard(address, allow_link_local=False, after_public=True)


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_may_always_be_dialled(address: str) -> None:
    assert is_public(address)
    guard(address, allow_link_local=False, after_public=True)


@pytest.mark.parametrize(
    ("host", "address"),
    [("127.1", "127.0.0.1"), ("0x7f000001", "127.0.0.1"), ("0177.0.0.1", "127.0.0.1"), ("[::1]", "::1")],
)
def test_every_spelling_of_an_address_is_known_for_one(host: str, address: str) -> None:
    assert literal(host) == address


@pytest.mark.parametrize("host", ["shop.example", "1.2.3.example", "example.1x", "999.1.1.1"])
def test_a_name_is_no_address(host: str) -> None:
    assert literal(host) is None


def test_host_names_are_spelled_as_dns_does() -> None:
    assert ascii_host("BÜCHER.example") == "xn--bcher-kva.example"
    assert ascii_host("_under.Score.example") == "_under.score.example"
    for bad in ("", "a b", "a/b", "-", "fe80::1%eth0", "ü" * 70):
        with pytest.raises(ValueError, match=r"."):
            ascii_host(bad)


def test_bytes_that_are_no_certificate_are_none(tmp_path: Path) -> None:
    assert read_certificate(b"") is None
    assert read_certificate(b"-----BEGIN CERTIFICATE-----\nxx\n-----END CERTIFICATE-----") is None
    assert read_certificate(b"\x30" * 300_000) is None
    assert read_certificate(Authority(tmp_path).pem) is not None
