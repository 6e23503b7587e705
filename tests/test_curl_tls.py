"""TLS over the HTTP engine: faults T01-T12."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
from fakes.authority import Authority
from fakes.fetching import fetch
from fakes.script import Server, answer, fin, http, listen, reset, send, stall

from prober.curl import Exchange
from prober.model import Reason
from prober.net import TlsOptions, ca_bundle


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def reason(exchange: Exchange) -> Reason | None:
    return exchange.failure.reason if exchange.failure else None


def test_a_trusted_server_shows_its_certificate_version_and_cipher(authority: Authority) -> None:
    with Server(http(answer(b"safe")), authority.good()) as server:
        exchange = fetch(server.url(host="localhost"), tls=TlsOptions(ca_file=authority.ca_file))
    assert (reason(exchange), exchange.body, exchange.facts["ssl"]) == (None, b"safe", True)
    assert exchange.facts["tls_version"] == "TLS 1.3"
    assert exchange.facts["tls_cipher"].startswith("TLS_")
    leaf = exchange.certificates[0]
    assert leaf.sans == ("localhost",)
    assert leaf.subject.startswith("OU=Testing cert")
    assert (len(leaf.fingerprint_sha256), len(leaf.serial) % 2) == (64, 0)
    assert leaf.not_before < leaf.not_after
    assert exchange.phases["tls"] > 0
    assert exchange.duration_s == pytest.approx(sum(exchange.phases.values()))


def test_every_run_shakes_hands_anew(authority: Authority) -> None:
    tls = TlsOptions(ca_file=authority.ca_file)
    with Server(http(answer()), authority.good()) as server:
        assert all(fetch(server.url(host="localhost"), tls=tls).certificates for _ in range(3))


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
    with Server(http(answer()), getattr(authority, case)()) as server:
        exchange = fetch(server.url(host="localhost"), tls=TlsOptions(ca_file=authority.ca_file))
        lenient = fetch(server.url(host="localhost"), tls=TlsOptions(ca_file=authority.ca_file, verify=False))
    assert (reason(exchange), exchange.status) == (UNTRUSTED[case], None), exchange.failure
    assert exchange.certificates
    assert exchange.certificates == lenient.certificates
    assert (reason(lenient), lenient.status) == (None, 200)


def test_an_address_that_the_certificate_does_not_name_is_told_by_reason_tls_hostname(authority: Authority) -> None:
    tls = TlsOptions(ca_file=authority.ca_file)
    with Server(http(answer()), authority.good()) as server:
        assert reason(fetch(server.url(), tls=tls)) is Reason.TLS_HOSTNAME


def test_another_server_name_is_verified_while_the_host_stays_in_the_request(authority: Authority) -> None:
    tls = TlsOptions(ca_file=authority.ca_file, server_name="shop.example")
    with Server(http(answer(b"named")), authority.good("shop.example")) as server:
        exchange = fetch(server.url(), tls=tls)
    assert (reason(exchange), exchange.body) == (None, b"named")
    assert f"Host: 127.0.0.1:{server.port}".encode() in server.heads[0]


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_missing_client_certificate_is_told_by_reason_tls_handshake(
    authority: Authority, version: ssl.TLSVersion
) -> None:
    demanding = authority.demanding(maximum_version=version)
    with Server(http(answer(b"known")), demanding) as server:
        refused = fetch(server.url(host="localhost"), tls=TlsOptions(ca_file=authority.ca_file))
        shown = TlsOptions(ca_file=authority.ca_file, cert_file=authority.client_file())
        welcome = fetch(server.url(host="localhost"), tls=shown)
    assert reason(refused) is Reason.TLS_HANDSHAKE, refused.failure
    assert (reason(welcome), welcome.body) == (None, b"known")


def test_a_server_that_only_speaks_older_tls_is_told_by_reason_tls_version(authority: Authority) -> None:
    old = authority.good(maximum_version=ssl.TLSVersion.TLSv1_2)
    with Server(http(answer()), old) as server:
        strict = fetch(server.url(host="localhost"), tls=TlsOptions(ca_file=authority.ca_file, min_version="1.3"))
        usual = fetch(server.url(host="localhost"), tls=TlsOptions(ca_file=authority.ca_file))
    assert reason(strict) is Reason.TLS_VERSION
    assert usual.facts["tls_version"] == "TLS 1.2"


HANDSHAKES = {
    "closes": ([listen, fin], Reason.CLOSED_EARLY),
    "resets": ([listen, reset], Reason.RESET),
    "speaks plain HTTP": ([listen, send(answer(b"", "400 Bad Request"))], Reason.TLS_HANDSHAKE),
    "hangs": ([listen, stall], Reason.TLS_TIMEOUT),
}


@pytest.mark.parametrize("case", HANDSHAKES)
def test_a_server_that_shakes_no_hands_is_told_by_reason(case: str) -> None:
    script, expected = HANDSHAKES[case]
    with Server(script) as server:
        exchange = fetch(f"https://localhost:{server.port}/", timeout_s=0.4, ip="v4")
    assert reason(exchange) is expected, exchange.failure
    assert 0.0 < exchange.duration_s < 1.0
    assert "tls" in exchange.phases
    assert "processing" not in exchange.phases


def test_plain_http_to_a_tls_port_is_down(authority: Authority) -> None:
    with Server(http(answer()), authority.good()) as server:
        exchange = fetch(f"http://127.0.0.1:{server.port}/")
    assert reason(exchange) in (Reason.RESET, Reason.CLOSED_EARLY, Reason.HTTP_PROTOCOL)


def test_an_end_without_close_notify_is_tolerated_when_the_length_is_met(authority: Authority) -> None:
    with Server(http(answer(b"all"), fin), authority.good()) as server:
        exchange = fetch(server.url(host="localhost"), tls=TlsOptions(ca_file=authority.ca_file))
    assert (reason(exchange), exchange.body) == (None, b"all")


@pytest.mark.parametrize("option", ["ca_file", "cert_file"])
def test_tls_files_that_cannot_be_used_are_our_own_fault(authority: Authority, tmp_path: Path, option: str) -> None:
    (tmp_path / "empty.pem").write_text("")
    with Server(http(answer()), authority.good()) as server:
        for name in ("missing.pem", "empty.pem"):
            options = {"ca_file": authority.ca_file, option: str(tmp_path / name)}
            exchange = fetch(server.url(host="localhost"), tls=TlsOptions(**options))
            assert reason(exchange) is Reason.INTERNAL, exchange.failure


def test_the_bundle_of_the_environment_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere")
    assert Path(ca_bundle()).is_file()
