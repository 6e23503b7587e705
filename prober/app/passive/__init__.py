"""Passive checks: what cron jobs and other systems say of themselves, and what their silence says."""

from prober.app.passive.checks import Passive
from prober.app.passive.intake import Intake

__all__ = ["Intake", "Passive"]
