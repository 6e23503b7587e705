"""The real blackbox_exporter and ours, asked for the same targets by the same modules file."""

from __future__ import annotations

import json
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from fakes.authority import Authority
from fakes.health import STATUS, healthy
from fakes.probing import Samples, read_samples
from fakes.process import prober
from fakes.receiver import Answer, receiver
from fakes.script import Server, fin, listen, send
from fakes.zone import zone

PROGRAM = shutil.which("prometheus-blackbox-exporter")

EXACT = {
    *("probe_success", "probe_ip_protocol", "probe_ip_addr_hash", "probe_failed_due_to_regex"),
    *("probe_http_status_code", "probe_http_version", "probe_http_ssl", "probe_http_redirects"),
    *("probe_http_content_length", "probe_http_uncompressed_body_length", "probe_ssl_earliest_cert_expiry"),
    *("probe_ssl_last_chain_info", "probe_tls_version_info", "probe_dns_query_succeeded"),
    *("probe_dns_answer_rrs", "probe_dns_authority_rrs", "probe_dns_additional_rrs", "probe_dns_serial"),
    *("probe_grpc_ssl", "probe_grpc_status_code", "probe_grpc_healthcheck_response", "probe_icmp_reply_hop_limit"),
}
"""Families whose values must be the same; of the others, which are times, only that they are of a time's size."""
WITHOUT_VERIFYING = "probe_ssl_last_chain_expiry_timestamp_seconds"
"""Theirs is -62135596800 where no chain was verified; ours is not there, as docs/blackbox.md says."""
OURS = {
    "prober_probe_info",
    "probe_timeout_seconds",
    "probe_tcp_duration_seconds",
    "probe_failed_due_to_bytes",
    "probe_tls_cipher_info",
}
"""Families of our own, and of releases after Debian's."""
AFTER_A_REFUSED_CERTIFICATE = {
    *("probe_ssl_earliest_cert_expiry", "probe_ssl_last_chain_info", "probe_tls_version_info", "probe_tls_cipher_info"),
}


def modules(folder: Path, authority: Authority) -> Path:
    four = {"preferred_ip_protocol": "ip4"}
    trusting = {**four, "tls_config": {"ca_file": authority.ca_file}}
    found: dict[str, dict[str, Any]] = {
        "http_2xx": {"prober": "http", "http": four},
        "http_404": {"prober": "http", "http": {**four, "valid_status_codes": [404]}},
        "http_body": {"prober": "http", "http": {**four, "fail_if_body_not_matches_regexp": ["absent"]}},
        "http_tls": {"prober": "http", "http": trusting},
        "http_skip": {"prober": "http", "http": {**four, "tls_config": {"insecure_skip_verify": True}}},
        "tcp": {"prober": "tcp", "tcp": four},
        "tcp_tls": {"prober": "tcp", "tcp": {**trusting, "tls": True}},
        "ssh": {
            "prober": "tcp",
            "tcp": {
                **four,
                "query_response": [
                    {"expect": "^SSH-(2.0)-"},
                    {"send": "SSH-2.0-check"},
                ],
            },
        },
        "dns_udp": {"prober": "dns", "dns": {**four, "query_name": "example.com", "query_type": "A"}},
        "dns_soa": {
            "prober": "dns",
            "dns": {**four, "query_name": "example.com", "query_type": "SOA", "transport_protocol": "tcp"},
        },
        "icmp": {"prober": "icmp", "icmp": four},
        "grpc": {"prober": "grpc", "grpc": {**four, "service": "up"}},
    }
    path = folder / "blackbox.yml"
    path.write_text(json.dumps({"modules": {name: {"timeout": "3s", **one} for name, one in found.items()}}))
    return path


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[dict[str, str], Authority]]:
    folder = tmp_path_factory.mktemp("both")
    authority = Authority(folder)
    path = modules(folder, authority)
    (folder / "probes.yaml").write_text("checks: []\n")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    assert PROGRAM is not None, "blackbox_exporter is not installed: make setup"
    # Nothing is newer than Debian knows: it would not start.
    theirs = subprocess.Popen(
        [PROGRAM, f"--config.file={path}", f"--web.listen-address=127.0.0.1:{port}"], stderr=subprocess.DEVNULL
    )
    arguments = ("--config", folder / "probes.yaml", "--listen", "127.0.0.1:0", "--blackbox-config", path)
    try:
        with prober("serve", *arguments) as ours:
            place = ours.wait_for(r'"url": "(http://[^"]+)".*"event": "serving"')[1]
            wait_for(port)
            yield {"theirs": f"http://127.0.0.1:{port}", "ours": place}, authority
    finally:
        theirs.kill()
        theirs.wait()


def wait_for(port: int) -> None:
    end = time.monotonic() + 20
    while True:
        with socket.socket() as knock:
            if knock.connect_ex(("127.0.0.1", port)) == 0:
                return
        assert time.monotonic() < end, "blackbox_exporter does not listen"
        time.sleep(0.05)  # another process's progress, not time passing


def asked(place: str, module: str, target: str) -> Samples:
    answer = httpx.get(
        f"{place}/probe",
        params={"module": module, "target": target},
        headers={"X-Prometheus-Scrape-Timeout-Seconds": "3"},
        timeout=20,
        trust_env=False,
    )
    assert answer.status_code == 200
    return read_samples(answer.text)


CASES = {
    "http": "http_2xx",
    "http not found": "http_2xx",
    "http 404 is valid": "http_404",
    "http body": "http_body",
    "http refused": "http_2xx",
    "https": "http_tls",
    "https untrusted": "http_2xx",
    "https skipped": "http_skip",
    "tcp": "tcp",
    "tcp refused": "tcp",
    "tcp over tls": "tcp_tls",
    "dialogue": "ssh",
    "dns over udp": "dns_udp",
    "dns over tcp": "dns_soa",
    "icmp": "icmp",
    "grpc": "grpc",
    "grpc refused": "grpc",
}


def target(case: str, authority: Authority, stack: ExitStack) -> str:
    tls = authority.good(maximum_version=ssl.TLSVersion.TLSv1_2)
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nLast-Modified: Wed, 21 Oct 2015 07:28:00 GMT\r\n\r\nhello"
    if case.endswith("refused"):
        return "127.0.0.1:1"
    if case == "icmp":
        return "127.0.0.1"
    if case == "grpc":
        return f"127.0.0.1:{stack.enter_context(healthy({'up': STATUS.SERVING}))[0]}"
    if case.startswith("dns"):
        return stack.enter_context(zone(transport=case[-3:]))
    if case.startswith("https"):
        return stack.enter_context(Server([listen, send(answer), fin], tls=tls)).url(host="localhost")
    if case == "http":
        return stack.enter_context(Server([listen, send(answer), fin])).url()
    if case.startswith("http"):
        service = stack.enter_context(receiver())
        service.always = Answer(200 if case == "http body" else 404, b"nothing here")
        return f"{service.url}/nowhere"
    if case == "tcp over tls":
        return f"localhost:{stack.enter_context(Server([fin], tls=tls)).port}"
    return stack.enter_context(Server([send(b"SSH-2.0-OpenSSH\r\n"), listen, fin])).place


@pytest.mark.parametrize("case", CASES)
def test_ours_has_every_family_label_and_value_of_theirs(case: str, both: tuple[dict[str, str], Authority]) -> None:
    places, authority = both
    with ExitStack() as stack:
        place = target(case, authority, stack)
        theirs, ours = (asked(places[who], CASES[case], place) for who in ("theirs", "ours"))
    for (family, labels), value in theirs.items():
        if family == WITHOUT_VERIFYING and value < 0:
            assert not any(name == family for name, _ in ours)
            continue
        if family == "probe_ssl_earliest_cert_expiry" and value == 0:
            continue  # of a gRPC server without TLS; releases after Debian's leave it out as well
        found = [seen for (name, more), seen in ours.items() if name == family and labels <= more]
        assert len(found) == 1, f"{family}{dict(labels)} of theirs is {found} of ours"
        if family in EXACT:
            assert found[0] == value, f"{family}{dict(labels)}"
        else:
            assert (0 <= found[0] < 5) or (found[0] > 1e9 and value > 1e9), f"{family}{dict(labels)} {found[0]} {value}"
    extra = {name for name, _ in ours} - {name for name, _ in theirs}
    allowed = OURS | (AFTER_A_REFUSED_CERTIFICATE if case == "https untrusted" else set())
    assert extra <= allowed, extra
