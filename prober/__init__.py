"""Synthetic monitoring: HTTP, TCP and real-browser checks. This is what the author of a journey imports."""

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

USER_AGENT = f"prober/{__version__} (+https://github.com/eventchain/prober)"
"""Who asks, for the logs of what is asked; a shop leaves orders that carry it out of its sales."""

from prober.journey import (  # noqa: E402 - the rooms below read the version above
    journey,
    logged_in,
    measure,
    share_cookies,
    step,
    totp,
)

if TYPE_CHECKING:
    from prober.secret import Secret

__all__ = [
    "USER_AGENT",
    "Secret",
    "__version__",
    "journey",
    "logged_in",
    "measure",
    "share_cookies",
    "step",
    "totp",
]


def __getattr__(name: str) -> Any:
    # Secret needs pydantic, which a journey without parameters need not pay for.
    if name != "Secret":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from prober.secret import Secret

    return Secret
