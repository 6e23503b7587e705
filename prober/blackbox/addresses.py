"""The one address that blackbox_exporter would dial: of the preferred family, else of the other where that may be."""

from __future__ import annotations

from prober.blackbox.modules import Dialled
from prober.net import Family, Resolution, guard
from prober.probes import Context

_FAMILIES: dict[str, Family] = {"ip4": "v4", "ip6": "v6"}


async def choose(host: str, wanted: Dialled, ctx: Context) -> Resolution:
    """A single address of ``host`` that may be dialled. Raises ProbeError(dns, dns_*, address_blocked)."""
    family = _FAMILIES[wanted.preferred_ip_protocol]
    asked: Family = "any" if wanted.ip_protocol_fallback else family
    found = await ctx.net.resolve(host, asked, ctx.deadline, ctx.clock)
    preferred = [address for address in found.addresses if (":" in address) == (family == "v6")]
    chosen = (preferred or list(found.addresses))[0]
    guard(chosen, allow_link_local=False, after_public=False)
    return Resolution((chosen,), found.duration_s)
