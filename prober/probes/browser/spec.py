"""What a browser check and the config's ``browser`` section may say. Nothing here needs Playwright."""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from prober.journey.cores import usable_cores
from prober.journey.memory import limit_bytes
from prober.journey.tracing import origin
from prober.journey.wanted import EvidenceSettings
from prober.judge import BrowserExpect
from prober.model import Check, Duration, Identifier, Strict
from prober.probes.browser.profile import DEFAULT, PROFILES, Throttle
from prober.secret import Secret

BYTES_PER_SLOT = 1 << 30

Origin = Annotated[str, AfterValidator(origin)]
Variable = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
EngineName = Literal["chromium", "firefox", "webkit"]
CDP = "cdp+"


def _endpoint(secret: Secret) -> Secret:
    parts = urlsplit(secret.reveal().removeprefix(CDP))
    if parts.scheme not in ("ws", "wss", "http", "https") or not parts.hostname or parts.port == 0:
        raise ValueError("expected ws://HOST:PORT of a Playwright server or http://HOST:PORT of a browser's DevTools")
    return secret


class BrowserSettings(Strict):
    """The browsers that journeys run in."""

    executable: str | None = None
    """Path of a Chromium or Chrome; without it PROBER_BROWSER_EXECUTABLE, Playwright's own, then the system's."""
    slots: Annotated[int, Field(ge=1, le=64)] | None = None
    """Journeys at a time, each with a browser of its own; by default one less than the cores, 1 GiB of memory each."""
    sandbox: Literal["auto", "on", "off"] = "auto"
    """Chromium's sandbox: auto has it on, except for root, for whom Chromium refuses it."""
    args: Annotated[tuple[str, ...], Field(strict=False)] = ()
    """More command line arguments for the browser."""
    headless: bool = True
    """false shows the browser's window."""
    evidence: EvidenceSettings = EvidenceSettings()
    """What is kept of journeys, to explain how they went."""
    engine: EngineName = "chromium"
    """chromium, or Playwright's own build of firefox or webkit; checks may say another one."""
    connect: Annotated[Secret, AfterValidator(_endpoint)] | None = None
    """Where browsers run instead of here: ws://HOST of a Playwright server, or http://HOST of a browser's DevTools
    (cdp+ws://HOST where a grid speaks CDP right at its ws address). May hold a token, so it is treated as a secret."""
    pinned: bool = True
    """Whether browsers stay on cores of their own, away from the prober's, where there are two or more."""

    @model_validator(mode="after")
    def _only_chromium_speaks_cdp(self) -> BrowserSettings:
        if self.connect is not None and self.engine != "chromium" and not self.connect.reveal().startswith("ws"):
            raise ValueError(f"connect: {self.engine} needs the ws:// or wss:// address of a Playwright server")
        return self

    def slot_count(self) -> int:
        """The number of slots asked for, or what this machine and the cgroup we are in can bear."""
        if self.slots is not None:
            return self.slots
        return max(1, min(usable_cores() - 1, limit_bytes() // BYTES_PER_SLOT))

    def for_engine(self, engine: EngineName | None) -> BrowserSettings:
        """These settings for ``engine``; the path, arguments and address are of the one they were written for."""
        if engine in (None, self.engine):
            return self
        return self.model_copy(update={"engine": engine, "executable": None, "args": (), "connect": None})


class Spec(Check):
    """A journey in a real browser: does what its file says, step by step, and measures every page on the way."""

    kind: Literal["browser"] = "browser"
    """What the check speaks: browser."""
    journey: Annotated[str, Field(min_length=1)]
    """The journey's file, such as checks/purchase.py; ``FILE::name`` chooses one of several."""
    params: dict[str, str | int | float | bool] = {}
    """Values for the journey's ``params``."""
    env: Annotated[tuple[Variable, ...], Field(strict=False)] = ()
    """Environment variables the journey is given, beside those its decorator names; their values are masked."""
    interval: Annotated[Duration, Field(ge=0.1, le=30 * 86_400)] = 300.0
    """Time between the starts of two runs, on fixed slots."""
    timeout: Annotated[Duration, Field(ge=1, le=3600)] = 60.0
    """One absolute deadline over the whole run, the browser's start included; must not exceed the interval."""
    profile: Identifier = DEFAULT
    """What the browser pretends to be, and a label of all results: desktop, desktop-4g, mobile, mobile-4g, mobile-3g,
    or a name of your own beside ``throttle``."""
    throttle: Throttle | None = None
    """How the browser is slowed down, over the profile's own."""
    browser: EngineName | None = None
    """chromium, firefox or webkit, where it is another one than ``engine`` of the ``browser`` section says."""
    block: Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(strict=False)] = ()
    """URLs that are never asked for; ``*`` stands for anything, as in "*://*.doubleclick.net/*"."""
    first_party: Annotated[tuple[Origin, ...], Field(strict=False)] = ()
    """Origins of your own, such as https://shop.example: their requests carry ``traceparent``, one trace a run, and
    ``X-Synthetic-Check``."""
    expect: BrowserExpect = BrowserExpect()
    """Budgets on vitals and steps."""

    @model_validator(mode="after")
    def _profile_is_known(self) -> Spec:
        if self.profile not in PROFILES and self.throttle is None:
            known = ", ".join(PROFILES)
            raise ValueError(f"no such profile: expected one of {known}, or a name of your own beside throttle")
        return self

    @property
    def address_text(self) -> str:
        return self.journey
