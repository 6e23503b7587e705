"""A check's configuration as people wrote it: what is left at its default stays out, secrets show themselves as ***."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from prober.model import Check
from prober.secret import MASK, redact_url, sounds_secret


def as_yaml(check: Check) -> str:
    """The YAML of ``check``; what may hold a credential is masked by its name as well."""
    told = check.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    whole = {"id": check.id, "kind": check.kind} | told
    text: str = yaml.safe_dump(masked(whole), sort_keys=False, allow_unicode=True, width=100)
    return text


def masked(value: Any, inside: str = "") -> Any:
    """A configuration's values without what sounds like a credential."""
    if isinstance(value, Mapping):
        return {key: masked(one, key) if not _credential(inside, key, one) else MASK for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [masked(one, inside) for one in value]
    if isinstance(value, str) and "://" in value:
        try:
            return redact_url(value)
        except ValueError:
            return MASK
    return value


def _credential(inside: str, key: str, value: Any) -> bool:
    """A header, cookie or query that sounds like one: elsewhere the words are ours, and a ``Secret`` masks itself."""
    return isinstance(value, str) and inside in ("headers", "cookies", "query", "params", "env") and sounds_secret(key)
