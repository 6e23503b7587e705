"""Where a browser goes after logging in: to a path of ours, and nowhere else."""

from __future__ import annotations

import re
from urllib.parse import quote

from starlette.requests import HTTPConnection
from starlette.responses import RedirectResponse, Response

from prober.web.auth.places import LOGIN
from prober.web.making import raw_path, to_top

LONGEST = 2_000
_PATH = re.compile(r"/(?!/)[\x21-\x5b\x5d-\x7e]*")  # no backslash, which browsers take for a slash


def safe_next(text: str) -> str:
    """``text`` if it is a path of ours; the overview for anything else."""
    return text if len(text) <= LONGEST and _PATH.fullmatch(text) else "/"


def onward(path: str, up: int = 0) -> Response:
    """Send the browser to ``path``, seen from ``up`` levels below the top.

    The address is relative: it cannot lead to another host, and keeps the prefix that a proxy may have put in front.
    """
    return RedirectResponse(f"{'../' * up or './'}{safe_next(path)[1:]}", 303)


def to_login(asked: HTTPConnection) -> Response:
    """Send the browser to the log-in page, which leads back."""
    path, query = raw_path(asked), asked.scope["query_string"].decode("latin-1")
    back = safe_next(f"{path}?{query}" if query else path)
    return RedirectResponse(f"{to_top(asked) or './'}{LOGIN[1:]}?next={quote(back, safe='/')}", 303)
