"""The ICMP check over the loopback interface."""

from __future__ import annotations

import errno
import socket
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fakes.probing import probed
from fakes.running import ran

from prober.model import Reason, Verdict
from prober.probes.icmp import Spec


def allowed() -> bool:
    for kind in (socket.SOCK_DGRAM, socket.SOCK_RAW):
        try:
            socket.socket(socket.AF_INET, kind, socket.IPPROTO_ICMP).close()
        except OSError:
            continue
        return True
    return False


needs_icmp = pytest.mark.skipif(not allowed(), reason="no socket for ICMP is allowed here")


def spec(host: str = "127.0.0.1", **fields: Any) -> Spec:
    return Spec.model_validate({"id": "ping", "kind": "icmp", "host": host, **fields})


@needs_icmp
@pytest.mark.parametrize(
    "fields", [{}, {"payload_bytes": 0}, {"payload_bytes": 1401, "ttl": 3}, {"source": "127.0.0.1"}]
)
def test_a_host_that_answers_is_up_with_its_phases(fields: dict[str, Any]) -> None:
    seen, judgement = ran(spec(**fields))
    assert judgement.verdict is Verdict.UP, judgement
    assert set(seen.phases) == {"resolve", "setup", "rtt"}
    assert 0 < seen.phases["rtt"] < 1
    assert seen.facts["ip_protocol"] == 4


@needs_icmp
def test_a_host_that_does_not_answer_is_down_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("prober.net.echo.Echo._answers", lambda *_: False)  # loopback always answers
    judgement = ran(spec(), timeout_s=0.2)[1]
    assert judgement.reason is Reason.TIMEOUT
    assert "no answer to an echo request within" in judgement.message


def test_without_any_right_to_ask_the_prober_is_to_blame(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: object) -> socket.socket:
        raise OSError(errno.EPERM, "Operation not permitted")

    check = spec()
    monkeypatch.setattr("prober.net.echo.socket", SimpleNamespace(**{**vars(socket), "socket": forbidden}))
    judgement = ran(check)[1]
    assert (judgement.verdict, judgement.reason) == (Verdict.UNKNOWN, Reason.INTERNAL)
    assert "CAP_NET_RAW" in judgement.message


def test_metadata_addresses_are_not_asked() -> None:
    assert ran(spec("169.254.169.254"))[1].reason is Reason.ADDRESS_BLOCKED


@needs_icmp
def test_a_module_of_prober_icmp_has_its_families(tmp_path: Path) -> None:
    modules = "modules: {m: {prober: icmp, icmp: {preferred_ip_protocol: ip4, ttl: 5, payload_size: 100}}}"
    seen = probed(modules, "127.0.0.1", tmp_path)
    assert seen["probe_success"] == 1
    assert set(seen.by("probe_icmp_duration_seconds", "phase")) == {"resolve", "setup", "rtt"}
    assert probed(modules, "no host", tmp_path)["probe_success"] == 0
