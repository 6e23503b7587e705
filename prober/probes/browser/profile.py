"""Profiles: the device, network and processor a journey pretends to have. Nothing here needs Playwright."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field

from prober.model import Duration, Strict

DEFAULT = "desktop"


class Throttle(Strict):
    """How much slower than this machine the browser is made."""

    latency: Annotated[Duration, Field(ge=0, le=60)] = 0.0
    """Added to every request, as a far or slow network would."""
    download_kbps: Annotated[float, Field(gt=0, strict=False)] | None = None
    """The most the network takes in, in kilobits a second."""
    upload_kbps: Annotated[float, Field(gt=0, strict=False)] | None = None
    """The most the network sends, in kilobits a second."""
    cpu: Annotated[float, Field(ge=1, le=100)] = 1.0
    """How many times slower scripts run."""


@dataclass(frozen=True, slots=True)
class Profile:
    """A device of Playwright's list, if any, and how it is slowed down."""

    device: str | None = None
    throttle: Throttle | None = None


def _slow(latency: str, download_kbps: float, upload_kbps: float, cpu: float = 1.0) -> Throttle:
    limits = {"latency": latency, "download_kbps": download_kbps, "upload_kbps": upload_kbps, "cpu": cpu}
    return Throttle.model_validate(limits)


# The figures of Lighthouse's throttling presets (its core/config/constants.js).
PROFILES: Mapping[str, Profile] = {
    "desktop": Profile(),
    "desktop-4g": Profile(None, _slow("40ms", 10_240.0, 10_240.0)),
    "mobile": Profile("Pixel 7"),
    "mobile-4g": Profile("Pixel 7", _slow("150ms", 1_638.4, 750.0, cpu=4.0)),
    "mobile-3g": Profile("Pixel 7", _slow("300ms", 700.0, 700.0, cpu=4.0)),
}


def network_of(throttle: Throttle | None, block: tuple[str, ...], first_party: tuple[str, ...]) -> dict[str, Any]:
    """What a worker is told of its network, as plain values; nothing where nothing is asked for."""
    told = {"throttle": throttle and throttle.model_dump(), "block": list(block), "first_party": list(first_party)}
    return {name: value for name, value in told.items() if value}
