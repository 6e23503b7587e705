"""Browser checks: a journey file, run in a worker process with a real Chromium."""

from typing import TYPE_CHECKING, Any

from prober.probes.browser.spec import BrowserSettings, Spec

if TYPE_CHECKING:
    from prober.probes.browser.probe import open_probe

__all__ = ["BrowserSettings", "Spec", "open_probe"]


def __getattr__(name: str) -> Any:
    # Every configuration has settings of browsers; what runs them is needed where there is one to run.
    if name != "open_probe":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from prober.probes.browser.probe import open_probe

    return open_probe
