"""Which browser to start, and whether its sandbox can be on."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from prober.faults import ProbeError
from prober.model import Reason
from prober.probes.browser.spec import BrowserSettings

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome")
HOW_TO_GET_ONE = "install one with `playwright install chromium` or your system's `chromium` package"


def find_browser(settings: BrowserSettings, environ: Mapping[str, str]) -> Path:
    """The executable to start: the config's, PROBER_BROWSER_EXECUTABLE, Playwright's own Chromium, the system's.

    Raises ProbeError(no_browser) where there is none, or where the one that was named cannot be run.
    """
    for source, named in (
        ("browser.executable", settings.executable),
        ("PROBER_BROWSER_EXECUTABLE", environ.get("PROBER_BROWSER_EXECUTABLE")),
    ):
        if named:
            if _runnable(Path(named)):
                return Path(named)
            problem = "is not executable" if Path(named).is_file() else "does not exist"
            raise ProbeError(Reason.NO_BROWSER, f"no browser: {source} is {named}, which {problem}")
    for candidate in (*_bundled(environ), *_installed(environ)):
        if _runnable(candidate):
            return candidate
    raise ProbeError(Reason.NO_BROWSER, f"no browser found: {HOW_TO_GET_ONE}")


def sandboxed(settings: BrowserSettings) -> bool:
    """Whether to start the browser with its sandbox; ``auto`` says no to root only, never to anyone else."""
    return settings.sandbox == "on" or (settings.sandbox == "auto" and os.geteuid() != 0)


def _runnable(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)


def _bundled(environ: Mapping[str, str]) -> Iterator[Path]:
    """Where Playwright's own installer puts the Chromium of its version."""
    package = importlib.util.find_spec("playwright")
    if package is None or package.origin is None:
        return
    root = Path(package.origin).parent / "driver" / "package"
    try:
        listed = json.loads((root / "browsers.json").read_text())["browsers"]
    except (OSError, ValueError, KeyError):
        return
    revision = next((one["revision"] for one in listed if one["name"] == "chromium"), None)
    cache = environ.get("PLAYWRIGHT_BROWSERS_PATH") or "~/.cache/ms-playwright"
    place = root / ".local-browsers" if cache == "0" else Path(cache).expanduser()
    yield from place.glob(f"chromium-{revision}/chrome-linux*/chrome")


def _installed(environ: Mapping[str, str]) -> Iterator[Path]:
    path = environ.get("PATH", os.defpath)
    found = (shutil.which(name, path=path) for name in NAMES)
    yield from (Path(one) for one in found if one)
    yield from (Path("/usr/bin") / name for name in NAMES)
