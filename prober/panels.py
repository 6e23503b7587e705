"""What pages and reports show of a run, from its JSON and its evidence.json to shares of a width and short texts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import SplitResult, urlsplit

# Good and poor by https://web.dev/articles/vitals: seconds, and a plain number for cls.
THRESHOLDS = {"ttfb": (0.8, 1.8), "fcp": (1.8, 3.0), "lcp": (2.5, 4.0), "cls": (0.1, 0.25), "inp": (0.2, 0.5)}
NAMES = {
    "lcp": "Largest Contentful Paint",
    "inp": "Interaction to Next Paint",
    "cls": "Cumulative Layout Shift",
    "fcp": "First Contentful Paint",
    "ttfb": "Time to First Byte",
    "tbt": "Total Blocking Time",
}
# Beside the field's: https://developer.chrome.com/docs/lighthouse/performance/lighthouse-total-blocking-time
LIMITS = {**THRESHOLDS, "tbt": (0.2, 0.6)}
LCP_PARTS = ("ttfb", "load_delay", "load_time", "render_delay")
GOOD_SHARE, POOR_SHARE = 45.0, 78.0  # of a tile's scale: where good ends and where poor begins
TICKS = 4
NARROWEST = 0.25  # percent; what is there must be seen
RATINGS = {"good": "good", "fair": "needs improvement", "poor": "poor"}

Row = dict[str, Any]

_NUMBERS = re.compile(r"[\d.]+$|.*:")
_SHORT_NAMES = re.compile(r"\w{1,3}\.\w\w$")


def milliseconds(seconds: float) -> str:
    """Seconds as people compare them: ``12.3 ms``, ``1.25 s``."""
    return f"{seconds * 1000:.1f} ms" if seconds < 1 else f"{seconds:.2f} s"


def tiles(result: Mapping[str, Any]) -> list[Row]:
    """Each vital at its worst over all pages, with its place on a scale of good, middling and poor."""
    found = []
    for name, title in NAMES.items():
        seen = [(value, page) for page in _pages(result) if (value := vital(page, name)) is not None]
        if seen:
            value, page = max(seen, key=lambda one: one[0])
            found.append(
                {**rated(name, value), "title": title, "where": _path(page["url"]), "share": _share(name, value)}
            )
    return found


def steps(result: Mapping[str, Any], evidence: Mapping[str, Any]) -> list[Row]:
    """The steps on one time line, each with its pages and their vitals."""
    began = {number: step["began_s"] for number, step in enumerate(evidence.get("steps", ()))}
    shown, end = [], 0.0
    for number, step in enumerate(result["steps"]):
        start = began.get(number, end)
        end = start + step["duration_s"]
        shown.append({**step, "began_s": start, "pages": [_page(page) for page in step["navigations"]]})
    for step in shown:
        step["bar"] = bar(step["began_s"], step["duration_s"], end)
    return shown


def phases(result: Mapping[str, Any]) -> list[Row]:
    """The phases of a check that is one request, as shares of its whole time."""
    named = named_phases(result)
    total = sum(named.values())
    return stacked(named, 0.0, total) if total and not result["steps"] else []


def named_phases(result: Mapping[str, Any]) -> dict[str, float]:
    """The phases that were measured, without their sum."""
    return {name: value for name, value in result["phases"].items() if name != "total" and value is not None}


def calls(result: Mapping[str, Any]) -> list[Row]:
    """The requests of an API journey one after another; the time between them is not known here."""
    told = result["facts"].get("http_requests", ())
    total, began, rows = sum(call["duration_s"] for call in told), 0.0, []
    host = split_url(told[0]["url"]).netloc if told else ""
    for call in told:
        rows.append(_request({**call, "type": "", "began_s": began, "bytes": None, "cached": False}, total, host))
        began += call["duration_s"]
    return rows


def waterfall(evidence: Mapping[str, Any], chosen: Sequence[Mapping[str, Any]] | None = None) -> Row | None:
    """Requests, all or those ``chosen``, under the steps that made them, each step on a time line of its own; None
    where there were none at all.
    """
    requests = sorted(evidence.get("requests", ()), key=lambda request: request["began_s"])
    if not requests:
        return None
    names: dict[int | None, str] = {n: step["name"] for n, step in enumerate(evidence.get("steps", ()))}
    names[None] = "Before the first step"
    host = split_url(requests[0]["url"]).netloc
    by_step: dict[int | None, list[Row]] = {}
    for request in requests if chosen is None else sorted(chosen, key=lambda request: request["began_s"]):
        by_step.setdefault(request["step"], []).append(dict(request))
    return {
        "groups": [_group(names.get(step, "?"), made, host) for step, made in by_step.items()],
        "count": len(requests),
        "bytes": sum(request["bytes"] or 0 for request in requests),
        "cached": sum(bool(request["cached"]) for request in requests),
        "dropped": evidence.get("requests_dropped", 0),
    }


def _group(name: str, made: Sequence[Row], host: str) -> Row:
    began = made[0]["began_s"]
    ended = max(request["began_s"] + (request["duration_s"] or 0.0) for request in made)
    span = max(ended - began, 0.001)
    return {
        "name": name,
        "rows": [_request({**request, "began_s": request["began_s"] - began}, span, host) for request in made],
        "ticks": [{"x": f"{100 * n / TICKS:g}%", "at": f"+{milliseconds(span * n / TICKS)}"} for n in range(TICKS + 1)],
        "began_s": max(0.0, began),
    }


def trouble(evidence: Mapping[str, Any]) -> Row:
    """What the page said and what it asked for in vain."""
    return {
        "console": evidence.get("console", ()),
        "page_errors": evidence.get("page_errors", ()),
        "failed_requests": evidence.get("failed_requests", ()),
        "in_flight": evidence.get("requests_in_flight", ()),
    }


def certificate(result: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The leaf that a TLS target showed."""
    chain = result["facts"].get("certificates") or (None,)
    found: Mapping[str, Any] | None = chain[0]
    return found


def bare_facts(result: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The facts that are one value each."""
    facts = result["facts"].items()
    return [(name, _bare(value)) for name, value in facts if isinstance(value, str | int | float) and value != ""]


def _bare(value: str | float) -> str:
    return str(round(value, 3)) if isinstance(value, float) else str(value)


def size(count: int | None) -> str:
    """Bytes as people compare them: ``980 B``, ``12.3 kB``, ``1.4 MB``."""
    if count is None:
        return ""
    if count < 1000:
        return f"{count} B"
    return f"{count / 1000:.1f} kB" if count < 1_000_000 else f"{count / 1_000_000:.1f} MB"


def clock(seconds: float) -> str:
    """A moment of a run, from its beginning: ``0.84 s``."""
    return f"{seconds:.2f} s"


def _pages(result: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    return (page for step in result["steps"] for page in step["navigations"])


def _page(page: Mapping[str, Any]) -> Row:
    found = ((name, vital(page, name)) for name in NAMES)
    largest = page["detail"].get("lcp") or {}
    slow = (page["lcp_s"] or 0.0) > LIMITS["lcp"][0]
    parts = [(name.replace("_", " "), largest.get(f"{name}_s")) for name in LCP_PARTS if slow]
    return {
        "path": _path(page["url"]),
        "url": page["url"],
        "soft": page["kind"] == "soft",
        "final": page["final"],
        "vitals": [rated(name, value) for name, value in found if value is not None],
        "largest": largest.get("selector") or page["lcp_element"],
        "parts": [f"{name} {milliseconds(seconds)}" for name, seconds in parts if seconds is not None],
        "timings": [(name, value) for name, value in page["timings"].items() if value is not None],
    }


def vital(page: Mapping[str, Any], name: str) -> float | None:
    """A vital of a page by its short name."""
    value: float | None = page[name if name == "cls" else f"{name}_s"]
    return value


def rated(name: str, value: float) -> Row:
    """A vital as text, with what the field calls such a value."""
    good, poor = LIMITS[name]
    rating = "good" if value <= good else "fair" if value <= poor else "poor"
    shown = [f"{limit:g}" if name == "cls" else milliseconds(limit) for limit in (good, poor)]
    text = f"{value:.3f}" if name == "cls" else milliseconds(value)
    told = {"rating": rating, "word": RATINGS[rating], "good": shown[0], "poor": shown[1]}
    return {"name": name.upper(), "value": value, "text": text, **told}


def _share(name: str, value: float) -> str:
    """Where ``value`` stands on its scale, in percent; twice the limit of poor is the end of it."""
    good, poor = LIMITS[name]
    if value <= good:
        share = GOOD_SHARE * value / good
    elif value <= poor:
        share = GOOD_SHARE + (POOR_SHARE - GOOD_SHARE) * (value - good) / (poor - good)
    else:
        share = POOR_SHARE + (100 - POOR_SHARE) * min(1.0, (value - poor) / poor)
    return f"{min(share, 99.0):.2f}%"


def third_party(host: str, home: str) -> bool:
    """Whether ``host`` is of somebody else than ``home``; both may have ports.

    Without a list of public suffixes, as in the browser's own script: shop.example and shop.co.example (short names
    before a country's) are one party.
    """
    host, home = (urlsplit(f"//{one}").hostname or "" for one in (host, home))
    if not host or host == home or _NUMBERS.match(home):
        return bool(host) and host != home
    labels = home.split(".")
    party = ".".join(labels[-3 if _SHORT_NAMES.match(".".join(labels[-2:])) else -2 :])
    return host != party and not host.endswith(f".{party}")


def _request(request: Mapping[str, Any], total: float, host: str) -> Row:
    parts = split_url(request["url"])
    status = request.get("status")
    bad = bool(request.get("error")) or (status or 0) >= 400
    known = sum(request["phases"].values())
    return {
        "method": request["method"],
        "url": request["url"],
        "name": _path(request["url"]),
        "host": "" if parts.netloc == host else parts.netloc,
        "third": third_party(parts.netloc, host),
        "type": request["type"],
        "status": str(status) if status else "failed" if request.get("error") else "…",
        "error": request.get("error", ""),
        "bad": bad,
        "cached": request["cached"],
        "bytes": request["bytes"],
        "duration_s": request["duration_s"],
        "bars": stacked(request["phases"], request["began_s"], total)
        if known
        else [{"phase": "unknown", "text": "", **bar(request["began_s"], request["duration_s"] or 0.0, total)}],
    }


def stacked(named: Mapping[str, float], began: float, total: float) -> list[Row]:
    """Phases one after another, each as a share of ``total``."""
    bars = []
    for name, seconds in named.items():
        if seconds > 0:
            bars.append({"phase": name, "text": milliseconds(seconds), **bar(began, seconds, total)})
        began += seconds
    return bars


def bar(began: float, lasted: float, total: float) -> Row:
    """A stretch of ``total`` as a share of a width."""
    share = 100 / total if total > 0 else 0.0
    width = max(NARROWEST, lasted * share)
    return {"x": f"{min(began * share, 100 - width):.3f}%", "width": f"{width:.3f}%"}


def split_url(url: str) -> SplitResult:
    """``url`` in its parts; what is none is all path."""
    try:
        return urlsplit(url)
    except ValueError:
        return SplitResult("", "", url, "", "")


def _path(url: str) -> str:
    parts = split_url(url)
    return f"{parts.path or url}{f'?{parts.query}' if parts.query else ''}"
