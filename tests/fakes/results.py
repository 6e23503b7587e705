"""Results of every kind, as probes and judge would make them, for the tests of what reads them."""

from __future__ import annotations

from typing import Any

from prober.model import (
    Certificate,
    Check,
    Measure,
    Navigation,
    Observation,
    Outcome,
    Reason,
    Result,
    Step,
    Verdict,
)

STARTED_AT = 1_700_000_000.25


class Target(Check):
    """A check of any kind that knows its target."""

    kind: str = "http"
    url: str = "https://shop.example/"

    @property
    def target(self) -> str:
        return self.url


LEAF = Certificate(
    subject="CN=shop.example,O=EventChain",
    issuer="CN=Test CA",
    sans=("shop.example", "www.shop.example"),
    serial="0bffbc",
    fingerprint_sha256="ab" * 32,
    not_before=1_690_000_000.0,
    not_after=1_710_000_000.0,
)
ROOT = Certificate("CN=Test CA", "CN=Test CA", (), "01", "cd" * 32, 1_600_000_000.0, 1_900_000_000.0)


def result(check: Check, verdict: Verdict = Verdict.UP, reason: Reason = Reason.OK, **observed: Any) -> Result:
    """A result of ``check``; ``observed`` are fields of its Observation, and ``outcomes`` and ``at`` of its own."""
    outcomes: tuple[Outcome, ...] = observed.pop("outcomes", ())
    at = observed.pop("at", STARTED_AT)
    observation = Observation(observed.pop("duration_s", 0.25), **observed)
    return Result(check, "eu-west-1", "run-1", at, verdict, reason, "", observation, outcomes)


def http_result(check: Check, **changed: Any) -> Result:
    """A good answer over HTTPS with every fact there is."""
    phases = {"resolve": 0.001, "connect": 0.002, "tls": 0.03, "processing": 0.2, "transfer": 0.017, "total": 0.25}
    facts = {
        "status": 200,
        "http_version": "1.1",
        "redirects": 1,
        "ssl": True,
        "content_length": 512,
        "body_bytes": 512,
        "uncompressed_bytes": 2048,
        "remote_address": "127.0.0.1",
        "ip_protocol": 4,
        "tls_version": "TLS 1.3",
        "tls_cipher": "TLS_AES_256_GCM_SHA384",
        "last_modified": 1_699_999_000.0,
    }
    return result(check, **{"phases": phases, "facts": facts, "certificates": (LEAF, ROOT), **changed})


def tcp_result(check: Check, **changed: Any) -> Result:
    """A dialogue that went as expected."""
    phases = {"resolve": 0.001, "connect": 0.002, "dialogue": 0.01, "total": 0.013}
    return result(check, **{"phases": phases, "facts": {"remote_address": "::1", "ip_protocol": 6}, **changed})


def browser_result(check: Check, **changed: Any) -> Result:
    """A journey of two steps, the first with two navigations, that measured one figure."""
    first = Navigation(
        "hard",
        "https://shop.example/",
        ttfb_s=0.1,
        fp_s=0.2,
        fcp_s=0.3,
        lcp_s=0.9,
        lcp_element="img",
        cls=0.05,
        inp_s=0.04,
        tbt_s=0.0,
        timings={"dns_lookup_s": 0.001, "tls_s": None, "total_load_time_s": 1.1},
    )
    second = Navigation("soft", "https://shop.example/event", lcp_s=0.4, cls=0.2, timings={"dns_lookup_s": 0.0})
    steps = (
        Step("Browse events", Verdict.UP, 1.5, navigations=(first, second)),
        Step('Pay "now"', Verdict.UP, 0.75),
    )
    measures = (Measure("order_total", 98.0, "EUR", {"event": "aurora"}),)
    return result(check, **{"duration_s": 2.5, "steps": steps, "measures": measures, **changed})
