"""Asking to be told, confirming it, and taking it back. Whoever asks learns nothing of who is told already."""

from __future__ import annotations

import asyncio
import re
import secrets
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from ipaddress import ip_address
from urllib.parse import parse_qs, urlsplit

from jinja2 import Template
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from prober.clock import Clock
from prober.faults import Retryable
from prober.net.guard import is_public
from prober.store import Subscriber
from prober.web.pages import templates
from prober.web.signing import holds
from prober.web.status.board import Board
from prober.web.status.letters import to_confirm
from prober.web.status.pages import POLICY

FORM_BYTES = 4_096
FORM_WAIT_S = 10.0
ADDRESS_CHARS = {"email": 254, "webhook": 1_000}
ACTIONS = ("confirm", "unsubscribe")
WINDOW_S = 600.0
MOST_OF_ONE = 10
"""Requests to subscribe that one client makes in the window."""
MOST_OF_ALL = 120
MOST_CLIENTS = 10_000
ASKED = {
    "email": "If this address can be told, a letter with a link to confirm is on its way to it. The link works for two "
    "days; until it was used, nothing else is sent.",
    "webhook": "If this address can be told, it is now sent a challenge. When it answers with that, it is told from "
    "then on.",
}

# What needs no quotes (RFC 5321, 4.1.2): the others are nobody's, and mail servers take them in many ways.
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_ADDRESS = re.compile(rf"{_ATOM}(?:\.{_ATOM})*@{_LABEL}(?:\.{_LABEL})+", re.ASCII)

Answer = Callable[[Request], Awaitable[Response]]


@dataclass
class Throttle:
    """How often somebody may ask, and how often all of them together."""

    clock: Clock
    _asked: OrderedDict[str, deque[float]] = field(default_factory=OrderedDict)

    def lets(self, who: str) -> bool:
        """Whether ``who`` may ask once more now."""
        return self._takes("", MOST_OF_ALL) and self._takes(f"client {who}", MOST_OF_ONE)

    def _takes(self, who: str, most: int) -> bool:
        now = self.clock.monotonic()
        times = self._asked.setdefault(who, deque(maxlen=most))
        self._asked.move_to_end(who)
        while len(self._asked) > MOST_CLIENTS:
            self._asked.popitem(last=False)
        if len(times) == most and now - times[0] < WINDOW_S:
            return False
        times.append(now)
        return True


def subscription_routes(board: Board) -> list[Route]:
    """All of them."""
    said = templates().get_template("status_said.html")
    throttle = Throttle(board.clock)
    return [
        Route("/status/{page}/subscribe", _subscribe(board, said, throttle), methods=["POST"]),
        Route("/status/{page}/subscriptions/{subscriber}/{action}", _change(board, said), methods=["GET", "POST"]),
    ]


def _subscribe(board: Board, said: Template, throttle: Throttle) -> Answer:
    async def subscribe(request: Request) -> Response:
        name = request.path_params["page"]
        offered = board.declared(name).subscribe
        if offered is None:
            raise HTTPException(404)
        form = await _form(request)
        kind, text = form.get("kind", ""), form.get("address", "").strip()
        if kind not in (["email"] if offered.email else []) + (["webhook"] if offered.webhook else []):
            raise HTTPException(404)
        tell = _Telling(board, said, name)
        try:
            wanted = checked_email(text) if kind == "email" else checked_webhook(text, offered.private_webhooks)
        except ValueError as error:
            return tell.page(422, "That cannot be subscribed", f"{error}.")
        if not throttle.lets(request.client.host if request.client else ""):
            return tell.page(429, "Too many ask at the moment", "Try again in ten minutes.", retry_s=WINDOW_S)
        try:
            await run_in_threadpool(_ask, board, name, kind, wanted)
        except Retryable:
            return tell.page(503, "That cannot be done at the moment", "Nothing was changed. Try again in a minute.")
        return tell.page(202, "Almost there", ASKED[kind])

    return subscribe


def _ask(board: Board, page: str, kind: str, wanted: str) -> None:
    store = board.offer.store
    now = store.now()
    asked = store.subscribe(Subscriber(secrets.token_hex(16), page, kind, wanted, now))
    if asked is not None:
        store.post([to_confirm(asked, board.declared(page).title, now)])
        board.offer.wake()


def _change(board: Board, said: Template) -> Answer:
    async def change(request: Request) -> Response:
        name, subscriber, action = (request.path_params[key] for key in ("page", "subscriber", "action"))
        if board.declared(name).subscribe is None or action not in ACTIONS:
            raise HTTPException(404)
        tell, key = _Telling(board, said, name), board.offer.key()
        if key is None:
            return tell.page(503, "That cannot be done at the moment", "Try again in a minute.")
        if not holds(key, f"status-{action}", subscriber, request.query_params.get("sig", "")):
            return tell.page(403, "This link is not valid", "It is not as it was sent. Take it from the letter again.")
        if request.method != "POST":  # mail is read by machines, too, which open every link
            return tell.page(200, *_QUESTIONS[action], button=_BUTTONS[action])
        try:
            return tell.page(*await run_in_threadpool(_done, board, name, subscriber, action))
        except Retryable:
            return tell.page(503, "That cannot be done at the moment", "Nothing was changed. Try again in a minute.")

    return change


_QUESTIONS = {
    "confirm": ("Be told of incidents?", "You are sent a letter when an incident begins, goes on and ends."),
    "unsubscribe": ("Be told no more?", "Nothing is sent to you any more, and your address is deleted."),
}
_BUTTONS = {"confirm": "Confirm", "unsubscribe": "Unsubscribe"}


def _done(board: Board, page: str, subscriber: str, action: str) -> tuple[int, str, str]:
    store = board.offer.store
    if action == "unsubscribe":
        store.unsubscribe(subscriber)  # who was gone before is gone all the same
        return 200, "You are told no more", "Your address is deleted."
    confirmed = store.confirm(subscriber, store.now())
    if confirmed is None or confirmed.page != page:
        return 404, "This link is too old", "Ask to be told once more."
    return 200, "You will be told", "Every letter has a link to stop it."


@dataclass(frozen=True, slots=True)
class _Telling:
    """A page of a few lines, in the colours of the status page it is of."""

    board: Board
    said: Template
    name: str

    def page(self, status: int, title: str, text: str, *, button: str = "", retry_s: float = 0.0) -> Response:
        """The page, with a form of one button where there is something to do."""
        offer = self.board.offer
        style = f"/status/{self.name}"
        if offer.public_url is not None:  # below whatever path a proxy has it
            style = urlsplit(offer.public_url).path.rstrip("/") + style
        html = self.said.render(page=self.board.declared(self.name), root=style, title=title, text=text, button=button)
        headers = {"content-security-policy": POLICY, "cache-control": "no-store"}
        if retry_s:
            headers["retry-after"] = f"{retry_s:.0f}"
        return HTMLResponse(html, status, headers)


def checked_email(text: str) -> str:
    """One bare address, its domain in small letters. Raises ValueError."""
    if len(text) > ADDRESS_CHARS["email"] or not _ADDRESS.fullmatch(text):
        raise ValueError("Expected an address such as you@example.com")
    user, _, domain = text.partition("@")
    return f"{user}@{domain.lower()}"


def checked_webhook(text: str, private: bool) -> str:
    """An address that may be called, unless its name leads to a private one. Raises ValueError."""
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    usable = host and parts.scheme in ("http", "https") and port != 0 and "@" not in parts.netloc and not parts.fragment
    if (
        not usable
        or len(text) > ADDRESS_CHARS["webhook"]
        or not text.isascii()
        or not text.isprintable()
        or " " in text
    ):
        raise ValueError("Expected an address such as https://example.com/hook")
    if not private and _is_private(host or ""):
        raise ValueError("Expected an address of the public Internet")
    return text


def _is_private(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:  # a name, whose address is judged when it is called
        return host == "localhost" or host.endswith(".localhost")
    return not is_public(host)


async def _form(request: Request) -> dict[str, str]:
    body = b""
    try:
        async with asyncio.timeout(FORM_WAIT_S):
            async for piece in request.stream():
                body += piece
                if len(body) > FORM_BYTES:
                    raise HTTPException(413)
        fields = parse_qs(body.decode("utf-8", "replace"), max_num_fields=10)
    except TimeoutError:
        raise HTTPException(408) from None
    except ValueError:
        raise HTTPException(400) from None
    return {name: values[0] for name, values in fields.items()}
