"""For how long there may be silence."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

MORNING = 8


def silences(wall: float) -> Mapping[str, tuple[float, str]]:
    """Seconds and words, by the value that a form sends, at ``wall``."""
    now = datetime.fromtimestamp(wall, UTC)
    tomorrow = (now + timedelta(days=1)).replace(hour=MORNING, minute=0, second=0, microsecond=0)
    return {
        "1h": (3_600.0, "1 hour"),
        "4h": (4 * 3_600.0, "4 hours"),
        "tomorrow": ((tomorrow - now).total_seconds(), f"until tomorrow, {tomorrow:%d %b %H:%M} UTC"),
    }
