"""Pages of single runs: what was seen, step by step, and two runs held against each other."""

from prober.web.runs.asking import AT_ONCE, asked
from prober.web.runs.page import run_routes

__all__ = ["AT_ONCE", "asked", "run_routes"]
