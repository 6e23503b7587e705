"""Synthetic monitoring: HTTP, TCP and real-browser checks. This is what the author of a journey imports."""

__version__ = "0.1.0"

USER_AGENT = f"prober/{__version__} (+https://github.com/eventchain/prober)"
"""Who asks, for the logs of what is asked; a shop leaves orders that carry it out of its sales."""

from prober.journey import journey, measure, step  # noqa: E402 - the rooms below read the version above

__all__ = ["USER_AGENT", "__version__", "journey", "measure", "step"]
