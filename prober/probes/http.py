"""HTTP checks: one request on a new connection, redirects followed, everything about the answer observed."""

from __future__ import annotations

from base64 import b64encode
from typing import Annotated, Any, Literal
from urllib.parse import quote, urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from prober import USER_AGENT
from prober.curl import Exchange, HttpVersion, Request, check_header, read_url
from prober.journey.tracing import trace_id_of, traceparent
from prober.judge import HttpExpect
from prober.model import Check, Observation, Strict
from prober.net import Family, TlsOptions, literal
from prober.probes import Context
from prober.secret import Secret, redact_url, sounds_secret

# Headers that say nothing a stranger must not read; the value of every other one is held as a secret.
_OPEN_HEADERS = frozenset(
    {
        "accept",
        "accept-charset",
        "accept-encoding",
        "accept-language",
        "cache-control",
        "content-language",
        "content-type",
        "dnt",
        "host",
        "if-modified-since",
        "if-none-match",
        "origin",
        "pragma",
        "range",
        "referer",
        "user-agent",
        "x-requested-with",
    }
)
_PROXY_SCHEMES = ("http", "socks5h")


def _check_url(text: str) -> str:
    url = read_url(text)
    if "@" in urlsplit(text.strip()).netloc:
        raise ValueError("credentials do not belong in a URL; use auth")
    return url.text


def _check_method(value: object) -> object:
    return value.upper() if isinstance(value, str) else value


def _check_version(value: object) -> object:
    return f"{value:g}" if isinstance(value, int | float) and not isinstance(value, bool) else value


def _check_address(text: str) -> str:
    address = literal(text)
    if address is None:
        raise ValueError("expected an IP address")
    return address


def _check_proxy(proxy: Secret) -> Secret:
    parts = urlsplit(proxy.reveal())
    if parts.scheme not in _PROXY_SCHEMES or not parts.hostname or not parts.port:
        raise ValueError("expected http://HOST:PORT or socks5h://HOST:PORT")
    return proxy


def _hide(open_names: Any) -> Any:
    def hidden(values: object) -> object:
        if not isinstance(values, dict):
            return values
        return {
            name: Secret(value) if isinstance(value, str) and not open_names(str(name)) else value
            for name, value in values.items()
        }

    return hidden


def _check_headers(headers: dict[str, str | Secret]) -> dict[str, str | Secret]:
    for name, value in headers.items():
        check_header(name, value)
    return headers


# In this order: a Secret is made of any text, so it would take them all.
Texts = dict[str, Annotated[str | Secret, Field(union_mode="left_to_right")]]
Headers = Annotated[
    Texts, BeforeValidator(_hide(lambda name: name.lower() in _OPEN_HEADERS)), AfterValidator(_check_headers)
]
Query = Annotated[Texts, BeforeValidator(_hide(lambda name: not sounds_secret(name)))]


class Basic(Strict):
    """A user and a password (RFC 7617)."""

    def derived_secrets(self) -> list[Secret]:
        """The header's form of the pair, which gives the password away as well."""
        return [Secret(b64encode(f"{self.username}:{self.password.reveal()}".encode()).decode())]

    username: str
    """The user; no colon."""
    password: Secret
    """The password."""

    @model_validator(mode="after")
    def _can_be_told_apart(self) -> Basic:
        if ":" in self.username:
            raise ValueError("username: a colon would end it")
        return self


class Auth(Strict):
    """How the check says who it is; never sent to another origin."""

    basic: Basic | None = None
    """User and password."""
    bearer: Secret | None = None
    """A bearer token (RFC 6750)."""

    @model_validator(mode="after")
    def _is_one(self) -> Auth:
        if (self.basic is None) == (self.bearer is None):
            raise ValueError("expected either basic or bearer")
        return self

    @property
    def header(self) -> Secret:
        """The value of the Authorization header."""
        if self.bearer is not None:
            return Secret(f"Bearer {self.bearer.reveal()}")
        pair = f"{self.basic.username}:{self.basic.password.reveal()}" if self.basic else ""
        return Secret(f"Basic {b64encode(pair.encode()).decode()}")


class Redirects(Strict):
    """What is done about redirects; only http and https are ever followed."""

    follow: bool = True
    """false takes the redirect itself for the answer."""
    max: Annotated[int, Field(ge=0, le=50)] = 10
    """More than these are a failure."""
    allow_downgrade: bool = False
    """Whether a redirect may lead from https to http."""


class Spec(Check):
    """An HTTP or HTTPS request, on a new connection each run."""

    kind: Literal["http"] = "http"
    """http"""
    url: Annotated[str, AfterValidator(_check_url)]
    """What to ask for; http or https, international names allowed, no credentials."""
    method: Annotated[str, BeforeValidator(_check_method), Field(pattern=r"^[A-Z]{1,20}$")] = "GET"
    """The request method."""
    headers: Headers = {}
    """Request headers. Values are held as secrets but for harmless names, and secrets never follow a redirect to
    another origin."""
    query: Query = {}
    """Parameters added to the URL's query, encoded; those with a telling name are held as secrets."""
    body: Secret | None = None
    """The request body, sent as UTF-8; say its Content-Type in ``headers``."""
    auth: Auth | None = None
    """Credentials: ``{basic: {username, password}}`` or ``{bearer: TOKEN}``."""
    redirects: Redirects = Redirects()
    """What is done about redirects."""
    ip: Family = "any"
    """any, v4 or v6: which addresses of the host are tried."""
    resolve: Annotated[str, AfterValidator(_check_address)] | None = None
    """The address to connect to instead of asking a resolver for the URL's host."""
    http_version: Annotated[HttpVersion, BeforeValidator(_check_version)] = "auto"
    """auto (HTTP/2 where TLS agrees on it), 1.1, 2 or 3."""
    proxy: Annotated[Secret, AfterValidator(_check_proxy)] | None = None
    """``http://[user:password@]host:port`` or ``socks5h://...``; the environment's proxies are ignored."""
    tls: TlsOptions = TlsOptions()
    """How TLS is spoken."""
    allow_link_local: bool = False
    """Whether link-local and cloud metadata addresses may be dialled."""
    trace: bool | Literal["datadog"] = False
    """true: the request carries a W3C ``traceparent``, one trace a run, but to no other origin. datadog: and
    ``x-datadog-origin: synthetics``, which keeps its traces out of what Datadog's APM counts."""
    expect: HttpExpect = HttpExpect()
    """What the answer must be."""

    @model_validator(mode="after")
    def _authorizes_once(self) -> Spec:
        if self.auth and any(name.lower() == "authorization" for name in self.headers):
            raise ValueError("auth and an Authorization header exclude each other")
        return self

    @model_validator(mode="after")
    def _is_traced_once(self) -> Spec:
        if self.trace and any(name.lower() == "traceparent" for name in self.headers):
            raise ValueError("trace and a traceparent header exclude each other")
        return self

    @property
    def address_text(self) -> str:
        return redact_url(self.url)


def request(check: Spec, ctx: Context) -> Request:
    """What to ask for ``check``."""
    trace_id = trace_id_of(ctx.run_id) if check.trace else ""
    return Request(
        url=_with_query(check),
        method=check.method,
        headers=(*_headers(check, ctx.check_id), *_trace_headers(check, trace_id)),
        body=check.body,
        follow=check.redirects.follow,
        max_redirects=check.redirects.max,
        allow_downgrade=check.redirects.allow_downgrade,
        ip=check.ip,
        resolve=check.resolve,
        http_version=check.http_version,
        proxy=check.proxy,
        tls=check.tls,
        allow_link_local=check.allow_link_local,
        trace_id=trace_id,
    )


def observe(exchange: Exchange) -> Observation:
    """The facts of ``exchange`` as an Observation."""
    return Observation(
        duration_s=exchange.duration_s,
        phases=exchange.phases,
        facts=exchange.facts,
        failure=exchange.failure,
        headers=exchange.headers,
        body=exchange.body,
        certificates=exchange.certificates,
    )


def _with_query(check: Spec) -> str:
    if not check.query:
        return check.url
    pairs = "&".join(
        f"{quote(name, safe='')}={quote(value.reveal() if isinstance(value, Secret) else value, safe='')}"
        for name, value in check.query.items()
    )
    return f"{check.url}{'&' if '?' in check.url else '?'}{pairs}"


def _headers(check: Spec, check_id: str) -> tuple[tuple[str, str | Secret], ...]:
    lines: list[tuple[str, str | Secret]] = []
    agent = USER_AGENT
    for name, value in check.headers.items():
        if name.lower() == "user-agent":
            agent = f"{value} {agent}"
        elif name.lower() != "x-synthetic-check":
            lines.append((name, value))
    if check.auth:
        lines.append(("Authorization", check.auth.header))
    return (*lines, ("User-Agent", agent), ("X-Synthetic-Check", check_id))


def _trace_headers(check: Spec, trace_id: str) -> tuple[tuple[str, Secret], ...]:
    """As secrets, which no redirect takes to another origin."""
    if not trace_id:
        return ()
    own = ("traceparent", Secret(traceparent(trace_id, None)))
    if check.trace != "datadog":
        return (own,)
    return own, ("tracestate", Secret("dd=s:1;o:synthetics")), ("x-datadog-origin", Secret("synthetics"))
