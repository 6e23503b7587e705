"""The decorator of values that are made for every run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dataclasses import dataclass as record
else:

    def record(*, frozen: bool, slots: bool) -> Any:
        """As ``dataclass``, but frozen for the type checker alone: at run time every field of it would cost a call."""
        return dataclass(slots=slots, unsafe_hash=frozen)


__all__ = ["record"]
