"""What the configuration says of who may ask, made ready to be asked."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from prober.config.web import Web, WebOidc
from prober.web.auth.seal import Seal
from prober.web.auth.who import NOBODY, Scope, Who


@dataclass(frozen=True)
class Rules:
    """Those of one configuration; a reload makes others."""

    web: Web
    random: bytes
    """What cookies are signed with where the configuration has no key."""

    @property
    def configured(self) -> bool:
        """Whether anybody has to say who they are."""
        return self.web.auth is not None

    @cached_property
    def seal(self) -> Seal:
        """What signs cookies and forms."""
        key = self.web.auth and self.web.auth.session_key
        return Seal(key.reveal().encode() if key else self.random)

    @cached_property
    def secure(self) -> bool:
        """Whether browsers come by TLS, here or at a proxy, so that cookies need never go without."""
        return self.web.tls is not None or (self.web.public_url or "").startswith("https://")

    @cached_property
    def hashes(self) -> Mapping[str, str]:
        """Of the passwords, by name."""
        users = self.web.auth.users if self.web.auth else {}
        return {name: user.password.reveal() for name, user in users.items()}

    @property
    def people(self) -> bool:
        """Whether anybody can log in on the page."""
        return bool(self.hashes) or self.oidc is not None

    @property
    def oidc(self) -> WebOidc | None:
        """The provider that people log in by."""
        return self.web.auth.oidc if self.web.auth else None

    def user(self, name: str) -> Who:
        """The user of that name; nobody where there is none."""
        user = self.web.auth and self.web.auth.users.get(name)
        return Who(name, _scopes(user.scopes)) if user else NOBODY

    def proof(self, name: str) -> str:
        """What a log-in of ``name`` rests on: another password is another one."""
        return self.seal.token("password", name, self.hashes.get(name, ""))

    def token(self, given: str) -> Who:
        """Whose token it is; all are looked at, each for as long."""
        asked, found = _digest(given), NOBODY
        for digest, who in self._tokens:
            if hmac.compare_digest(digest, asked):
                found = who
        return found

    @cached_property
    def _tokens(self) -> tuple[tuple[bytes, Who], ...]:
        tokens = self.web.auth.tokens if self.web.auth else {}
        return tuple((_digest(one.token.reveal()), Who(name, _scopes(one.scopes))) for name, one in tokens.items())


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "replace")).digest()


def _scopes(names: Iterable[str]) -> frozenset[Scope]:
    return frozenset(map(Scope, names))
