"""An OpenID provider: where people are sent, and who it says they are. Authlib is an extra, imported when used."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any
from urllib.parse import urlsplit

from prober.clock import Clock
from prober.config.web import WebOidc
from prober.faults import Retryable, UserFault

WAIT_S = 10.0
FORM = "application/x-www-form-urlencoded;charset=UTF-8"
KEPT_S = 3_600.0
KEYS_AGAIN_S = 30.0
"""Unknown keys have it asked for its keys again, at most that often: anybody can name a key."""
MOST_BYTES = 256 * 1024
LEEWAY_S = 60
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")
"""Of signatures with a public key; ``none`` and shared secrets are no proof."""


def require() -> None:
    """Raise UserFault where what it takes is not installed."""
    if find_spec("authlib") is None:
        raise UserFault("web.auth.oidc needs the extra oidc: pip install 'prober[oidc]'")


class Refused(Exception):
    """What the provider said is not what it must be; the text says why, for the log."""


@dataclass(frozen=True, slots=True)
class Errand:
    """What one log-in goes with: secrets of its own, and where the provider sends people back."""

    state: str
    nonce: str
    verifier: str
    redirect_uri: str


@dataclass(slots=True)
class Provider:
    """The one of ``spec``. What it says of itself is kept for an hour."""

    spec: WebOidc
    clock: Clock
    _metadata: Mapping[str, Any] = field(default_factory=dict)
    _keys: Mapping[str, Any] = field(default_factory=dict)
    _metadata_at: float = float("-inf")
    _keys_at: float = float("-inf")

    async def departure(self, errand: Errand) -> str:
        """The URL to send somebody to. Raises Retryable, Refused."""
        metadata = await self._about()
        url, _ = self._client(errand).create_authorization_url(
            metadata["authorization_endpoint"], state=errand.state, nonce=errand.nonce, code_verifier=errand.verifier
        )
        return str(url)

    async def claims(self, errand: Errand, code: str) -> Mapping[str, Any]:
        """Who came back with ``code``, as the ID token says. Raises Retryable, Refused."""
        from authlib.oauth2.rfc6749.parameters import prepare_token_request

        metadata = await self._about()
        body = prepare_token_request(
            "authorization_code", redirect_uri=errand.redirect_uri, code=code, code_verifier=errand.verifier
        )
        client = self._client(errand)
        url, headers, body = client.client_auth(client.token_endpoint_auth_method).prepare(
            "POST", metadata["token_endpoint"], {"Accept": "application/json", "Content-Type": FORM}, body
        )
        token = await _ask("POST", url, headers=headers, content=body)
        if "id_token" not in token:
            raise Refused(f"no token for the code: {token.get('error')!r:.100}")
        return await self._read(str(token["id_token"]), errand.nonce)

    async def _read(self, id_token: str, nonce: str) -> Mapping[str, Any]:
        """The claims of an ID token (OpenID Connect Core 3.1.3.7), every one of them checked that is to be."""
        from joserfc import jwt
        from joserfc.errors import InvalidKeyIdError, JoseError
        from joserfc.jwk import KeySet

        keys = await self._jwks(KEPT_S)
        try:
            try:
                token = jwt.decode(id_token, KeySet.import_key_set(_set(keys)), algorithms=ALGORITHMS)
            except InvalidKeyIdError:  # keys are changed now and then
                keys = await self._jwks(KEYS_AGAIN_S)
                token = jwt.decode(id_token, KeySet.import_key_set(_set(keys)), algorithms=ALGORITHMS)
            registry = jwt.JWTClaimsRegistry(
                now=int(self.clock.wall()),
                leeway=LEEWAY_S,
                iss={"essential": True, "value": self.spec.issuer},
                aud={"essential": True, "value": self.spec.client_id},
                nonce={"essential": True, "value": nonce},
                sub={"essential": True},
                exp={"essential": True},
                iat={"essential": True},
            )
            registry.validate(token.claims)
        except (JoseError, ValueError) as error:
            raise Refused(f"the ID token does not hold: {error}") from None
        if token.claims.get("azp", self.spec.client_id) != self.spec.client_id:
            raise Refused("the ID token is for another client")
        return token.claims

    async def _about(self) -> Mapping[str, Any]:
        if self.clock.monotonic() - self._metadata_at > KEPT_S:
            found = await _ask("GET", f"{self.spec.issuer.rstrip('/')}/.well-known/openid-configuration")
            if found.get("issuer") != self.spec.issuer:
                raise Refused(f"the provider calls itself {found.get('issuer')!r}, not {self.spec.issuer!r}")
            for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
                if urlsplit(f"{found.get(name)}").scheme not in ("https", urlsplit(self.spec.issuer).scheme):
                    raise Refused(f"the provider names no safe {name}")
            self._metadata, self._metadata_at = found, self.clock.monotonic()
        return self._metadata

    async def _jwks(self, kept_s: float) -> Mapping[str, Any]:
        if self.clock.monotonic() - self._keys_at > kept_s:
            self._keys = await _ask("GET", (await self._about())["jwks_uri"])
            self._keys_at = self.clock.monotonic()
        return self._keys

    def _client(self, errand: Errand) -> Any:
        from authlib.oauth2.client import OAuth2Client

        secret, methods = self.spec.client_secret, self._metadata.get("token_endpoint_auth_methods_supported")
        return OAuth2Client(
            None,  # what is sent is sent by us, within our bounds
            self.spec.client_id,
            secret and secret.reveal(),
            token_endpoint_auth_method=_method(methods) if secret else "none",
            scope=" ".join(("openid", "email", "profile", *self.spec.extra_scopes)),
            redirect_uri=errand.redirect_uri,
            code_challenge_method="S256",
        )


async def _ask(method: str, url: str, **options: Any) -> Mapping[str, Any]:
    """The JSON object that is answered. Raises Retryable, Refused."""
    import httpx

    body = b""
    try:
        async with httpx.AsyncClient(timeout=WAIT_S) as client, client.stream(method, url, **options) as answer:
            async for piece in answer.aiter_bytes():
                body += piece
                if len(body) > MOST_BYTES:
                    raise Refused(f"more than {MOST_BYTES // 1024} KiB at {url}")
    except httpx.HTTPError as error:
        raise Retryable(f"nothing to be had at {url}: {type(error).__name__}") from None
    if answer.status_code >= 500:
        raise Retryable(f"nothing to be had at {url}: {answer.status_code}")
    try:
        found = json.loads(body)
    except ValueError:
        raise Refused(f"no JSON at {url}") from None
    if not isinstance(found, dict):
        raise Refused(f"no JSON object at {url}")
    return found


def _method(supported: Sequence[str] | None) -> str:
    """How the client shows its secret: in a header, unless that is not taken."""
    return "client_secret_post" if supported and "client_secret_basic" not in supported else "client_secret_basic"


def _set(keys: Mapping[str, Any]) -> Any:
    """Of the provider's keys those that sign."""
    return {"keys": [key for key in keys.get("keys", ()) if isinstance(key, dict) and key.get("use", "sig") == "sig"]}
