"""Browser checks: a journey file, run in a worker process with a real Chromium."""

from prober.probes.browser.probe import open_probe
from prober.probes.browser.spec import BrowserSettings, Spec

__all__ = ["BrowserSettings", "Spec", "open_probe"]
