"""Log-ins that are made once and reused for a while: cookies and storage, held in memory and nowhere else."""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

Cookie = Mapping[str, Any]
"""As Playwright writes them: name, value, domain, path, expires, httpOnly, secure."""

STATE_BYTES = 16_384
"""The largest state that is kept: it goes to a worker with every job."""
TELLING_LENGTH = 16
"""Shorter values of cookies are ordinary words, which masking would blot out."""


class Sessions:
    """The log-ins that one run may reuse, and those it leaves to the next."""

    def __init__(
        self,
        known: Mapping[str, Mapping[str, Any]],
        keep: Callable[[Mapping[str, Any]], None],
        mask: Callable[[Iterable[str]], None],
    ) -> None:
        self._known = known
        self._keep = keep
        self._mask = mask

    async def ensure(self, place: Any, log_in: Callable[[Any], Awaitable[object]], name: str, for_s: float) -> bool:
        """Put the state kept as ``name`` into ``place``, or log in and keep what comes of it; True where it did."""
        kept = self._known.get(name)
        if kept and time.time() < kept["until"]:
            self._hide(kept["state"])
            await _restore(place, kept["state"])
            return False
        await log_in(place)
        state = await _state_of(place)
        self._hide(state)
        if len(json.dumps(state)) <= STATE_BYTES:
            self._keep({"event": "session", "name": name, "state": state, "until": time.time() + for_s})
        return True

    def _hide(self, state: Mapping[str, Any]) -> None:
        values = (cookie["value"] for cookie in state["cookies"] if cookie.get("httpOnly"))
        self._mask(value for value in values if len(value) >= TELLING_LENGTH)


async def share_cookies(source: Any, target: Any) -> None:
    """Give ``target`` the cookies of ``source``; each is a page, a context or a journey's ``http``.

    ``share_cookies(page, http)`` after a log-in lets API calls act for the same user.
    """
    await _add_cookies(target, await _cookies_of(source))


def _is_client(place: Any) -> bool:
    return hasattr(getattr(place, "cookies", None), "jar")


def _context_of(place: Any) -> Any:
    return getattr(place, "context", place)


async def _cookies_of(place: Any) -> list[Cookie]:
    if not _is_client(place):
        found: list[Cookie] = await _context_of(place).cookies()
        return found
    return [
        {
            "name": one.name,
            "value": one.value or "",
            "domain": one.domain.removesuffix(".local"),  # what http.cookiejar adds to names without a dot
            "path": one.path,
            "expires": one.expires or -1,
            "httpOnly": one.has_nonstandard_attr("HttpOnly"),
            "secure": one.secure,
        }
        for one in place.cookies.jar
    ]


async def _add_cookies(place: Any, cookies: Iterable[Cookie]) -> None:
    if not _is_client(place):
        await _context_of(place).add_cookies(list(cookies))
        return
    for one in cookies:
        domain = one["domain"] if "." in one["domain"] else f"{one['domain']}.local"
        place.cookies.set(one["name"], one["value"], domain=domain, path=one["path"])


async def _state_of(place: Any) -> dict[str, Any]:
    if _is_client(place):
        return {"cookies": await _cookies_of(place), "origins": []}
    state: dict[str, Any] = await _context_of(place).storage_state()
    return state


async def _restore(place: Any, state: Mapping[str, Any]) -> None:
    if _is_client(place) or not state["origins"]:
        await _add_cookies(place, state["cookies"])
    else:
        await _context_of(place).set_storage_state(state)
