"""What the config's ``browser: evidence`` section may say. Nothing here needs Playwright."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from prober.model import Strict


class EvidenceSettings(Strict):
    """What is kept of journeys, to explain how they went."""

    keep: Literal["failure", "always"] = "failure"
    """always keeps evidence.json of passing runs too, and a picture at the end of every step."""
    trace: Literal["retry", "on", "off"] = "retry"
    """Playwright trace, HAR and, where Playwright has its ffmpeg, video: of second tries that fail, of every run, or
    never. They cost time, so that they are kept from the first try."""
    full_page: bool = False
    """Whether the picture of a failure shows the whole page instead of what a visitor sees of it."""
    filmstrip: bool = False
    """Whether two pictures a second are taken all along; not of journeys that are given secrets."""
    limit_mib: Annotated[int, Field(ge=3, le=1024)] = 20
    """The most that is kept of one run, in MiB; what does not fit is left out, and the result says so."""
