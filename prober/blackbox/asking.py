"""A request for ``/probe``, read by blackbox_exporter's rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote

from prober.blackbox.modules import Module, Modules

DEFAULT_MODULE = "http_2xx"
UNLIMITED_S = 120.0
SHORTEST_S = 0.01
_YES = frozenset({"1", "t", "T", "true", "TRUE", "True"})


class Refused(Exception):
    """A request that leads to no probe; ``status`` is what HTTP says of it."""

    def __init__(self, status: int, message: str) -> None:
        self.status = status
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Ask:
    """What is to be probed, by which module, for how long."""

    name: str
    module: Module
    target: str
    timeout_s: float
    hostname: str | None = None
    debug: bool = False


def read_ask(query: Mapping[str, str], scrape_timeout: str | None, modules: Modules, offset_s: float) -> Ask:
    """What ``query`` asks for; ``scrape_timeout`` is Prometheus' header. Raises Refused."""
    name = query.get("module") or DEFAULT_MODULE
    module = modules.modules.get(name)
    if module is None:
        raise Refused(400, f'Unknown module "{name}"')
    timeout_s = probe_timeout_s(module.timeout, scrape_timeout, offset_s)
    target = unquote(query.get("target", ""))
    if not target:
        raise Refused(400, "Target parameter is missing")
    hostname = query.get("hostname") or None
    given = next((value for key, value in module.http.headers.items() if key.lower() == "host"), None)
    if hostname and module.prober == "http" and given is not None and given != hostname:
        raise Refused(
            400,
            f"Host header defined both in module configuration ({given}) and with URL-parameter 'hostname' "
            f"({hostname})",
        )
    return Ask(name, module, target, timeout_s, hostname, query.get("debug", "") in _YES)


def probe_timeout_s(module_s: float, scrape_timeout: str | None, offset_s: float) -> float:
    """How long a probe may take: the module's word, or what Prometheus leaves, whichever is shorter. Raises Refused."""
    try:
        scrape_s = float(scrape_timeout) if scrape_timeout else UNLIMITED_S
    except ValueError:
        raise Refused(500, f"Failed to parse timeout from Prometheus header: {scrape_timeout!r}") from None
    if not 0 <= scrape_s < float("inf"):
        raise Refused(500, f"Failed to parse timeout from Prometheus header: {scrape_timeout!r}")
    if scrape_s == 0:
        scrape_s = UNLIMITED_S
    left_s = scrape_s - offset_s if offset_s < scrape_s else scrape_s
    return max(SHORTEST_S, min(module_s, left_s) if module_s > 0 else left_s)
