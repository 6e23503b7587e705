"""Draws the events' pictures that ship with the package; `python -m prober.demo.artwork [CHROMIUM]` repaints them."""

from __future__ import annotations

import base64
import sys
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from prober.demo.catalogue import EVENTS

_HERE = Path(__file__).parent
_SIZES = {"": (1440, 600, 0.72), "-card": (640, 300, 0.7)}


def paint(target: Path, chromium: Path | None = None) -> None:
    """Write every event's hero and card as WebP into `target`. Raises `playwright.sync_api.Error` without a browser."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page()
        for script in ("brush.js", "landscapes.js", "stages.js"):
            page.add_script_tag(path=_HERE / "drawings" / script)
        for event_id in EVENTS:
            for suffix, size in _SIZES.items():
                (target / f"{event_id}{suffix}.webp").write_bytes(_picture(page, event_id, *size))
        browser.close()


def _picture(page: Page, event_id: str, width_px: int, height_px: int, quality: float) -> bytes:
    url = page.evaluate(
        "([id, width, height, quality]) => paint(id, width, height, quality)", [event_id, width_px, height_px, quality]
    )
    return base64.b64decode(url.partition(",")[2])


if __name__ == "__main__":
    paint(_HERE / "static" / "events", Path(sys.argv[1]) if len(sys.argv) > 1 else None)
