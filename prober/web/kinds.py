"""The kinds of problems that are answered, as RFC 9457 has them: a type that a program can go by, and a usual line."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

MEDIA_TYPE = "application/problem+json"

_KNOWN: Mapping[int, tuple[str, str]] = {
    400: ("bad-request", "The request cannot be read."),
    401: ("unauthorized", "Say who you are: a token (Authorization: Bearer ...), or a user and password."),
    403: ("forbidden", "What you are known by may not do this."),
    404: ("not-found", "There is nothing here."),
    405: ("method-not-allowed", "This is not done here; see Allow."),
    408: ("timeout", "The request did not come in time."),
    409: ("conflict", "This makes no sense at the moment."),
    413: ("too-large", "The body is too large."),
    415: ("unsupported-media-type", "Send JSON, and say so: Content-Type: application/json."),
    422: ("invalid", "Some of it is not as expected; see errors."),
    429: ("too-often", "This was asked for too often; see Retry-After."),
    500: ("internal", "This is a bug of the prober's; its log has more."),
    501: ("not-here", "This prober does not do that."),
    503: ("unavailable", "Try again later."),
}


def type_of(status: int) -> str:
    """The type of the problems that answer with ``status``; stays the same over releases."""
    return f"/problems/{_KNOWN[status][0]}" if status in _KNOWN else "about:blank"


def usual_detail(status: int) -> str:
    """What is said where nothing more is known."""
    return _KNOWN[status][1] if status in _KNOWN else HTTPStatus(status).phrase
