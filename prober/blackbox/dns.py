"""What a module of prober dns asks of a server, and what it expects of the answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from prober.blackbox.addresses import choose
from prober.blackbox.modules import DnsModule, RecordRules
from prober.faults import ProbeError
from prober.judge import DnsExpect
from prober.judge.outcome import outcome
from prober.judge.records import rcode_outcome
from prober.judge.texts import search
from prober.model import Observation, Outcome, Reason
from prober.net import shown_place
from prober.probes import Context, dns

_SECTIONS = ("answer", "authority", "additional")


class DnsRules(DnsExpect):
    """What the module has to say of an answer."""

    module: DnsModule

    def outcomes(self, seen: Observation, now: float) -> Iterator[Outcome]:
        if seen.failure is not None:
            return
        yield rcode_outcome(self.module.valid_rcodes or ("NOERROR",), str(seen.facts["rcode"]))
        for name in _SECTIONS:
            rules: RecordRules = getattr(self.module, f"validate_{name}_rrs")
            yield from _section_outcomes(name, rules, [record.encode() for record in seen.facts[name]])


class Target(dns.Spec):
    """A server as a module of prober dns asks it."""

    module: DnsModule
    expect: DnsRules

    def _server_is_a_place(self) -> Target:  # type: ignore[override]
        return self  # a target that is none is a failed probe, not a mistake of the configuration

    @property
    def address_text(self) -> str:
        return self.server


def target(name: str, module: DnsModule, text: str, hostname: str | None, **common: Any) -> Target:
    """The check of the server ``text`` by ``module``."""
    values: dict[str, Any] = {
        "server": text,
        "name": module.query_name,
        "type": module.query_type,
        "class": module.query_class,
        "transport": "tls" if module.dns_over_tls else module.transport_protocol.rstrip("46"),
        "recursion": module.recursion_desired,
        "tls": module.tls_config.options(""),
    }
    return Target(id=name, module=module, expect=DnsRules(module=module), **values, **common)


async def probe(check: Target, ctx: Context) -> Observation:
    """Run ``check`` once. Raises ProbeError for a target that is no server."""
    try:
        shown_place(check.server, check.port)
    except ValueError as error:
        raise ProbeError(Reason.CONNECT, f"{check.server[:200]!r}: {error}") from None
    return await dns.conduct(_Run(check, ctx))


class _Run(dns.Run):
    async def resolve(self, host: str) -> tuple[str, ...]:
        module: DnsModule = self.check.module  # type: ignore[attr-defined]
        if module.transport_protocol[-1] in "46":
            forced = {"preferred_ip_protocol": f"ip{module.transport_protocol[-1]}", "ip_protocol_fallback": False}
            module = module.model_copy(update=forced)
        return (await choose(host, module, self.ctx)).addresses


def _section_outcomes(name: str, rules: RecordRules, records: list[bytes]) -> Iterator[Outcome]:
    wanted = (*rules.fail_if_not_matches_regexp, *rules.fail_if_none_matches_regexp)
    if wanted and not records:
        yield outcome(name, False, Reason.ANSWER, f"records that match {wanted[0]!r}", None)
    for pattern in rules.fail_if_matches_regexp:
        held = not any(search(pattern, record) for record in records)
        yield outcome(name, held, Reason.ANSWER, f"no record to match {pattern!r}", "one that does")
    # Its name says the opposite; this is what it does, and what everybody's rules rely on.
    for pattern in (*rules.fail_if_all_match_regexp, *rules.fail_if_not_matches_regexp):
        held = all(search(pattern, record) for record in records)
        yield outcome(name, held, Reason.ANSWER, f"every record to match {pattern!r}", "one that does not")
    found = any(search(pattern, record) for pattern in rules.fail_if_none_matches_regexp for record in records)
    if rules.fail_if_none_matches_regexp:
        words = " or ".join(map(repr, rules.fail_if_none_matches_regexp))
        yield outcome(name, found, Reason.ANSWER, f"a record to match {words}", "none that does")
