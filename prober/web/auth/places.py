"""What a path takes at the door. Routes say more; what no line here opens takes somebody who is known."""

from __future__ import annotations

import re

from starlette.datastructures import QueryParams

from prober.config.web import WebAuth
from prober.web.auth.who import EVERYTHING, Scope

LOGIN = "/login"
LOGOUT = "/logout"
OIDC = f"{LOGIN}/oidc"
CALLBACK = f"{OIDC}/callback"
PROBE = "/probe"

Floor = frozenset[Scope] | None
"""Scopes of which one is needed; None where anybody may."""

_OPEN = re.compile(
    r"/healthz|/readyz"
    r"|/ping/.*|/ingest/.*"  # whoever asks there brings a token
    r"|/status|/status/.*"  # public status pages, their badges and feeds
    r"|/prober\.(css|js)|/run\.css|/icon\.svg"  # they hold no data, and open pages need them
    r"|/robots\.txt",
    re.DOTALL,
)
_SIGNED = re.compile(r"/incidents/[^/]+/(ack|silence)")
_COMING_IN = (LOGIN, OIDC, CALLBACK)


def floor(path: str, query: QueryParams, auth: WebAuth | None) -> Floor:
    """What ``path`` takes."""
    if _OPEN.fullmatch(path):
        return None
    if _SIGNED.fullmatch(path) and "sig" in query:  # they prove themselves
        return None
    if path == "/metrics":
        return frozenset({Scope.READ}) if auth and auth.metrics == "read" else None
    if auth is None:
        return EVERYTHING
    if path in _COMING_IN:
        return None
    if path == PROBE:
        return None if auth.probe == "open" else frozenset({Scope.RUN})
    return EVERYTHING
