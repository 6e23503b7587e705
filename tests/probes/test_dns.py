"""The DNS check against real servers on loopback, and modules of prober dns: the cases of dns_test.go."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest
from fakes.authority import Authority
from fakes.probing import Probed, probed
from fakes.running import ran
from fakes.zone import zone
from pydantic import ValidationError

from prober.model import Reason, Verdict
from prober.probes.dns import Spec


def spec(server: str, **fields: Any) -> Spec:
    return Spec.model_validate({"id": "zone", "kind": "dns", "server": server, "name": "example.com", **fields})


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_an_answer_is_up_with_its_records_and_phases(transport: str) -> None:
    with zone(transport=transport) as server:
        seen, judgement = ran(spec(server, transport=transport))
    assert judgement.verdict is Verdict.UP
    assert set(seen.phases) == {"resolve", "connect", "request"}
    assert [seen.facts[f"{name}_count"] for name in ("answer", "authority", "additional")] == [2, 2, 3]
    assert seen.facts["answer"][0] == "example.com.\t3600\tIN\tA\t127.0.0.1"
    assert (seen.facts["rcode"], seen.facts["authoritative"]) == ("NOERROR", True)


def test_over_tls_the_certificate_is_seen_and_verified(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    with zone(transport="tcp", tls=authority.good()) as server:
        tls = {"ca_file": authority.ca_file, "server_name": "localhost"}
        trusted, judgement = ran(spec(server, transport="tls", tls=tls))
        _, refused = ran(spec(server, transport="tls", tls={"ca_file": authority.ca_file}))
    assert judgement.verdict is Verdict.UP
    assert set(trusted.phases) == {"resolve", "connect", "tls", "request"}
    assert trusted.certificates
    assert refused.reason is Reason.TLS_HOSTNAME


@pytest.mark.parametrize(
    ("rcode", "reason"),
    [
        *(("NXDOMAIN", Reason.DNS_NXDOMAIN), ("SERVFAIL", Reason.DNS_SERVFAIL), ("REFUSED", Reason.DNS_REFUSED)),
        ("NOTIMP", Reason.DNS),
    ],
)
def test_a_response_code_is_a_reason_of_its_own(rcode: str, reason: Reason) -> None:
    with zone(rcode) as server:
        assert ran(spec(server))[1].reason is reason
        assert ran(spec(server, expect={"rcode": rcode}))[1].verdict is Verdict.UP


@pytest.mark.parametrize(
    ("expect", "verdict"),
    [
        ({"answer": {"least": 2, "matches": "127.0.0.2", "not_matches": "10\\.0"}}, Verdict.UP),
        ({"answer": {"least": 3}}, Verdict.DOWN),
        ({"answer": {"matches": "127.0.0.3"}}, Verdict.DOWN),
        ({"authority": {"not_matches": "isp"}}, Verdict.DOWN),
        ({"additional": {"matches": ["AAAA\t::1", "ns2"]}}, Verdict.UP),
    ],
)
def test_records_are_held_against_what_is_expected(expect: dict[str, Any], verdict: Verdict) -> None:
    with zone() as server:
        judgement = ran(spec(server, expect=expect))[1]
    assert judgement.verdict is verdict
    assert judgement.reason is (Reason.OK if verdict is Verdict.UP else Reason.ANSWER)


def test_a_server_that_says_nothing_is_down_in_time() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        seen, judgement = ran(spec(f"127.0.0.1:{silent.getsockname()[1]}"), timeout_s=0.2)
    assert judgement.reason is Reason.TIMEOUT
    assert "no answer within" in judgement.message
    assert seen.facts["query_succeeded"] is False


def test_no_server_is_down_with_reason_connect_refused() -> None:
    assert ran(spec("127.0.0.1:1"))[1].reason is Reason.CONNECT_REFUSED
    assert ran(spec("127.0.0.1:1", transport="tcp"))[1].reason is Reason.CONNECT_REFUSED


def test_metadata_addresses_are_not_asked() -> None:
    assert ran(spec("169.254.169.253"))[1].reason is Reason.ADDRESS_BLOCKED


@pytest.mark.parametrize("fields", [{"type": "NOPE"}, {"name": "a..b"}, {"server": "a b"}, {"class": "XX"}])
def test_a_question_that_cannot_be_asked_is_a_mistake(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        spec(**{"server": "127.0.0.1", **fields})


def test_the_port_is_that_of_the_transport_where_none_is_written() -> None:
    assert spec("127.0.0.1").target == "127.0.0.1:53/example.com."
    assert spec("::1", transport="tls").target == "[::1]:853/example.com."


def by_module(folder: Path, transport: str, rcode: str = "NOERROR", **keys: Any) -> Probed:
    keys = {"query_name": "example.com", "transport_protocol": transport, "preferred_ip_protocol": "ip4", **keys}
    with zone(rcode, transport) as server:
        return probed(json.dumps({"modules": {"m": {"prober": "dns", "dns": keys}}}), server, folder)


@pytest.mark.parametrize("transport", ["udp", "tcp"])
@pytest.mark.parametrize(
    ("keys", "success"),
    [
        ({}, 1),
        ({"query_type": "SOA"}, 1),
        ({"query_class": "CH", "query_type": "TXT"}, 1),
        ({"valid_rcodes": ["SERVFAIL", "NXDOMAIN"]}, 0),
        ({"validate_answer_rrs": {"fail_if_matches_regexp": [".*3600.*"]}}, 0),
        ({"validate_answer_rrs": {"fail_if_not_matches_regexp": [".*7200.*"]}}, 0),
        ({"validate_authority_rrs": {"fail_if_not_matches_regexp": ["ns.*.isp.net"]}}, 1),
        ({"validate_additional_rrs": {"fail_if_not_matches_regexp": ["^ns.*.isp"]}}, 1),
        ({"validate_additional_rrs": {"fail_if_matches_regexp": ["^ns.*.isp"]}}, 0),
        ({"validate_additional_rrs": {"fail_if_all_match_regexp": [".*127.0.0.*"]}}, 0),
        ({"validate_answer_rrs": {"fail_if_none_matches_regexp": [".*127.0.0.3.*"]}}, 0),
        ({"query_type": "SOA", "validate_additional_rrs": {"fail_if_not_matches_regexp": ["x"]}}, 0),
    ],
)
def test_modules_judge_an_answer_as_blackbox_exporter_does(
    keys: dict[str, Any], success: int, transport: str, tmp_path: Path
) -> None:
    seen = by_module(tmp_path, transport, **keys)
    assert seen["probe_success"] == success
    assert seen["probe_dns_query_succeeded"] == 1
    assert set(seen.by("probe_dns_duration_seconds", "phase")) == {"resolve", "connect", "request"}
    if keys.get("query_type") == "SOA":
        assert seen["probe_dns_serial"] == 1000
    elif not keys.get("query_type"):
        counts = [seen[f"probe_dns_{name}_rrs"] for name in ("answer", "authority", "additional")]
        assert counts == [2, 2, 3]


def test_an_answer_with_an_error_is_a_query_that_succeeded(tmp_path: Path) -> None:
    seen = by_module(tmp_path, "udp", "SERVFAIL")
    assert (seen["probe_success"], seen["probe_dns_query_succeeded"], seen.reason) == (0, 1, "dns_servfail")
    assert by_module(tmp_path, "udp", "SERVFAIL", valid_rcodes=["SERVFAIL"])["probe_success"] == 1
