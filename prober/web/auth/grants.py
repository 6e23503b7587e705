"""What those may do for whom an OpenID provider vouches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prober.config.web import OidcGrant, WebOidc
from prober.web.auth.who import NOBODY, Scope, Who

LONGEST_NAME = 120
MOST_GROUPS = 50


def vouched(spec: WebOidc, claims: Mapping[str, Any]) -> dict[str, Any]:
    """Of an ID token's ``claims`` what a session keeps: as little as tells who it is and what is allowed."""
    email = claims.get("email")
    verified = isinstance(email, str) and claims.get("email_verified") is True
    groups = claims.get(spec.groups_claim)
    listed = [groups] if isinstance(groups, str) else groups if isinstance(groups, list) else []
    wanted = {grant.group for grant in spec.allow if grant.group}
    return {
        "by": f"{spec.issuer} {spec.client_id}",
        "name": _name(claims, email if verified else None),
        "email": str(email).lower() if verified else "",
        "groups": [group for group in listed if isinstance(group, str) and group in wanted][:MOST_GROUPS],
    }


def vouched_for(spec: WebOidc, kept: Mapping[str, Any]) -> Who:
    """Who it is by what a session kept; nobody where the rules do not allow them, or no more."""
    if kept["by"] != f"{spec.issuer} {spec.client_id}":
        return NOBODY
    scopes = [scope for grant in spec.allow if _fits(grant, kept) for scope in grant.scopes]
    return Who(kept["name"], frozenset(map(Scope, scopes))) if scopes else NOBODY


def _fits(grant: OidcGrant, kept: Mapping[str, Any]) -> bool:
    email: str = kept["email"]
    if grant.group is not None:
        return grant.group in kept["groups"]
    if grant.email is not None:
        return email == grant.email.lower()
    return email.rpartition("@")[2] == (grant.domain or "").lower()


def _name(claims: Mapping[str, Any], email: str | None) -> str:
    """How people know them; the subject, which is theirs alone, where nothing better is known for sure."""
    text = email or f"{claims['sub']}"
    return "".join(char for char in text if char.isprintable())[:LONGEST_NAME]
