"""The routes of status pages that only read: the page, its JSON, feeds, badges, logo and style."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from prober.clock import iso
from prober.config.logos import Logo, read_logo
from prober.config.status_pages import LIGHT, Colours, StatusPage
from prober.history import Stretch
from prober.log import Log
from prober.model import format_lasting
from prober.web.pages import templates
from prober.web.status import badges
from prober.web.status.board import MAX_AGE_S, Board
from prober.web.status.feeds import MEDIA, atom, rss
from prober.web.status.public import PublicComponent, PublicDay, PublicIncident, PublicPage

POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
SANDBOX = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
EVERYWHERE = {"access-control-allow-origin": "*", "cross-origin-resource-policy": "cross-origin"}
"""For what is there to be shown on other sites; all of it is public."""
LOGO_AGE_S = 300
MINUTE_S = 60.0

_STYLE = Path(__file__).parent.parent / "static" / "status.css"
_BARS = {
    Stretch.UP: ("up", 22),
    Stretch.DEGRADED: ("degraded", 27),
    Stretch.DOWN: ("down", 32),
    Stretch.MAINTENANCE: ("maintenance", 16),
    Stretch.NO_DATA: ("none", 8),
    Stretch.UNKNOWN: ("none", 8),
}
"""Colour and height: whoever sees no colours sees how high it is."""
_log = Log(__name__)

Answer = Callable[[Request], Awaitable[Response]]


def page_routes(board: Board) -> list[Route]:
    """All of them."""
    return [
        Route("/status/{page}.json", _json(board)),
        Route("/status/{page}", _page(board)),
        Route("/status/{page}/feed.rss", _feed(board, "rss")),
        Route("/status/{page}/feed.atom", _feed(board, "atom")),
        Route("/status/{page}/badges/{component}/{kind}.svg", _badge(board)),
        Route("/status/{page}/logo", _logo(board)),
        Route("/status/{page}/icon.svg", _icon(board)),
        Route("/status/{page}/style.css", _style(board)),
    ]


def _page(board: Board) -> Answer:
    environment = templates()
    environment.filters.update(percent=badges.percent, day=_day)
    template = environment.get_template("status_page.html")

    async def page(request: Request) -> Response:
        look = _look(board.declared(request.path_params["page"]))

        def render(shown: PublicPage) -> str:
            return template.render(page=shown, bars=_bars, lasted=partial(_lasted, now=shown.at), **look)

        answer = await board.answer(request, ("page",), "text/html", render)
        answer.headers["content-security-policy"] = POLICY
        return answer

    return page


def _look(declared: StatusPage) -> dict[str, Any]:
    """What of a page's declaration is shown as it is."""
    link, subscribe = declared.link, declared.subscribe
    return {
        "logo": declared.logo is not None,
        "link": link,
        "link_text": declared.link_text or (urlsplit(link).hostname if link else ""),
        "indexed": declared.indexed,
        "by_email": subscribe is not None and subscribe.email is not None,
        "by_webhook": subscribe is not None and subscribe.webhook,
    }


def _bars(component: PublicComponent) -> list[dict[str, Any]]:
    """The bars of ninety days, each with what is said of it to those who hover."""
    found = []
    for number, day in enumerate(component.days):
        colour, height = _BARS[day.state]
        found.append({"x": number, "height": height, "colour": colour, "text": f"{_day(day.date)}: {_told(day)}"})
    return found


def _told(day: PublicDay) -> str:
    if day.uptime is None:
        return "maintenance" if day.state is Stretch.MAINTENANCE else "no data"
    down = f", {format_lasting(day.down_s)} down" if day.down_s >= 1 else ""
    maintenance = f", {format_lasting(day.maintenance_s)} maintenance" if day.maintenance_s >= 1 else ""
    return f"{badges.percent(day.uptime)} uptime{down}{maintenance}"


def _day(date: str) -> str:
    return datetime.fromisoformat(date).strftime("%-d %b %Y")


def _lasted(incident: PublicIncident, now: float) -> str:
    # To the minute, so that a page that says the same is the same.
    lasted_s = (incident.until or now) - incident.since
    return format_lasting(lasted_s if incident.over else max(MINUTE_S, lasted_s - lasted_s % MINUTE_S))


def _json(board: Board) -> Answer:
    async def page(request: Request) -> Response:
        answer = await board.answer(request, ("json",), "application/json", lambda page: as_json(page).decode())
        answer.headers.update(EVERYWHERE)
        return answer

    return page


def as_json(page: PublicPage) -> bytes:
    """The page for machines. Keys are only ever added."""
    body = {
        "page": page.id,
        "title": page.title,
        "state": page.state.value,
        "sentence": page.sentence,
        "updated_at": iso(page.at - page.at % MINUTE_S),
        "groups": [
            {
                "name": group.name,
                "state": group.state.value,
                "components": [_component(component) for component in group.components],
            }
            for group in page.groups
        ],
        "incidents": [_incident(incident) for incident in (*page.current, *page.past)],
        "maintenance": [
            {
                "id": one.id,
                "title": one.title,
                "starts_at": iso(one.starts_at),
                "ends_at": iso(one.ends_at),
                "active": one.active,
                "components": one.components,
            }
            for one in page.maintenance
        ],
    }
    return orjson.dumps(body, option=orjson.OPT_NON_STR_KEYS)


def _component(component: PublicComponent) -> dict[str, Any]:
    return {
        "id": component.id,
        "name": component.name,
        "description": component.description,
        "state": component.state.value,
        "uptime": {f"{days}d": _rounded(ratio) for days, ratio in component.uptime.items()},
        "days": [
            {"date": day.date, "state": day.state.value, "uptime": _rounded(day.uptime), "down_s": round(day.down_s)}
            for day in component.days
        ],
    }


def _rounded(ratio: float | None) -> float | None:
    return None if ratio is None else round(ratio, 5)


def _incident(incident: PublicIncident) -> dict[str, Any]:
    return {
        "id": incident.id,
        "title": incident.title,
        "kind": incident.kind,
        "state": incident.state.value,
        "started_at": iso(incident.since),
        "ended_at": None if incident.until is None else iso(incident.until),
        "components": incident.components,
        "updates": [
            {"id": update.id, "at": iso(update.at), "state": update.state, "text": update.text, "html": update.html}
            for update in incident.updates
        ],
    }


def _feed(board: Board, kind: str) -> Answer:
    write = {"rss": rss, "atom": atom}[kind]

    async def feed(request: Request) -> Response:
        address = page_address(board, request)
        return await board.answer(request, (kind, address), MEDIA[kind], lambda page: write(page, address))

    return feed


def page_address(board: Board, request: Request) -> str:
    """Where the page is: below the configured address, or else where it is listened on."""
    base = board.offer.public_url
    if base is None:  # not by the name it was asked for, which anybody may make up
        host, port = request.scope["server"]
        base = f"{request.url.scheme}://{f'[{host}]' if ':' in host else host}:{port}"
    return f"{base.rstrip('/')}/status/{request.path_params['page']}"


def _badge(board: Board) -> Answer:
    async def badge(request: Request) -> Response:
        page = await board.page(request.path_params["page"])
        kind, component = request.path_params["kind"], page.component(request.path_params["component"])
        if component is None or kind not in badges.KINDS:
            raise HTTPException(404)
        p95_s = await board.p95_s(page.id, component.id) if kind == "p95" else None

        def render(_: PublicPage) -> str:
            return badges.badge(component, kind, p95_s)

        answer = await board.answer(request, ("badge", component.id, kind), "image/svg+xml", render)
        answer.headers.update({**EVERYWHERE, "content-security-policy": SANDBOX})
        return answer

    return badge


def _logo(board: Board) -> Answer:
    found: dict[str, Logo] = {}

    async def logo(request: Request) -> Response:
        name = request.path_params["page"]
        page = board.declared(name)
        if page.logo is None:
            raise HTTPException(404)
        if name not in found:
            try:
                found[name] = await run_in_threadpool(read_logo, board.offer.base / page.logo)
            except ValueError as error:  # it was right when the configuration was read
                _log.warning("a logo cannot be used", page=name, error=str(error))
                raise HTTPException(404) from None
        headers = {"cache-control": f"public, max-age={LOGO_AGE_S}", "content-security-policy": SANDBOX}
        return Response(found[name].data, headers=headers, media_type=found[name].media_type)

    return logo


def _icon(board: Board) -> Answer:
    """A dot in the colour of the state, for tabs and bookmarks."""

    async def icon(request: Request) -> Response:
        answer = await board.answer(request, ("icon",), "image/svg+xml", lambda page: badges.dot(LIGHT[page.colour]))
        answer.headers["content-security-policy"] = SANDBOX
        return answer

    return icon


def _style(board: Board) -> Answer:
    text = _STYLE.read_text()

    async def style(request: Request) -> Response:
        page = board.declared(request.path_params["page"])
        headers = {"cache-control": f"public, max-age={MAX_AGE_S}"}
        return Response(text + coloured(page.colours), headers=headers, media_type="text/css")

    return style


def coloured(colours: Colours) -> str:
    """The page's own colours, over those of the style."""
    light, dark = (
        f":root {{ --accent: {one.accent}; --ground: {one.ground}; }}" for one in (colours.light, colours.dark)
    )
    return f"{light}\n@media (prefers-color-scheme: dark) {{ {dark} }}\n"
