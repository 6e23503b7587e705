"""The requests of a run as its page shows them: by type and party, the first, the slowest or those that failed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from prober.panels import Row, split_url, third_party, waterfall

FIRST = 60
SLOWEST = 25
FAILED = 60
VIEWS = {"": "In order", "slowest": "Slowest", "failed": "Failed", "third-party": "Third party"}


def requests_of(evidence: Mapping[str, Any], view: str) -> Row | None:
    """What is shown of the requests in ``view``, a key of ``VIEWS`` or a type; None where none were kept."""
    made: Sequence[Row] = sorted(evidence.get("requests", ()), key=lambda request: request["began_s"])
    if not made:
        return None
    home = split_url(made[0]["url"]).netloc
    types = _types(made, home)
    view = view if view in VIEWS or any(one["type"] == view for one in types) else ""
    chosen = _chosen(made, view, home)
    water = waterfall(evidence, chosen)
    return None if water is None else {**water, "types": types, "view": view, "views": VIEWS, "shown": len(chosen)}


def failed(request: Mapping[str, Any]) -> bool:
    """Whether it had no good answer."""
    return bool(request.get("error")) or (request["status"] or 0) >= 400


def _chosen(made: Sequence[Row], view: str, home: str) -> list[Row]:
    """At most so many; of those in order the failed ones in any case, since they are what is looked for."""
    if view == "slowest":
        return sorted(made, key=lambda one: one["duration_s"] or 0.0, reverse=True)[:SLOWEST]
    if view == "failed":
        return [one for one in made if failed(one)][:FAILED]
    if view == "third-party":
        return [one for one in made if third_party(split_url(one["url"]).netloc, home)][:FIRST]
    if view:
        return [one for one in made if one["type"] == view][:FIRST]
    return [*made[:FIRST], *[one for one in made[FIRST:] if failed(one)][:FAILED]]


def _types(made: Sequence[Row], home: str) -> list[Row]:
    """Sums by type, the largest first."""
    found: dict[str, Row] = {}
    for one in made:
        row = found.setdefault(one["type"], {"type": one["type"], "count": 0, "bytes": 0, "failed": 0, "third": 0})
        row["count"] += 1
        row["bytes"] += one["bytes"] or 0
        row["failed"] += failed(one)
        row["third"] += third_party(split_url(one["url"]).netloc, home)
    return sorted(found.values(), key=lambda row: (-row["bytes"], row["type"]))
