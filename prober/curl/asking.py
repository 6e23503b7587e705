"""What each hop asks: the first one what the request says, each further one what RFC 9110 makes of a redirect."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from urllib.parse import urljoin, urlsplit

from prober.curl.exchange import Request
from prober.curl.urls import UnusableScheme, Url, read_url
from prober.faults import ProbeError
from prober.model import Reason
from prober.net import TlsOptions
from prober.secret import Secret, redact_url

REDIRECTS = frozenset({301, 302, 303, 307, 308})

_CREDENTIALS = frozenset({"authorization", "cookie", "proxy-authorization"})
_OF_THE_BODY = frozenset({"content-type", "content-length", "content-encoding", "content-language", "content-location"})

Headers = tuple[tuple[str, str | Secret], ...]


@dataclass(frozen=True, slots=True)
class Ask:
    """One hop's request."""

    url: Url
    method: str
    headers: Headers
    body: bytes | None
    tls: TlsOptions
    pinned: str | None
    """The address the config gives for this host."""
    shown: str = field(init=False, repr=False, compare=False)
    """Its URL without credentials."""
    lines: tuple[str, ...] = field(init=False, repr=False, compare=False)
    """Its header lines, secrets and all."""

    def __post_init__(self) -> None:
        # Worked out once: a check asks the same thing for as long as it is configured.
        object.__setattr__(self, "shown", redact_url(self.url.text))
        object.__setattr__(self, "lines", tuple(_lines(self)))

    @property
    def secure(self) -> bool:
        return self.url.scheme == "https"


def first(request: Request) -> Ask:
    """What the first hop asks. Raises ProbeError(internal) for a URL that no check would have let pass."""
    try:
        url = read_url(request.url)
    except ValueError as error:
        raise ProbeError(Reason.INTERNAL, f"not a URL that can be asked: {error}") from None
    body = request.body.reveal().encode() if isinstance(request.body, Secret) else request.body
    return Ask(url, request.method.upper(), request.headers, body, request.tls, request.resolve)


def _lines(ask: Ask) -> list[str]:
    lines = [_line(name, value.reveal() if isinstance(value, Secret) else value) for name, value in ask.headers]
    given = {name.lower() for name, _ in ask.headers}
    if ask.body is not None:
        # Without these libcurl adds a form's content type, and waits a second for a 100 Continue.
        lines += [f"{name}:" for name in ("Content-Type", "Expect") if name.lower() not in given]
    if ask.secure and ask.tls.server_name and "host" not in given:
        lines.append(f"Host: {urlsplit(ask.url.text).netloc}")
    return lines


def _line(name: str, value: str) -> str:
    return f"{name}: {value}" if value.strip() else f"{name};"


def redirected(ask: Ask, status: int, location: str | None, request: Request) -> Ask:
    """What is asked after ``status`` sent ``ask`` to ``location`` (RFC 9110 section 15.4).

    Credentials, secret headers and the client's certificate stay with their origin, as do pinned address, server
    name and Host header. Raises ProbeError(redirect_invalid, redirect_blocked, redirect_downgrade).
    """
    url = _target(ask.url.text, location)
    if ask.secure and url.scheme == "http" and not request.allow_downgrade:
        raise ProbeError(Reason.REDIRECT_DOWNGRADE, f"{status} leads from https to {redact_url(url.text)}")
    after = replace(ask, url=url)
    if (status == 303 and ask.method != "HEAD") or (status in (301, 302) and ask.method == "POST"):
        after = replace(after, method="GET", body=None, headers=_without(ask.headers, _OF_THE_BODY))
    return after if _same_party(ask.url, url) else _as_stranger(after, same_host=ask.url.host == url.host)


def _target(base: str, location: str | None) -> Url:
    if not location:
        raise ProbeError(Reason.REDIRECT_INVALID, f"{redact_url(base)} redirects without saying where to")
    try:
        return read_url(urljoin(base, location.strip()))
    except UnusableScheme as error:
        raise ProbeError(Reason.REDIRECT_BLOCKED, f"redirect not followed: {error}") from None
    except ValueError as error:
        raise ProbeError(Reason.REDIRECT_INVALID, f"redirect to no usable URL: {error}") from None


def _same_party(before: Url, after: Url) -> bool:
    # The usual first redirect of a site, from http to https, is no change of party.
    upgraded = (before.scheme, before.port, after.scheme, after.port) == ("http", 80, "https", 443)
    return before.origin == after.origin or (upgraded and before.host == after.host)


def _as_stranger(after: Ask, *, same_host: bool) -> Ask:
    ours = {"cert_file": None, "key_file": None} | ({} if same_host else {"server_name": None})
    open_headers = tuple((name, value) for name, value in after.headers if not isinstance(value, Secret))
    return replace(
        after,
        headers=_without(open_headers, _CREDENTIALS | {"host"}),
        tls=after.tls.model_copy(update=ours),
        pinned=after.pinned if same_host else None,
    )


def _without(headers: Headers, names: frozenset[str]) -> Headers:
    return tuple((name, value) for name, value in headers if name.lower() not in names)
