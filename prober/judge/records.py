"""What a DNS answer must hold."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import BeforeValidator, Field

from prober.judge.expect import TlsExpect
from prober.judge.outcome import outcome
from prober.judge.texts import Patterns, listed, search
from prober.model import Observation, Outcome, Reason, Strict

RCODES = {"NXDOMAIN": Reason.DNS_NXDOMAIN, "SERVFAIL": Reason.DNS_SERVFAIL, "REFUSED": Reason.DNS_REFUSED}

Rcode = Annotated[str, Field(pattern=r"^[A-Z]+[0-9]*$")]
Rcodes = Annotated[tuple[Rcode, ...], BeforeValidator(listed), Field(strict=False)]


class RecordRule(Strict):
    """What a section of the answer must hold; a record is a line such as ``example.org. 300 IN A 192.0.2.1``, with
    tabs between its fields."""

    least: Annotated[int, Field(ge=0)] | None = None
    """The fewest records that are enough."""
    matches: Patterns = ()
    """RE2 patterns, each of which must be found in some record."""
    not_matches: Patterns = ()
    """RE2 patterns that must be found in no record."""


class DnsExpect(TlsExpect):
    """What is expected of an answer over DNS."""

    rcode: Rcodes = ("NOERROR",)
    """The response codes that are good, such as NOERROR or NXDOMAIN."""
    answer: RecordRule = RecordRule()
    """What the answer section must hold."""
    authority: RecordRule = RecordRule()
    """What the authority section must hold."""
    additional: RecordRule = RecordRule()
    """What the additional section must hold."""

    def outcomes(self, seen: Observation, now: float) -> Iterator[Outcome]:
        if "rcode" in seen.facts:
            yield rcode_outcome(self.rcode, str(seen.facts["rcode"]))
            for name in ("answer", "authority", "additional"):
                yield from _record_outcomes(name, getattr(self, name), seen)
        yield from super().outcomes(seen, now)


def rcode_outcome(wanted: tuple[str, ...], seen: str) -> Outcome:
    """Whether the response code is one of those wanted."""
    return outcome("rcode", seen in wanted, RCODES.get(seen, Reason.DNS), " or ".join(wanted), seen)


def _record_outcomes(name: str, rule: RecordRule, seen: Observation) -> Iterator[Outcome]:
    records = [record.encode() for record in seen.facts[name]]
    shown = ", ".join(seen.facts[name]) or None
    if rule.least is not None:
        count = seen.facts[f"{name}_count"]
        yield outcome(name, count >= rule.least, Reason.ANSWER, f"at least {rule.least} records", count)
    for pattern in rule.matches:
        held = any(search(pattern, record) for record in records)
        yield outcome(name, held, Reason.ANSWER, f"a record that matches {pattern!r}", shown)
    for pattern in rule.not_matches:
        held = not any(search(pattern, record) for record in records)
        yield outcome(name, held, Reason.ANSWER, f"no record that matches {pattern!r}", shown)
