"""An OpenID provider in this process: real HTTP, real RS256, and what it says can be bent."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlencode

from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from prober.clock import Clock
from prober.web import WebServer

CLIENT, SECRET = "prober-client", "the-client-secret-of-prober"


@dataclass
class OpenId:
    """Answers as a provider does; ``claims`` are of who logs in, ``bend`` changes the claims just before signing."""

    clock: Clock
    claims: dict[str, Any] = field(
        default_factory=lambda: {"sub": "42", "email": "ada@example.org", "email_verified": True}
    )
    bend: Callable[[dict[str, Any]], None] = lambda claims: None
    metadata: dict[str, Any] = field(default_factory=dict)
    algorithm: str = "RS256"
    asked: list[str] = field(default_factory=list)
    url: str = ""

    def __post_init__(self) -> None:
        self.keys = [self.new_key("one")]
        self.signing: Any = self.keys[0]
        self._codes: dict[str, dict[str, str]] = {}

    @staticmethod
    def new_key(name: str) -> RSAKey:
        return RSAKey.generate_key(2048, {"kid": name, "use": "sig"})

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/.well-known/openid-configuration", self._about),
                Route("/authorize", self._authorize),
                Route("/token", self._token, methods=["POST"]),
                Route("/keys", self._keys),
            ]
        )

    async def _about(self, request: Request) -> Response:
        self.asked.append("about")
        about = {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/keys",
        }
        return JSONResponse({**about, **self.metadata})

    async def _authorize(self, request: Request) -> Response:
        """Somebody logs in there at once."""
        query = dict(request.query_params)
        assert (query["client_id"], query["response_type"]) == (CLIENT, "code")
        assert (query["code_challenge_method"], query["scope"]) == ("S256", "openid email profile groups")
        code = f"code-{len(self._codes)}"
        self._codes[code] = query
        back = {"code": code, "state": query["state"], "iss": self.url}
        return RedirectResponse(f"{query['redirect_uri']}?{urlencode(back)}", 303)

    async def _token(self, request: Request) -> Response:
        self.asked.append("token")
        form = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
        query = self._codes.pop(form["code"], None)
        basic = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        known = request.headers.get("authorization") == f"Basic {basic}" or form.get("client_secret") == SECRET
        if query is None or not known or form["redirect_uri"] != query["redirect_uri"]:
            return JSONResponse({"error": "invalid_grant"}, 400)
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        if base64.urlsafe_b64encode(digest).decode().rstrip("=") != query["code_challenge"]:
            return JSONResponse({"error": "invalid_grant"}, 400)
        return JSONResponse({"access_token": "a", "token_type": "Bearer", "id_token": self._id_token(query["nonce"])})

    async def _keys(self, request: Request) -> Response:
        self.asked.append("keys")
        return JSONResponse(KeySet(self.keys).as_dict(private=False))

    def _id_token(self, nonce: str) -> str:
        now = int(self.clock.wall())
        claims = {"iss": self.url, "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": nonce, **self.claims}
        self.bend(claims)
        header = {"alg": self.algorithm}
        if self.algorithm == "HS256":  # the public key as a shared secret, the oldest trick
            signed = ".".join(map(_part, ({**header, "kid": "one"}, claims)))
            digest = hmac.digest(self.keys[0].as_pem(private=False), signed.encode(), hashlib.sha256)
            return f"{signed}.{base64.urlsafe_b64encode(digest).decode().rstrip('=')}"
        if self.algorithm == "none":
            return f"{_part(header)}.{_part(claims)}."
        return jwt.encode({**header, "kid": self.signing.kid}, claims, self.signing)


def _part(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


@contextmanager
def openid(clock: Clock) -> Iterator[OpenId]:
    provider = OpenId(clock)
    server = WebServer(provider.app(), "127.0.0.1", 0)
    server.start()
    provider.url = f"http://127.0.0.1:{server.port}"
    try:
        yield provider
    finally:
        server.stop(5.0)
