"""A target as a module of prober icmp asks it."""

from __future__ import annotations

from typing import Any

from prober.blackbox.addresses import choose
from prober.blackbox.modules import IcmpModule
from prober.faults import ProbeError
from prober.model import Observation, Reason
from prober.net import ascii_host
from prober.probes import Context, icmp


class Target(icmp.Spec):
    """A host to ask."""

    host: str
    module: IcmpModule


def target(name: str, module: IcmpModule, text: str, hostname: str | None, **common: Any) -> Target:
    """The check of the host ``text`` by ``module``."""
    return Target(
        id=name,
        host=text.strip("[]"),
        payload_bytes=module.payload_size,
        ttl=module.ttl or None,
        dont_fragment=module.dont_fragment,
        source=module.source_ip_address,
        module=module,
        **common,
    )


async def probe(check: Target, ctx: Context) -> Observation:
    """Run ``check`` once. Raises ProbeError for a target that is no host."""
    try:
        ascii_host(check.host)
    except ValueError as error:
        raise ProbeError(Reason.CONNECT, f"{check.host[:200]!r}: {error}") from None
    return await icmp.conduct(_Run(check, ctx))


class _Run(icmp.Run):
    async def resolve(self, host: str) -> str:
        module: IcmpModule = self.check.module  # type: ignore[attr-defined]
        return (await choose(host, module, self.ctx)).addresses[0]
