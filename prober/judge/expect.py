"""What can be expected of a check, as data that a user writes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from prober.judge.budgets import Budget, budget_outcomes, read_budget
from prober.judge.outcome import outcome
from prober.judge.texts import (
    HeaderRule,
    JsonRule,
    Path,
    Scalar,
    TextRule,
    body_outcomes,
    header_outcome,
    json_outcomes,
    listed,
)
from prober.model import Duration, Observation, Outcome, Reason, Strict, Verdict

TLS_VERSIONS = ("1.0", "1.1", "1.2", "1.3")


def _check_status(text: object) -> str:
    match = re.fullmatch(r"([1-5]\d\d)(?:-([1-5]\d\d))?", str(text))
    if isinstance(text, bool) or not match or (match[2] and match[2] < match[1]):
        raise ValueError('expected a status such as 200, or a range such as "200-299"')
    return str(text)


Status = Annotated[str, BeforeValidator(_check_status, json_schema_input_type=int | str)]
Statuses = Annotated[tuple[Status, ...], BeforeValidator(listed), Field(strict=False)]


class Bound(Strict):
    """Time limits; over the first the check is degraded, over the second it is down."""

    degraded_over: Annotated[Duration, Field(gt=0)] | None = None
    """Slower than this is degraded."""
    down_over: Annotated[Duration, Field(gt=0)] | None = None
    """Slower than this is down."""


class CertificateRule(Strict):
    """How long the first certificate to expire of those sent must still be valid."""

    degraded_under: Duration = 14 * 86_400.0
    """Less time left than this is degraded."""
    down_under: Duration = 0.0
    """Less time left than this is down."""


class Expect(Bound):
    """What is expected of any check; the bounds here are on its total time."""

    phases: dict[str, Bound] = {}
    """Bounds by phase: resolve, connect, tls, processing, transfer."""

    def outcomes(self, seen: Observation, now: float) -> Iterator[Outcome]:
        """Every expectation with what was seen; ``now`` is wall time."""
        yield from _time_outcomes("total", self, seen.duration_s)
        for name, bound in self.phases.items():
            yield from _time_outcomes(name, bound, seen.phases.get(name))
        for step in seen.steps:
            if step.verdict is Verdict.DEGRADED:  # one that is not critical
                yield Outcome(f"step {step.name}", Verdict.DEGRADED, Reason.STEP, "done", step.message)


class TlsExpect(Expect):
    """What is expected where TLS is spoken."""

    certificate: CertificateRule = CertificateRule()
    """How long the certificates must still be valid."""
    tls_version: Literal["1.0", "1.1", "1.2", "1.3"] | None = None
    """The lowest TLS version that is good enough."""

    def outcomes(self, seen: Observation, now: float) -> Iterator[Outcome]:
        yield from super().outcomes(seen, now)
        if seen.certificates:
            yield _certificate_outcome(self.certificate, min(c.not_after for c in seen.certificates) - now)
        if self.tls_version:
            yield _tls_outcome(self.tls_version, seen.facts.get("tls_version"))


class HttpExpect(TlsExpect):
    """What is expected of an HTTP answer, after redirects."""

    status: Statuses = ("200-399",)
    """Status codes and ranges, such as 200 or "200-299", or a list of them."""
    body: TextRule | None = None
    """What the decoded body must hold."""
    header: dict[str, str | HeaderRule] = {}
    """Response headers by name; a plain text means the whole value."""
    json_: Annotated[dict[Path, Scalar | JsonRule], Field(alias="json")] = {}
    """JMESPath expressions over the JSON body, each with a value or comparisons."""
    http_version: Annotated[tuple[Literal["1.0", "1.1", "2", "3"], ...], Field(strict=False)] | None = None
    """The protocol versions that are good enough."""

    def outcomes(self, seen: Observation, now: float) -> Iterator[Outcome]:
        yield _status_outcome(self.status, seen.facts.get("status"))
        yield from super().outcomes(seen, now)
        if self.http_version:
            version = seen.facts.get("http_version")
            wanted = " or ".join(self.http_version)
            yield outcome("http_version", version in self.http_version, Reason.HTTP_PROTOCOL, wanted, version)
        for name, rule in self.header.items():
            yield header_outcome(name, rule, seen.headers)
        if self.body:
            yield from body_outcomes(self.body, seen)
        if self.json_:
            yield from json_outcomes(self.json_, seen)


class BrowserExpect(Expect):
    """What is expected of a journey: budgets on its vitals and steps."""

    budgets: dict[str, Budget] = {}
    """Limits by name: lcp, fcp, ttfb, inp, tbt as durations, cls as a number, ``step:NAME`` as a duration."""
    enforce: bool = False
    """A broken budget is down instead of degraded."""

    @model_validator(mode="after")
    def _budgets_can_be_read(self) -> BrowserExpect:
        for name, limit in self.budgets.items():
            read_budget(name, limit)
        return self

    def outcomes(self, seen: Observation, now: float) -> Iterator[Outcome]:
        yield from super().outcomes(seen, now)
        broken = Verdict.DOWN if self.enforce else Verdict.DEGRADED
        for name, limit in self.budgets.items():
            yield from budget_outcomes(name, read_budget(name, limit), broken, seen)


def _time_outcomes(name: str, bound: Bound, seen_s: float | None) -> Iterator[Outcome]:
    limits = ((Verdict.DOWN, bound.down_over), (Verdict.DEGRADED, bound.degraded_over))
    for verdict, limit in limits:
        if limit is None:
            continue
        if seen_s is None:
            # A phase that did not take place (no TLS on plain HTTP) has not been slow.
            continue
        broken = seen_s > limit
        yield Outcome(
            f"{name} time",
            verdict if broken else Verdict.UP,
            Reason.LATENCY if broken else Reason.OK,
            f"at most {limit:g}s",
            f"{seen_s:.3f}s",
        )


def _certificate_outcome(rule: CertificateRule, left_s: float) -> Outcome:
    days = f"{left_s / 86_400:.1f} days"
    for verdict, limit_s in ((Verdict.DOWN, rule.down_under), (Verdict.DEGRADED, rule.degraded_under)):
        if left_s < limit_s:
            wanted = f"at least {limit_s / 86_400:g} days left"
            return Outcome("certificate", verdict, Reason.CERTIFICATE, wanted, days)
    return Outcome("certificate", Verdict.UP, Reason.OK, f"at least {rule.degraded_under / 86_400:g} days left", days)


def _tls_outcome(lowest: str, seen: str | None) -> Outcome:
    number = (seen or "").removeprefix("TLS ")
    held = number in TLS_VERSIONS and TLS_VERSIONS.index(number) >= TLS_VERSIONS.index(lowest)
    return outcome("tls_version", held, Reason.TLS_VERSION, f"TLS {lowest} or later", seen)


def _status_outcome(wanted: tuple[str, ...], seen: int | None) -> Outcome:
    ranges, words = _ranges(wanted)
    held = seen is not None and any(low <= seen <= high for low, high in ranges)
    return outcome("status", held, Reason.STATUS, words, seen)


@lru_cache(maxsize=1024)
def _ranges(wanted: tuple[str, ...]) -> tuple[tuple[tuple[int, int], ...], str]:
    pairs = (text.partition("-") for text in wanted)
    return tuple((int(low), int(high or low)) for low, _, high in pairs), " or ".join(wanted)
