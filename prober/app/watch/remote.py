"""The board of a prober elsewhere, out of its API."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import httpx

from prober.app.watch.board import ORDER, Board, Line, Trouble, board
from prober.clock import Clock, SystemClock, iso
from prober.faults import Retryable, UserFault, describe
from prober.secret import Secret

POINTS = 12
UPTIME_OF, UPTIME_S = "30d", 30 * 86_400.0
UPTIMES_A_LOOK, UPTIME_AGAIN_S = 10, 300.0
"""So many checks are asked for their uptime with each look, until all were: each is a question of its own."""
MOST_PAGES, MOST_BYTES = 50, 16 * 1024 * 1024
TIMEOUT_S = 10.0


@dataclass
class Remote:
    """Asks one prober. What runs took is remembered for as long as somebody watches."""

    url: str
    token: Secret | None = None
    clock: Clock = field(default_factory=SystemClock)
    _took: dict[str, list[float]] = field(default_factory=dict)
    _latest: dict[str, str] = field(default_factory=dict)
    _uptimes: dict[str, tuple[float, float | None]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        headers = {"accept": "application/json", "user-agent": "prober-watch"}
        if self.token is not None:
            headers["authorization"] = f"Bearer {self.token.reveal()}"
        try:
            parts = urlsplit(self.url)
            if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
                raise ValueError
            self._client = httpx.Client(base_url=self.url.rstrip("/"), headers=headers, timeout=TIMEOUT_S)
        except (httpx.InvalidURL, UnicodeError, ValueError):
            raise UserFault(f"--url {self.url}: expected an address such as https://status.example") from None

    def look(self) -> Board:
        """What there is to see now. Raises Retryable while it does not answer, UserFault where it refuses."""
        checks = [check for check in self._listed("checks", {"limit": "1000"}) if check.get("enabled", True)]
        incidents = list(self._listed("incidents", {"state": "open", "limit": "200"}))
        for check in checks:
            self._remember(check)
        self._ask_uptimes([str(check["id"]) for check in checks])
        return board(self.url, self.clock.wall(), map(self._line, checks), map(_trouble, incidents), UPTIME_OF)

    def close(self) -> None:
        self._client.close()

    def _listed(self, what: str, query: Mapping[str, str]) -> Iterator[Mapping[str, Any]]:
        after: dict[str, str] = {}
        for _ in range(MOST_PAGES):
            page = self._get(f"/api/v1/{what}", {**query, **after})
            yield from page.get(what, ())
            if not page.get("next"):
                return
            after = {"after" if what == "checks" else "cursor": str(page["next"])}

    def _get(self, path: str, query: Mapping[str, str]) -> Mapping[str, Any]:
        try:
            answer = self._client.get(path, params=dict(query))
        except httpx.HTTPError as fault:
            raise Retryable(f"{self.url} does not answer: {describe(fault)}") from None
        if answer.status_code in (401, 403):
            why = "it takes no such token" if self.token is not None else "give a token by --token or PROBER_TOKEN"
            raise UserFault(f"{self.url} answered {answer.status_code}: {why}; it needs the scope read")
        if answer.status_code == 404 or (answer.is_redirect and answer.status_code != 304):
            raise UserFault(f"{self.url}{path} answered {answer.status_code}: is that the address of a prober?")
        if answer.status_code != 200 or len(answer.content) > MOST_BYTES:
            raise Retryable(f"{self.url} answered {answer.status_code}")
        try:
            found = answer.json()
        except ValueError:
            raise UserFault(f"{self.url}{path} answered no JSON: is that the address of a prober?") from None
        return found if isinstance(found, dict) else {}

    def _remember(self, check: Mapping[str, Any]) -> None:
        latest, name = check.get("latest") or {}, str(check["id"])
        took_s = latest.get("duration_s")
        if isinstance(took_s, int | float) and self._latest.get(name) != latest.get("run_id"):
            self._latest[name] = str(latest.get("run_id"))
            self._took[name] = [*self._took.get(name, ()), float(took_s)][-POINTS:]

    def _ask_uptimes(self, names: list[str]) -> None:
        now = self.clock.monotonic()
        wanting = [name for name in names if now - self._uptimes.get(name, (-math.inf, None))[0] >= UPTIME_AGAIN_S]
        for name in wanting[:UPTIMES_A_LOOK]:
            since = iso(self.clock.wall() - UPTIME_S)
            overall = self._get(f"/api/v1/checks/{name}/uptime", {"since": since}).get("overall") or {}
            self._uptimes[name] = (now, overall.get("uptime"))

    def _line(self, check: Mapping[str, Any]) -> Line:
        name, latest = str(check["id"]), check.get("latest") or {}
        state = str(check.get("state"))
        took = self._took.get(name, [])
        return Line(
            check_id=name,
            state=state if state in ORDER else "unknown",
            title=str(check.get("title") or ""),
            tags=tuple(map(str, check.get("tags") or ())),
            since=moment(check.get("since")),
            last_at=moment(latest.get("started_at")),
            latency_s=took[-1] if took else None,
            spark=tuple(took),
            uptime=self._uptimes.get(name, (0.0, None))[1],
            note=str(check.get("undecided") or "") or ("" if state == "up" else str(latest.get("message") or "")),
        )


def _trouble(incident: Mapping[str, Any]) -> Trouble:
    words = [f"held: {incident['held']}"] if incident.get("held") else []
    words += [f"acknowledged by {incident.get('acked_by') or 'somebody'}"] if incident.get("acked_at") else []
    words += [f"told to {', '.join(map(str, incident['channels']))}"] if incident.get("channels") else []
    return Trouble(
        str(incident.get("check_id")),
        str(incident.get("condition")),
        str(incident.get("severity")),
        moment(incident.get("opened_at")) or 0.0,
        str(incident.get("message") or ""),
        "; ".join(words) or "open",
        incident.get("severity") == "critical",
    )


def moment(text: object) -> float | None:
    """A time of the API in seconds since 1970."""
    if isinstance(text, int | float):
        return float(text)
    try:
        return datetime.fromisoformat(text).timestamp() if isinstance(text, str) else None
    except ValueError:
        return None
