"""Synthetic monitoring: HTTP, TCP and real-browser checks. This is what the author of a journey imports."""

from prober.journey import journey, measure, step

__all__ = ["__version__", "journey", "measure", "step"]

__version__ = "0.1.0"
