"""One Result as the sample lines of its check: what was measured, and nothing of the run before."""

from __future__ import annotations

import ipaddress
import sys
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from itertools import islice
from typing import Any

from prober.model import Certificate, Measure, Navigation, Reason, Result, Step, Verdict
from prober.sinks.prometheus.families import (
    DNS_PHASES,
    GRPC_PHASES,
    ICMP_PHASES,
    PHASES,
    PROBE_LABELS,
    TCP_PHASES,
)
from prober.sinks.prometheus.text import Lines, escape, join_labels, label_name, number

MOST_STEPS = 50
MOST_MEASURES = 20
_MOST_TIMINGS = 20
_LONGEST_NAME = 120

_VITALS_S = ("lcp", "fcp", "inp", "ttfb", "tbt")
_PAINTS = {"first-paint": "fp_s", "first-contentful-paint": "fcp_s"}
_HTTP_VERSIONS = {"1.0": 1.0, "1.1": 1.1, "2": 2, "3": 3}
_CONTENT = frozenset({Reason.BODY, Reason.HEADER, Reason.DIALOGUE})
PHASES_OF = {
    "http": ("probe_http_duration_seconds", PHASES),
    "tcp": ("probe_tcp_duration_seconds", TCP_PHASES),
    "dns": ("probe_dns_duration_seconds", DNS_PHASES),
    "icmp": ("probe_icmp_duration_seconds", ICMP_PHASES),
    "grpc": ("probe_grpc_duration_seconds", GRPC_PHASES),
}
_SERVING = ("UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN")
_FACTS = (
    "ip_protocol",
    "remote_address",
    "tls_version",
    "tls_cipher",
    "status",
    "http_version",
    "ssl",
    "redirects",
    "content_length",
    "uncompressed_bytes",
    "last_modified",
    "failed_due_to_bytes",
    "answer_count",
    "authority_count",
    "additional_count",
    "query_succeeded",
    "serial",
    "hop_limit",
    "grpc_status",
    "serving_status",
)
"""Those of ``facts`` that lines are made of."""


class Cap:
    """Lets the first ``most`` keys in, for as long as the check lives, and counts the others."""

    __slots__ = ("_keys", "_most", "refused")

    def __init__(self, most: int) -> None:
        self._most = most
        self._keys: set[str] = set()
        self.refused = 0

    def admits(self, key: str) -> bool:
        if key in self._keys:
            return True
        if len(self._keys) >= self._most:
            self.refused += 1
            return False
        self._keys.add(key)
        return True

    @property
    def used(self) -> bool:
        return bool(self._keys)


def moving_lines(result: Result, labels: str) -> dict[str, bytes]:
    """The ``probe_*`` lines of ``result`` that no two runs share: its times. ``labels`` are those of its check."""
    phases = result.observation.phases
    lines = {"probe_duration_seconds": f"probe_duration_seconds{{{labels}}} {number(result.duration_s)}\n".encode()}
    if "resolve" in phases:
        line = f"probe_dns_lookup_time_seconds{{{labels}}} {number(phases['resolve'])}\n"
        lines["probe_dns_lookup_time_seconds"] = line.encode()
    family, names = PHASES_OF.get(result.check.kind, ("", ()))
    if result.check.kind == "grpc":
        rest_s = sum(seconds for name, seconds in phases.items() if name != "resolve")
        phases = {"resolve": phases.get("resolve", 0.0), "check": rest_s}
    shown = [f'{family}{{{labels},phase="{name}"}} {number(phases[name])}\n' for name in names if name in phases]
    if shown:
        lines[family] = "".join(shown).encode()
    return lines


def steady_key(result: Result) -> tuple[object, ...] | None:
    """What ``steady_lines`` depend on; None where that is not worth comparing."""
    if result.check.kind not in PHASES_OF:
        return None
    seen = result.observation
    if seen.steps or seen.measures:
        return None
    facts = [seen.facts.get(name) for name in _FACTS]
    return result.verdict is Verdict.DOWN, result.check.timeout, _failed_on_content(result), seen.certificates, *facts


def steady_lines(result: Result, labels: str, steps: Cap, measures: Cap) -> dict[str, bytes]:
    """Every other ``probe_*`` line of ``result`` by family.

    Not for a result that is ``unknown``: it measured nothing of the target.
    """
    lines = Lines(labels)
    lines.add("probe_success", 0 if result.verdict is Verdict.DOWN else 1)
    lines.add("probe_timeout_seconds", result.check.timeout)
    _KINDS.get(result.check.kind, _add_connection)(lines, result)
    _add_steps(lines, [step for step in result.observation.steps if steps.admits(step.name)])
    _add_measures(lines, result.observation.measures, measures)
    return lines.encode()


def _add_connection(lines: Lines, result: Result) -> None:
    facts = result.observation.facts
    lines.add_known("probe_ip_protocol", facts.get("ip_protocol"))
    lines.add_known("probe_ip_addr_hash", _address_hash(str(facts.get("remote_address"))))
    version = facts.get("tls_version")
    if version:
        lines.add("probe_tls_version_info", 1, f'version="{escape(str(version))}"')
    if result.observation.certificates:
        certificates = result.observation.certificates
        lines.add("probe_ssl_earliest_cert_expiry", min(c.not_after for c in certificates))
        lines.add("probe_ssl_last_chain_info", 1, _certificate_labels(certificates[0]))


def _add_http(lines: Lines, result: Result) -> None:
    facts = result.observation.facts
    _add_connection(lines, result)
    lines.add("probe_failed_due_to_regex", _failed_on_content(result))
    # Rules that look for codes outside 200-399 rely on this 0, which is blackbox_exporter's word for no answer.
    lines.add("probe_http_status_code", facts.get("status") or 0)
    lines.add_known("probe_http_version", _HTTP_VERSIONS.get(str(facts.get("http_version"))))
    lines.add_known("probe_http_ssl", facts.get("ssl"))
    lines.add_known("probe_http_redirects", _count(facts.get("redirects")))
    lines.add_known("probe_http_content_length", facts.get("content_length"))
    lines.add_known("probe_http_uncompressed_body_length", facts.get("uncompressed_bytes"))
    lines.add_known("probe_http_last_modified_timestamp_seconds", facts.get("last_modified"))
    cipher = facts.get("tls_cipher")
    if cipher:
        lines.add("probe_tls_cipher_info", 1, f'cipher="{escape(str(cipher))}"')


def _add_tcp(lines: Lines, result: Result) -> None:
    _add_connection(lines, result)
    facts = result.observation.facts
    wrong_bytes = facts.get("failed_due_to_bytes")
    lines.add("probe_failed_due_to_regex", _failed_on_content(result) and not wrong_bytes)
    lines.add_known("probe_failed_due_to_bytes", wrong_bytes)
    if found := facts.get("expect_info"):
        lines.add("probe_expect_info", 1, join_labels(sorted(found.items())))


def _add_dns(lines: Lines, result: Result) -> None:
    _add_connection(lines, result)
    facts = result.observation.facts
    for section in ("answer", "authority", "additional"):
        lines.add_known(f"probe_dns_{section}_rrs", facts.get(f"{section}_count"))
    lines.add_known("probe_dns_query_succeeded", facts.get("query_succeeded"))
    lines.add_known("probe_dns_serial", facts.get("serial"))


def _add_icmp(lines: Lines, result: Result) -> None:
    _add_connection(lines, result)
    lines.add_known("probe_icmp_reply_hop_limit", result.observation.facts.get("hop_limit"))


def _add_grpc(lines: Lines, result: Result) -> None:
    _add_connection(lines, result)
    facts = result.observation.facts
    lines.add_known("probe_grpc_ssl", facts.get("ssl"))
    lines.add_known("probe_grpc_status_code", facts.get("grpc_status"))
    seen = facts.get("serving_status")
    for status in _SERVING if "grpc_status" in facts else ():
        lines.add("probe_grpc_healthcheck_response", status == seen, f'serving_status="{status}"')


def _add_heartbeat(lines: Lines, result: Result) -> None:
    lines.add_known("probe_heartbeat_last_signal_timestamp_seconds", result.observation.facts.get("last_signal_at"))


_KINDS: Mapping[str, Callable[[Lines, Result], None]] = {
    "http": _add_http,
    "tcp": _add_tcp,
    "dns": _add_dns,
    "icmp": _add_icmp,
    "grpc": _add_grpc,
    "heartbeat": _add_heartbeat,
}


def _failed_on_content(result: Result) -> bool:
    if result.verdict is Verdict.UP:
        return False
    return any(o.reason in _CONTENT for o in result.outcomes) or result.reason in _CONTENT


def _count(redirects: Any) -> Any:
    return len(redirects) if isinstance(redirects, list | tuple) else redirects


@lru_cache(maxsize=4096)
def _address_hash(address: str) -> int | None:
    """FNV-1a of 32 bits over the address' bytes, as blackbox_exporter's ``probe_ip_addr_hash``."""
    try:
        packed = ipaddress.ip_address(address).packed
    except ValueError:
        return None
    value = 0x811C9DC5
    for byte in packed:
        value = (value ^ byte) * 0x01000193 & 0xFFFFFFFF
    return value


@lru_cache(maxsize=4096)
def _certificate_labels(leaf: Certificate) -> str:
    return join_labels(
        (
            ("fingerprint_sha256", leaf.fingerprint_sha256),
            ("subject", leaf.subject),
            ("issuer", leaf.issuer),
            ("subjectalternative", ",".join(leaf.sans)),
            ("serialnumber", leaf.serial),
        )
    )


def _add_steps(lines: Lines, steps: list[Step]) -> None:
    worst: dict[tuple[str, str], float] = {}

    def note(family: str, labels: str, value: float | None) -> None:
        key = (family, labels)
        if value is not None and value >= worst.get(key, value):
            worst[key] = value

    for step in steps:
        label = f'step="{escape(step.name[:_LONGEST_NAME])}"'
        note("probe_browser_step_duration_seconds", label, step.duration_s)
        for navigation in step.navigations:
            _note_navigation(note, label, navigation)
    for (family, labels), value in worst.items():
        lines.add(family, value, labels)


def _note_navigation(note: Callable[[str, str, float | None], None], step: str, seen: Navigation) -> None:
    for vital in _VITALS_S:
        note(f"probe_browser_web_vital_{vital}_seconds", step, getattr(seen, f"{vital}_s"))
    note("probe_browser_web_vital_cls", step, seen.cls)
    for paint, field in _PAINTS.items():
        note("probe_browser_paint_seconds", f'paint="{paint}",{step}', getattr(seen, field))
    for key, value in islice(seen.timings.items(), _MOST_TIMINGS):
        phase = escape(key.removesuffix("_s"))
        note("probe_browser_navigation_seconds", f'phase="{phase}",{step}', value)


def _add_measures(lines: Lines, measures: Iterable[Measure], cap: Cap) -> None:
    latest = {}
    for measure in measures:
        labels = _measure_labels(measure)
        if not abs(measure.value) <= sys.float_info.max:  # NaN, infinite, or an int no float can hold
            cap.refused += 1
        elif cap.admits(labels):
            latest[labels] = measure.value
    for labels, value in latest.items():
        lines.add("probe_measure", value, labels)


def _measure_labels(measure: Measure) -> str:
    labels = {"name": measure.name[:_LONGEST_NAME], "unit": measure.unit[:_LONGEST_NAME]}
    for key, value in measure.labels.items():
        name = label_name(key)
        # Prometheus itself renames a label that is taken in this way.
        name = f"exported_{name}" if name in PROBE_LABELS or name in labels else name
        labels.setdefault(name, str(value)[:_LONGEST_NAME])
    return join_labels(sorted(labels.items()))
