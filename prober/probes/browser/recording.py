"""What Playwright records of a whole run: its trace, a HAR, and video where it has the ffmpeg for that."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import shutil
import tempfile
import zipfile
from collections.abc import Awaitable
from pathlib import Path
from typing import Any

from playwright.async_api import BrowserContext

from prober.journey.evidence import Drawer
from prober.journey.veil import veil_har, veil_trace
from prober.journey.wanted import EvidenceSettings
from prober.journey.wire import Job
from prober.probes.browser.rescue import within

START_S = 2.0
STOP_S = 5.0
VIDEO_SIZE = {"width": 800, "height": 600}


def is_traced(job: Job) -> bool:
    """Whether this try is one that is recorded: every one, or the second and later ones of a run."""
    wanted = EvidenceSettings.model_validate(job.recording).trace
    return job.artifacts is not None and (wanted == "on" or (wanted == "retry" and job.attempt > 1))


class Recording:
    """The recorders of one try; each that fails is missing in the end, and nothing else happens."""

    def __init__(self, job: Job) -> None:
        self.traced = is_traced(job)
        # Moving pictures cannot be masked: a journey that is given secrets may show them in any frame.
        self.filmed = self.traced and not job.secrets
        self._scratch = Path(tempfile.mkdtemp(prefix="recording-")) if self.traced else None

    @property
    def options(self) -> dict[str, Any]:
        """What a new context must be told."""
        if self._scratch is None or not self.filmed or find_ffmpeg() is None:
            return {}
        return {"record_video_dir": self._scratch / "video", "record_video_size": VIDEO_SIZE}

    async def start(self, context: BrowserContext) -> None:
        """Record from now on."""
        if self._scratch is None:
            return
        await within(START_S, context.tracing.start(screenshots=self.filmed, snapshots=True, sources=False))
        await within(START_S, context.tracing.start_har(self._scratch / "run.har", content="omit", mode="full"))

    async def stop(self, context: BrowserContext, drawer: Drawer, keep: bool, haste: float) -> None:
        """Stop trace and HAR, and keep them if they are worth it."""
        if self._scratch is None:
            return
        raw, har = self._scratch / "trace.zip", self._scratch / "run.har"
        if await within(STOP_S * haste, _done(context.tracing.stop_har())) and keep:
            await self._keep(drawer, "har", har)
        if await within(STOP_S * haste, _done(context.tracing.stop(path=raw))) and keep:
            await self._keep(drawer, "trace", raw)

    def keep_video(self, drawer: Drawer, keep: bool) -> None:
        """Keep what was filmed, which is there only once its context is closed; nothing of ours stays behind."""
        if self._scratch is None:
            return
        films = sorted((self._scratch / "video").glob("*.webm")) if keep else []
        for number, film in enumerate(films, start=1):
            drawer.keep("video", f"video-{number}.webm", film.read_bytes())
        shutil.rmtree(self._scratch, ignore_errors=True)

    async def _keep(self, drawer: Drawer, kind: str, file: Path) -> None:
        veil = drawer.veil
        try:
            if kind == "har":
                content = await asyncio.to_thread(lambda: veil_har(file.read_bytes(), veil))
            else:
                clean = file.with_suffix(".clean.zip")
                await asyncio.to_thread(veil_trace, file, clean, veil)
                content = clean.read_bytes()
        except (OSError, ValueError, zipfile.BadZipFile):  # half written: better none than one that was not cleaned
            return
        drawer.keep(kind, f"run.{'har' if kind == 'har' else 'trace.zip'}", content)


def find_ffmpeg() -> Path | None:
    """The ffmpeg that Playwright records video with, where its installer put one; no other will do."""
    package = importlib.util.find_spec("playwright")
    if package is None or package.origin is None:
        return None
    root = Path(package.origin).parent / "driver" / "package"
    try:
        listed = json.loads((root / "browsers.json").read_text())["browsers"]
    except (OSError, ValueError, KeyError):
        return None
    revision = next((one["revision"] for one in listed if one["name"] == "ffmpeg"), None)
    cache = os.environ.get("PLAYWRIGHT_BROWSERS_PATH") or "~/.cache/ms-playwright"
    place = root / ".local-browsers" if cache == "0" else Path(cache).expanduser()
    found = place / f"ffmpeg-{revision}" / "ffmpeg-linux"
    return found if found.is_file() and os.access(found, os.X_OK) else None


async def _done(call: Awaitable[object]) -> bool:
    await call
    return True
