"""``prober run --set name=value``: parameters of journeys from the command line, over those of the configuration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from prober.faults import ConfigError, ConfigFault, UserFault
from prober.journey import find_journey
from prober.model import Check


def parse_settings(texts: Sequence[str]) -> dict[str, str]:
    """``["seats=2"]`` as ``{"seats": "2"}``. Raises UserFault for what is no NAME=VALUE."""
    settings = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name.isidentifier():
            # Not repeated whole: the value may be a secret.
            raise UserFault(f"--set {name.split()[0] if name.split() else ''}: expected NAME=VALUE, such as seats=2")
        settings[name] = value
    return settings


def with_settings(check: Check, settings: Mapping[str, str], base: Path) -> Check:
    """``check`` with ``settings`` over its own params.

    Raises UserFault where it takes none, ConfigFault where they are wrong.
    """
    journey: Any = getattr(check, "journey", None)
    declared = find_journey(journey, base) if journey else None
    if declared is None or "params" not in declared.arguments:
        raise UserFault(f"--set: {check.id} takes no params")
    params = {**getattr(check, "params", {}), **settings}
    wrong = declared.parameters.mistakes(params) if declared.parameters else ()
    if errors := [ConfigError(f"params.{name}", problem, None, hint) for name, problem, hint in wrong]:
        raise ConfigFault(journey, errors)
    return check.model_copy(update={"params": params})
