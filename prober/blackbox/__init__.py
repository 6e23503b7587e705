"""In blackbox_exporter's place: its modules file, its ``/probe``, its families, over our probes.

Kinds here bear the names of those in ``probes.yaml`` and measure with the same code; only what is asked and what is
expected comes from a module and a target instead of a check.
"""

from __future__ import annotations

from prober.blackbox.answer import Reply
from prober.blackbox.asking import Ask, Refused, read_ask
from prober.blackbox.modules import Module, Modules
from prober.blackbox.reading import read_modules
from prober.blackbox.targets import check_of

__all__ = ["TARGET_KINDS", "Ask", "Module", "Modules", "Refused", "Reply", "check_of", "read_ask", "read_modules"]

TARGET_KINDS = {
    "http": "prober.blackbox.http",
    "tcp": "prober.blackbox.tcp",
    "dns": "prober.blackbox.dns",
    "icmp": "prober.blackbox.icmp",
    "grpc": "prober.blackbox.grpc",
}
"""As ``probes.KINDS``."""
