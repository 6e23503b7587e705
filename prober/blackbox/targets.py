"""A module and a target as a Check of its own, for one run."""

from __future__ import annotations

import re
from importlib import import_module

from prober.blackbox.asking import Ask
from prober.model import Check

LONGEST_S = 3_600.0
_UNFIT = re.compile(r"[^A-Za-z0-9._-]")


def check_of(ask: Ask, kinds: dict[str, str]) -> Check:
    """The check that ``ask`` is for, of one of ``kinds``."""
    kind = ask.module.prober
    check: Check = import_module(kinds[kind]).target(
        f"probe-{_UNFIT.sub('_', ask.name)[:80]}",
        getattr(ask.module, kind),
        ask.target,
        ask.hostname,
        timeout=f"{min(ask.timeout_s, LONGEST_S):.6f}s",
        interval="1h",
    )
    return check
