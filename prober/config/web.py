"""The ``web`` section: where the web side listens, who may ask it, and by which certificate it answers."""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from prober.config.status_pages import StatusPage
from prober.model import Duration, Identifier, Strict
from prober.secret import Secret

ScopeName = Literal["read", "run", "ack", "ingest", "admin"]
AskedFor = Annotated[str, Field(pattern=r"^[\x21-\x7e]{1,100}$")]
Scopes = Annotated[tuple[ScopeName, ...], Field(strict=False, min_length=1)]

SHORTEST_TOKEN = 16
MOST_MIB = 1024
_ARGON2ID = re.compile(
    r"\$argon2id\$v=19\$m=(\d{1,7}),t=(\d{1,2}),p=(\d{1,2})\$[A-Za-z0-9+/]{11,86}\$[A-Za-z0-9+/]{22,86}"
)


def parse_listen(text: str) -> tuple[str, int]:
    """``127.0.0.1:9115`` or ``[::1]:9115`` as host and port; port 0 asks for any. Raises ValueError."""
    host, colon, port = text.rpartition(":")
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if not colon or not bare or (":" in bare and bare == host) or any(c.isspace() or c in "/[]@" for c in bare):
        raise ValueError("expected host:port, such as 127.0.0.1:9115 or [::1]:9115")
    if not (port.isascii() and port.isdigit() and len(port) <= 5 and int(port) <= 65_535):
        raise ValueError("expected a port from 0 to 65535 after the last colon")
    return bare, int(port)


def checked_url(text: str) -> str:
    """A URL of ours, or of a service whose secrets are elsewhere. Raises ValueError."""
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("expected a URL such as https://status.example")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise ValueError("expected a URL without credentials, query and fragment")
    return text


def is_loopback(host: str) -> bool:
    """Whether ``host``, a name or an address, can only be this machine."""
    name = host.lower().removesuffix(".")
    try:
        address = ip_address(name.partition("%")[0])
    except ValueError:
        return name == "localhost" or name.endswith(".localhost")  # RFC 6761: never asked of anybody else
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback


def _checked_listen(text: str) -> str:
    parse_listen(text)
    return text


def _checked_issuer(text: str) -> str:
    parts = urlsplit(checked_url(text))
    if parts.scheme != "https" and not is_loopback(parts.hostname or ""):
        raise ValueError("expected an https URL: what a provider says over plain HTTP can be anybody's")
    return text


def _checked_hash(value: Secret) -> Secret:
    match = _ARGON2ID.fullmatch(value.reveal())
    if match is None:
        raise ValueError("expected a hash of Argon2id, such as `prober password` prints")
    memory_kib, passes, lanes = map(int, match.groups())
    if not (8 * lanes <= memory_kib <= MOST_MIB * 1024 and 1 <= passes <= 20 and 1 <= lanes <= 16):
        raise ValueError(f"expected m of up to {MOST_MIB * 1024}, t from 1 to 20 and p from 1 to 16")
    return value


def _checked_token(value: Secret) -> Secret:
    if len(value.reveal()) < SHORTEST_TOKEN:
        raise ValueError(f"expected {SHORTEST_TOKEN} characters or more, such as `openssl rand -hex 32` prints")
    if not re.fullmatch(r"[\x21-\x7e]+", value.reveal()):
        raise ValueError("expected letters, digits and signs of ASCII, without blanks: it travels in a header")
    return value


class WebUser(Strict):
    """Somebody who logs in with a name and a password, on the page or by HTTP Basic."""

    password: Annotated[Secret, AfterValidator(_checked_hash)]
    """The password's Argon2id hash, as ``prober password`` prints it."""
    scopes: Scopes = ("read",)
    """What they may do: read, run, ack, ingest; admin may do everything."""


class WebToken(Strict):
    """A machine that sends ``Authorization: Bearer``."""

    token: Annotated[Secret, AfterValidator(_checked_token)]
    """The token, best as "${PROBER_TOKEN}"; make one with ``openssl rand -hex 32``."""
    scopes: Scopes = ("read",)
    """What it may do: read, run, ack, ingest; admin may do everything."""


class OidcGrant(Strict):
    """Whom an OpenID provider vouches for, and what they may do."""

    email: Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+$")] | None = None
    """This address, if the provider says that it is verified."""
    domain: Annotated[str, Field(pattern=r"^[^@\s]+\.[^@\s]+$")] | None = None
    """Any verified address of this domain, such as example.org; not of those below it."""
    group: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    """Members of this group, as the claim ``groups_claim`` has it."""
    scopes: Scopes = ("read",)
    """What they may do: read, run, ack, ingest; admin may do everything."""

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if sum(value is not None for value in (self.email, self.domain, self.group)) != 1:
            raise ValueError("expected one of email, domain and group")
        return self


class WebOidc(Strict):
    """Log-in by an OpenID provider (authorization code with PKCE); needs the extra ``oidc`` and ``web.public_url``."""

    issuer: Annotated[str, AfterValidator(_checked_issuer)]
    """The provider's issuer URL, below which /.well-known/openid-configuration is."""
    client_id: Annotated[str, Field(min_length=1, max_length=300)]
    """What the provider calls this prober. Its redirect URI is ``web.public_url`` with /login/oidc/callback."""
    client_secret: Secret | None = None
    """The secret that goes with it; none for a public client."""
    title: Annotated[str, Field(min_length=1, max_length=60)] = "single sign-on"
    """What the log-in page calls the provider."""
    groups_claim: Annotated[str, Field(min_length=1, max_length=100)] = "groups"
    """The claim of the ID token that lists groups."""
    extra_scopes: Annotated[tuple[AskedFor, ...], Field(strict=False)] = ()
    """Asked for beside openid, email and profile, such as groups."""
    allow: Annotated[tuple[OidcGrant, ...], Field(strict=False, min_length=1)]
    """Who may come in; what several of these allow somebody adds up. Nobody else may."""


class WebAuth(Strict):
    """Who may ask. With it nobody else may, not even on loopback; ``metrics`` and ``probe`` say what stays open."""

    users: dict[Annotated[str, Field(pattern=r"^[^\s:\x00-\x1f\x7f]{1,80}$")], WebUser] = {}
    """People with passwords, by name."""
    tokens: dict[Identifier, WebToken] = {}
    """Machines with tokens, by name."""
    oidc: WebOidc | None = None
    """An OpenID provider that people log in by."""
    metrics: Literal["open", "read"] = "open"
    """Whether /metrics is for everybody, as without ``auth``, or takes the scope read."""
    probe: Literal["open", "run"] = "run"
    """Whether /probe is for everybody, as blackbox_exporter's is, or takes the scope run."""
    session: Annotated[Duration, Field(ge=60, le=30 * 86_400)] = 12 * 3_600.0
    """How long a log-in lasts."""
    session_key: Annotated[Secret, AfterValidator(_checked_token)] | None = None
    """What session cookies are signed with; made at random when missing, so that log-ins end with a restart."""

    @model_validator(mode="after")
    def _lets_somebody_in(self) -> Self:
        if not (self.users or self.tokens or self.oidc) and self.probe != "open":
            raise ValueError("expected users, tokens or oidc: nobody could log in")
        values = [token.token for token in self.tokens.values()]
        if len(set(values)) < len(values):
            raise ValueError("two tokens are the same: whose it is could not be told")
        return self


class WebTls(Strict):
    """The web side over TLS, 1.2 or newer. Certificate and key are read again when their files change."""

    cert_file: Annotated[str, Field(min_length=1)]
    """The certificate with its chain, PEM, relative to this file."""
    key_file: Annotated[str, Field(min_length=1)]
    """Its key, PEM, without a passphrase, relative to this file."""
    client_ca_file: Annotated[str, Field(min_length=1)] | None = None
    """Whoever connects needs a certificate by one of these authorities; nobody does when missing."""
    hsts: Annotated[Duration, Field(ge=0, le=2 * 365 * 86_400)] = 365 * 86_400.0
    """For how long browsers shall reach this host and those below it by TLS only, on all its ports (HSTS); 0s says
    nothing."""


class Web(Strict):
    """The web side: metrics, health and pages."""

    listen: Annotated[str, AfterValidator(_checked_listen)] = "127.0.0.1:9115"
    """host:port to listen on. Without ``auth`` all of it is served on loopback, and on any other address only metrics,
    health, public status pages and the links in notices."""
    public_url: Annotated[str, AfterValidator(checked_url)] | None = None
    """Where people reach the web side, such as https://status.example; alerts link to the evidence there."""
    auth: WebAuth | None = None
    """Who may ask, and for what."""
    tls: WebTls | None = None
    """Serve over TLS; plain HTTP when missing."""
    apart: bool = True
    """Serve from a process of its own, so that what people look at costs the probing next to nothing; false saves its
    memory, less than 100 MB. Takes effect at the next start."""
    blackbox_config: Annotated[str, Field(min_length=1)] | None = None
    """A file of blackbox_exporter's modules, relative to this file: /probe then probes by them, as that does. Whoever
    may ask it can have anything probed but link-local and metadata addresses."""
    blackbox_timeout_offset: Annotated[Duration, Field(ge=0, le=60)] = 0.5
    """How much sooner than Prometheus' scrape timeout a probe by /probe ends."""

    status_pages: dict[Identifier, StatusPage] = {}
    """Pages that everybody may see, by name: each is at /status/ and its name."""

    @model_validator(mode="after")
    def _has_an_address_to_come_back_to(self) -> Self:
        if self.auth is not None and self.auth.oidc is not None and self.public_url is None:
            raise ValueError("auth.oidc needs public_url, to which the provider sends people back")
        return self

    @property
    def host(self) -> str:
        return parse_listen(self.listen)[0]

    @property
    def port(self) -> int:
        return parse_listen(self.listen)[1]
