"""The web side over TLS: versions, certificates that change, and files that are wrong."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)
from fakes.door import Served, auth, log_in, served, web

from prober.faults import UserFault
from prober.web.tls import Certificate

CA = trustme.CA()


def write(folder: Path, ca: trustme.CA = CA) -> Certificate:
    """A certificate for this machine, and its key."""
    issued = ca.issue_cert("localhost", "127.0.0.1")
    (folder / "key.pem").write_bytes(issued.private_key_pem.bytes())
    (folder / "cert.pem").write_bytes(b"".join(part.bytes() for part in issued.cert_chain_pems))
    return Certificate(folder / "cert.pem", folder / "key.pem")


def trusting(ca: trustme.CA = CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    ca.configure_trust(context)
    return context


TLS = {"cert_file": "cert.pem", "key_file": "key.pem"}


@pytest.fixture
def side(tmp_path: Path) -> Iterator[Served]:
    with served(web(auth=auth(), tls=TLS), tls=write(tmp_path)) as side:
        yield side


def test_pages_and_log_in_work_over_tls_and_browsers_are_told_to_stay_with_it(side: Served) -> None:
    with side.browser(verify=trusting()) as browser:
        answer = browser.get("/healthz")
        assert answer.headers["strict-transport-security"] == "max-age=31536000; includeSubDomains"
        assert log_in(browser).status_code == 303
        assert "__Host-prober" in browser.cookies
        assert browser.get("/").status_code == 200


def test_hsts_can_be_left_out(tmp_path: Path) -> None:
    with served(web(tls={**TLS, "hsts": "0s"}), tls=write(tmp_path)) as side:
        assert "strict-transport-security" not in side.get("/healthz", verify=trusting()).headers


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
@pytest.mark.parametrize(
    ("version", "taken"),
    [(ssl.TLSVersion.TLSv1_1, False), (ssl.TLSVersion.TLSv1_2, True), (ssl.TLSVersion.TLSv1_3, True)],
)
def test_tls_1_2_is_the_oldest_that_is_spoken(side: Served, version: ssl.TLSVersion, taken: bool) -> None:
    context = trusting()
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = version
    with socket.create_connection(("127.0.0.1", side.server.port), timeout=5) as plain:
        if taken:
            with context.wrap_socket(plain, server_hostname="localhost") as secure:
                assert secure.version() == version.name.replace("v", "v").replace("_", ".")
        else:
            with pytest.raises(ssl.SSLError):
                context.wrap_socket(plain, server_hostname="localhost")


def test_plain_http_is_not_answered(side: Served) -> None:
    with pytest.raises(httpx.HTTPError):
        httpx.get(side.url.replace("https", "http") + "/healthz", trust_env=False)
    assert side.get("/healthz", verify=trusting()).status_code == 200


def test_a_new_certificate_is_taken_up_and_open_connections_stay(tmp_path: Path) -> None:
    other = trustme.CA()
    certificate = write(tmp_path)
    with (
        served(web(tls=TLS), tls=certificate) as side,
        side.browser(verify=trusting()) as before,
        side.browser(verify=trusting(other)) as after,
    ):
        assert before.get("/healthz").status_code == 200
        assert not certificate.refresh()
        write(tmp_path, other)
        assert certificate.refresh()
        assert before.get("/healthz").status_code == 200  # on the connection it has
        assert after.get("/healthz").status_code == 200
        with pytest.raises(httpx.ConnectError):
            side.get("/healthz", verify=trusting())


def test_a_wrong_new_certificate_leaves_the_old_one_in_use(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    certificate = write(tmp_path)
    good = (tmp_path / "key.pem").read_bytes()
    with served(web(tls=TLS), tls=certificate) as side:
        (tmp_path / "key.pem").write_bytes(trustme.CA().issue_cert("x").private_key_pem.bytes())
        assert not certificate.refresh()
        assert not certificate.refresh()
        assert [record.message for record in caplog.records] == ["the old certificate stays in use"]
        assert side.get("/healthz", verify=trusting()).status_code == 200
        (tmp_path / "key.pem").write_bytes(good)
        assert certificate.refresh()


def test_clients_need_a_certificate_where_an_authority_is_named(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "ca.pem").write_bytes(CA.cert_pem.bytes())
    certificate = Certificate(tmp_path / "cert.pem", tmp_path / "key.pem", tmp_path / "ca.pem")
    with served(web(tls=TLS), tls=certificate) as side:
        with pytest.raises(httpx.TransportError):
            side.get("/healthz", verify=trusting())
        context = trusting()
        CA.issue_cert("client.example").configure_cert(context)
        assert side.get("/healthz", verify=context).status_code == 200


def test_wrong_files_are_the_users_fault_in_one_line(tmp_path: Path) -> None:
    write(tmp_path)
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    other, locked, nothing = tmp_path / "other.pem", tmp_path / "locked.pem", tmp_path / "nothing.pem"
    other.write_bytes(trustme.CA().issue_cert("x").private_key_pem.bytes())
    private = load_pem_private_key(key.read_bytes(), None)
    locked.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")))
    nothing.write_text("nothing")
    for files, line in (
        ((cert, other), f"web.tls: {other} is not the key of {cert}"),
        ((cert, locked), f"web.tls: {locked} wants a passphrase; write it without one"),
        (
            (cert, tmp_path / "none.pem"),
            f"web.tls.key_file: {tmp_path / 'none.pem'} cannot be read: No such file or directory",
        ),
        ((nothing, key), f"web.tls: {nothing} and {key} are no certificate and key in PEM"),
        ((cert, key, nothing), f"web.tls: {nothing} holds no certificates in PEM"),
    ):
        with pytest.raises(UserFault) as caught:
            Certificate(*files)
        assert str(caught.value) == line
