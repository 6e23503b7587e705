"""What ``/probe`` answers: a Result under blackbox_exporter's names, none of its families missing, and no labels."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from prober.blackbox.asking import Ask
from prober.blackbox.modules import Module
from prober.clock import iso
from prober.model import Result, Verdict
from prober.secret import MASK
from prober.sinks.prometheus.single import PHASES_OF, Family, render, samples

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_RESOLVED = ("probe_dns_lookup_time_seconds", "probe_ip_protocol", "probe_ip_addr_hash")
ALWAYS: Mapping[str, tuple[str, ...]] = {
    "http": (
        *_RESOLVED,
        "probe_failed_due_to_regex",
        "probe_http_content_length",
        "probe_http_redirects",
        "probe_http_ssl",
        "probe_http_status_code",
        "probe_http_uncompressed_body_length",
        "probe_http_version",
    ),
    "tcp": (*_RESOLVED, "probe_failed_due_to_regex", "probe_failed_due_to_bytes"),
    "dns": (
        *_RESOLVED,
        "probe_dns_additional_rrs",
        "probe_dns_answer_rrs",
        "probe_dns_authority_rrs",
        "probe_dns_query_succeeded",
    ),
    "icmp": _RESOLVED,
    "grpc": (*_RESOLVED, "probe_grpc_ssl", "probe_grpc_status_code"),
}
"""By kind: what blackbox_exporter says of every probe, with 0 for what it did not come to."""

CHAIN_EXPIRY = Family(
    "probe_ssl_last_chain_expiry_timestamp_seconds", "Returns last SSL chain expiry in timestamp seconds"
)
REASON = Family("prober_probe_info", "Why the probe ended as it did, by prober's closed list of reasons")


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer over HTTP."""

    status: int
    text: bytes
    content_type: str = "text/plain; charset=utf-8"


def reply(ask: Ask, result: Result) -> Reply:
    """The answer to ``ask``; a failed probe is a good answer."""
    metrics = exposition(result)
    if not ask.debug:
        return Reply(200, metrics, CONTENT_TYPE)
    parts = (
        "Logs for the probe:",
        *_log(ask, result),
        "\n\n\nMetrics that would have been returned:",
        metrics.decode(),
        "\n\nModule configuration:",
        shown(ask.module),
    )
    return Reply(200, "\n".join(parts).encode())


def exposition(result: Result) -> bytes:
    """The text format of ``result``."""
    kind = result.check.kind
    found = samples(result)
    for family in ALWAYS.get(kind, ()):
        found.setdefault(family, [("", "0")])
    found["probe_success"] = [("", "0" if result.verdict in (Verdict.DOWN, Verdict.UNKNOWN) else "1")]
    _fill_phases(kind, found, result)
    if result.observation.certificates and _verified(result):
        # Of what was sent: which root of ours it led to is not known, and roots outlive what they sign.
        found[CHAIN_EXPIRY.name] = list(found["probe_ssl_earliest_cert_expiry"])
    found[REASON.name] = [(f'verdict="{result.verdict.value}",reason="{result.reason.value}"', "1")]
    return render(found, (CHAIN_EXPIRY, REASON))


def _verified(result: Result) -> bool:
    settings = getattr(getattr(result.check, "module", None), "tls_config", None)
    failure = result.observation.failure
    accepted = failure is None or not failure.reason.value.startswith("tls_")
    return accepted and settings is not None and not settings.insecure_skip_verify


def _fill_phases(kind: str, found: dict[str, list[tuple[str, str]]], result: Result) -> None:
    family, phases = PHASES_OF[kind]
    if kind == "tcp":  # there it has no phases, so that ours say only what took place
        return
    known = {labels for labels, _ in found.setdefault(family, [])}
    skipped = getattr(getattr(result.check, "module", None), "skip_resolve_phase_with_proxy", False)
    left_out = {"tls"} if kind == "dns" else {"resolve"} if skipped else set()
    found[family] += [
        (label, "0") for name in phases if name not in left_out and (label := f'phase="{name}"') not in known
    ]


def shown(module: Module) -> str:
    """The module as it was written, its secrets masked."""
    text: str = yaml.safe_dump(_masked(module.model_dump(mode="json", exclude_unset=True)), sort_keys=False)
    return text


def _masked(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _masked(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_masked(one) for one in value]
    return "<secret>" if value == MASK else value


def _log(ask: Ask, result: Result) -> Iterable[str]:
    seen, at = result.observation, iso(result.started_at)
    yield _line(
        at, "info", "Beginning probe", probe=ask.module.prober, timeout_seconds=ask.timeout_s, run=result.run_id
    )
    if address := seen.facts.get("remote_address"):
        yield _line(at, "info", "Resolved target address", target=result.check.target, ip=address)
    for phase, seconds in seen.phases.items():
        yield _line(at, "info", "Phase", phase=phase, seconds=f"{seconds:.6f}")
    for one in result.outcomes:
        yield _line(at, "info", "Expectation", what=one.expectation, expected=one.expected, verdict=one.verdict.value)
    if result.verdict is Verdict.UP:
        yield _line(at, "info", "Probe succeeded", duration_seconds=f"{result.duration_s:.6f}")
    else:
        yield _line(at, "error", "Probe failed", reason=result.reason.value, err=result.message)


def _line(at: str, level: str, message: str, **fields: object) -> str:
    texts = {"ts": at, "level": level, "msg": message, **{name: str(value) for name, value in fields.items()}}
    return " ".join(f"{name}={json.dumps(text) if ' ' in text or not text else text}" for name, text in texts.items())
