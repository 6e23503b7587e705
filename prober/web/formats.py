"""The formats ``/metrics`` comes in, and which of them is asked for."""

from __future__ import annotations

OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"


def wants_openmetrics(accept: str) -> bool:
    """Whether ``Accept`` ranks OpenMetrics 1.0.0 at least as high as plain text, which is what all others get."""
    best = {"application/openmetrics-text": 0.0, "text/plain": 0.0}
    for media, told in map(_read, accept.lower().split(",")):
        if media in best and (media == "text/plain" or told.get("version", "1.0.0") == "1.0.0"):
            best[media] = max(best[media], _weight(told.get("q", "1")))
    return best["application/openmetrics-text"] > 0 and best["application/openmetrics-text"] >= best["text/plain"]


def _read(part: str) -> tuple[str, dict[str, str]]:
    media, *parameters = (one.strip() for one in part.split(";"))
    pairs = (one.partition("=") for one in parameters)
    return media, {name.strip(): value.strip(' "') for name, _, value in pairs}


def _weight(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
