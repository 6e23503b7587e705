"""Every status page as of a moment ago: made at most once a second, whoever asks, and kept while the store is away."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from prober.clock import Clock
from prober.config.status_pages import Component, StatusPage
from prober.faults import Retryable, describe
from prober.history import History
from prober.log import Log
from prober.web.status.bulletin import Bulletin
from prober.web.status.offer import Offer
from prober.web.status.public import PublicPage
from prober.web.status.query import AHEAD_S, DAYS, Sources, public_page

FRESH_S = 1.0
STALE_S = 3_600.0
"""So long a page is shown that could not be made anew; then it is better to say nothing."""
MAX_AGE_S = 10
"""So long others may keep an answer."""
MOST_BODIES = 600
LATENCY_S = 86_400.0
"""The time a badge's p95 is over."""
LATENCY_FRESH_S = 60.0

_log = Log(__name__)


@dataclass(slots=True)
class _Kept:
    """One page, and what was made of it."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    page: PublicPage | None = None
    made_at: float = float("-inf")
    tried_at: float = float("-inf")
    bodies: dict[tuple[str, ...], tuple[bytes, str]] = field(default_factory=dict)
    latencies: dict[str, tuple[float, float | None]] = field(default_factory=dict)


class Board:
    """Answers with pages, and with what is made of them."""

    def __init__(self, offer: Offer, history: History, clock: Clock) -> None:
        self.offer = offer
        self.history = history
        self.clock = clock
        self._kept = {name: _Kept() for name in offer.pages}
        self._bulletins = {
            name: Bulletin(
                name,
                offer.base / page.announcements,
                frozenset(component.key for component in page.all_components()),
                clock,
            )
            for name, page in offer.pages.items()
            if page.announcements is not None
        }

    def declared(self, name: str) -> StatusPage:
        """What the configuration says of the page. Raises HTTPException where there is none."""
        if name not in self.offer.pages:
            raise HTTPException(404)
        return self.offer.pages[name]

    async def page(self, name: str) -> PublicPage:
        """The page ``name``. Raises HTTPException where there is none, or nothing that could be said of it."""
        kept = self._kept.get(name)
        if kept is None:
            raise HTTPException(404)
        if kept.page is not None and (kept.lock.locked() or not self._is_due(kept)):
            return self._known(kept)
        async with kept.lock:
            if self._is_due(kept):
                kept.tried_at = self.clock.monotonic()
                try:
                    kept.page = await run_in_threadpool(self.make, name)
                    kept.made_at, kept.bodies = kept.tried_at, {}
                except Retryable as fault:
                    _log.warning("a status page could not be made anew", page=name, error=describe(fault))
        return self._known(kept)

    async def answer(
        self, request: Request, what: tuple[str, ...], media_type: str, render: Callable[[PublicPage], str]
    ) -> Response:
        """What ``render`` makes of the page that is asked for, once for each of them; 304 to who has it."""
        name = request.path_params["page"]
        page = await self.page(name)
        bodies = self._kept[name].bodies
        if what not in bodies:
            body = render(page).encode()
            if len(bodies) >= MOST_BODIES:
                bodies.clear()
            bodies[what] = (body, f'W/"{hashlib.sha256(body).hexdigest()[:24]}"')
        body, tag = bodies[what]
        headers = {"etag": tag, "cache-control": f"public, max-age={MAX_AGE_S}"}
        if tag in [one.strip() for one in request.headers.get("if-none-match", "").split(",")]:
            return Response(status_code=304, headers=headers)
        return Response(body, headers=headers, media_type=media_type)

    async def p95_s(self, name: str, component_id: str) -> float | None:
        """The worst p95 of its checks over the last day, as of a minute ago. Raises HTTPException where it is none
        of anybody's business.
        """
        component = next((one for one in self.declared(name).all_components() if one.key == component_id), None)
        if component is None or not component.latency:
            raise HTTPException(404)
        kept, now = self._kept[name], self.clock.monotonic()
        at, p95_s = kept.latencies.get(component_id, (float("-inf"), None))
        if now - at >= LATENCY_FRESH_S:
            kept.latencies[component_id] = (now, p95_s)  # whoever asks meanwhile does not ask the store, too
            try:
                p95_s = await run_in_threadpool(self._measured_s, component)
                kept.latencies[component_id] = (now, p95_s)
            except Retryable as fault:
                _log.warning("a latency could not be found", page=name, error=describe(fault))
        return p95_s

    def _measured_s(self, component: Component) -> float | None:
        now = self.clock.wall()
        checks = [check.id for check in self.offer.checks() if check.enabled and component.selects(check)]
        found = [bucket for one in checks for bucket in self.history.latency(one, "", now - LATENCY_S, now, 1)]
        return max((bucket.p95_s for bucket in found if bucket.p95_s is not None), default=None)

    def make(self, name: str) -> PublicPage:
        """The page as it is now. Raises Retryable while the store is away."""
        store = self.offer.store
        now = store.now()  # what happened is stamped by its clock
        bulletin = self._bulletins.get(name)
        announcements = store.announcements(name, now - DAYS * 86_400.0)
        sources = Sources(
            history=self.history,
            checks=[check for check in self.offer.checks() if check.enabled],
            hushes=[hush for hush in store.hushes(now) if hush.starts_at < now + AHEAD_S],
            windows=self.offer.windows(),
            announcements=(*(bulletin.announcements() if bulletin else ()), *announcements),
        )
        return public_page(name, self.offer.pages[name], sources, now)

    def _is_due(self, kept: _Kept) -> bool:
        return self.clock.monotonic() - kept.tried_at >= FRESH_S

    def _known(self, kept: _Kept) -> PublicPage:
        if kept.page is None or self.clock.monotonic() - kept.made_at > STALE_S:
            raise HTTPException(503, "the status cannot be told at the moment")
        return kept.page
