"""The gRPC health check against grpcio's own server, and modules of prober grpc: the cases of grpc_test.go."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import trustme
from fakes.health import STATUS, healthy
from fakes.probing import probed
from fakes.running import ran
from fakes.script import Server, hear, send

from prober.model import Reason, Verdict
from prober.probes.grpc import Spec

SERVICES = {"": STATUS.SERVING, "up": STATUS.SERVING, "down": STATUS.NOT_SERVING}


def spec(port: int, host: str = "127.0.0.1", **fields: Any) -> Spec:
    return Spec.model_validate({"id": "health", "kind": "grpc", "address": f"{host}:{port}", **fields})


def test_a_serving_service_is_up_with_real_phases_and_its_metadata_arrives() -> None:
    with healthy(SERVICES) as (port, heard):
        seen, judgement = ran(spec(port, service="up", metadata={"X-Tenant": "a"}))
    assert judgement.verdict is Verdict.UP, judgement
    assert set(seen.phases) == {"resolve", "connect", "processing", "transfer"}
    assert (seen.facts["grpc_status"], seen.facts["serving_status"]) == (0, "SERVING")
    assert heard[0]["x-tenant"] == ["a"]


@pytest.mark.parametrize(("service", "message"), [("down", "saw NOT_SERVING"), ("nowhere", "gRPC status 5 NOT_FOUND")])
def test_a_service_that_does_not_serve_is_down(service: str, message: str) -> None:
    with healthy(SERVICES) as (port, _):
        judgement = ran(spec(port, service=service))[1]
    assert (judgement.verdict, judgement.reason) == (Verdict.DOWN, Reason.STATUS)
    assert message in judgement.message


def test_what_does_not_serve_can_be_what_is_expected() -> None:
    with healthy(SERVICES) as (port, _):
        assert ran(spec(port, service="down", expect={"status": "NOT_SERVING"}))[1].verdict is Verdict.UP


def test_a_server_without_the_health_service_is_down() -> None:
    with healthy({}, implemented=False) as (port, _):
        judgement = ran(spec(port))[1]
    assert "gRPC status 12 UNIMPLEMENTED" in judgement.message


def test_over_tls_the_certificate_is_verified_and_seen(tmp_path: Path) -> None:
    authority = trustme.CA()
    leaf = authority.issue_cert("localhost")
    pair = (leaf.private_key_pem.bytes(), b"".join(one.bytes() for one in leaf.cert_chain_pems))
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    with healthy(SERVICES, tls=pair) as (port, _):
        seen, judgement = ran(spec(port, "localhost", tls={"ca_file": str(tmp_path / "ca.pem")}))
        assert judgement.verdict is Verdict.UP, judgement
        assert seen.certificates
        assert "tls" in seen.phases
        assert ran(spec(port, "localhost", tls=True))[1].reason is Reason.TLS_UNTRUSTED


def test_a_server_that_speaks_no_http_2_is_down() -> None:
    with Server([hear, send(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")]) as server:
        judgement = ran(spec(server.port))[1]
    assert judgement.verdict is Verdict.DOWN
    assert judgement.reason is not Reason.OK


def module(**keys: Any) -> str:
    return json.dumps({"modules": {"m": {"prober": "grpc", "grpc": {"preferred_ip_protocol": "ip4", **keys}}}})


def test_a_module_of_prober_grpc_has_its_families(tmp_path: Path) -> None:
    with healthy(SERVICES) as (port, heard):
        up = probed(module(service="up", metadata={"x-tag": ["a", "b"]}), f"127.0.0.1:{port}", tmp_path)
        down = probed(module(service="down"), f"127.0.0.1:{port}", tmp_path)
        unknown = probed(module(service="nowhere"), f"127.0.0.1:{port}", tmp_path)
        plain = probed(module(tls=True), f"127.0.0.1:{port}", tmp_path)
    assert up["probe_success"] == 1
    assert set(up.by("probe_grpc_duration_seconds", "phase")) == {"resolve", "check"}
    assert up.by("probe_grpc_healthcheck_response", "serving_status") == {
        "UNKNOWN": 0,
        "SERVING": 1,
        "NOT_SERVING": 0,
        "SERVICE_UNKNOWN": 0,
    }
    assert heard[0]["x-tag"] == ["a", "b"]
    assert (down["probe_success"], down["probe_grpc_status_code"]) == (0, 0)
    assert down.by("probe_grpc_healthcheck_response", "serving_status")["NOT_SERVING"] == 1
    assert (unknown["probe_success"], unknown["probe_grpc_status_code"]) == (0, 5)
    assert (plain["probe_success"], plain["probe_grpc_status_code"], plain["probe_grpc_ssl"]) == (0, 14, 0)
