"""Journeys: what they are written with, how their files are read, and the worker processes they run in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prober.journey.authoring import journey, logged_in, measure, step
from prober.journey.sessions import share_cookies
from prober.journey.totp import totp

if TYPE_CHECKING:
    from prober.journey.declaration import Declaration, find_journey, read_journeys

__all__ = [
    "Declaration",
    "find_journey",
    "journey",
    "logged_in",
    "measure",
    "read_journeys",
    "share_cookies",
    "step",
    "totp",
]


def __getattr__(name: str) -> Any:
    # An author's import must not cost pydantic; who reads journey files has it anyway.
    if name not in __all__:
        raise AttributeError(name)
    from prober.journey import declaration

    return getattr(declaration, name)
