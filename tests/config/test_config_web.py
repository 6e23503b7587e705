"""The ``web`` section: who may ask, and what is wrong with how it is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from prober.config import Loaded, load
from prober.faults import ConfigFault

HASH = "$argon2id$v=19$m=47104,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$c29tZWhhc2hzb21laGFzaHNvbWVoYXNoc29tZWhhc2g"


def loaded(folder: Path, text: str, environ: dict[str, str] | None = None, *, lenient: bool = False) -> Loaded:
    path = folder / "probes.yaml"
    path.write_text(text)
    return load(path, environ or {}, lenient=lenient)


def errors(folder: Path, text: str) -> list[str]:
    with pytest.raises(ConfigFault) as caught:
        loaded(folder, text)
    return [str(error) for error in caught.value.errors]


def test_users_tokens_and_a_provider_are_read_and_their_secrets_kept(tmp_path: Path) -> None:
    found = loaded(
        tmp_path,
        f"""
web:
  listen: 0.0.0.0:9115
  public_url: https://status.example
  tls: {{cert_file: cert.pem, key_file: key.pem, hsts: 0s}}
  auth:
    users: {{ada: {{password: "{HASH}", scopes: [read, ack]}}}}
    tokens: {{prometheus: {{token: "${{TOKEN}}"}}}}
    oidc:
      issuer: https://id.example
      client_id: prober
      client_secret: "${{SECRET}}"
      allow: [{{domain: example.org}}]
    session: 8h
""",
        {"TOKEN": "0123456789abcdef-token", "SECRET": "the-client-secret"},
    )
    auth = found.config.web.auth
    assert auth is not None
    assert auth.oidc is not None
    assert (auth.users["ada"].scopes, auth.tokens["prometheus"].scopes) == (("read", "ack"), ("read",))
    assert (auth.session, auth.metrics, auth.probe) == (28_800.0, "open", "run")
    kept = {secret.reveal() for secret in found.secrets}
    assert {HASH, "0123456789abcdef-token", "the-client-secret"} <= kept


def test_without_the_section_nothing_is_asked_of_anybody(tmp_path: Path) -> None:
    web = loaded(tmp_path, "checks: []\n").config.web
    assert (web.auth, web.tls, web.listen) == (None, None, "127.0.0.1:9115")


def test_variables_that_are_not_set_here_are_warnings_for_validate(tmp_path: Path) -> None:
    text = 'web: {auth: {tokens: {a: {token: "${A}"}, b: {token: "${B}"}}, users: {ada: {password: "${HASH}"}}}}\n'
    found = loaded(tmp_path, text, lenient=True)
    assert len([warning for warning in found.warnings if "is not set" in str(warning)]) == 3


OIDC = "issuer: https://id.example, client_id: x"


@pytest.mark.parametrize(
    ("section", "wrong"),
    [
        ("auth: {}", "web.auth: expected users, tokens or oidc: nobody could log in"),
        ("auth: {metrics: read}", "web.auth: expected users, tokens or oidc: nobody could log in"),
        ("auth: {users: {ada: {}}}", "web.auth.users.ada.password: required, but missing"),
        ("auth: {users: {ada: {password: hunter2}}}", "expected a hash of Argon2id, such as `prober password` prints"),
        (
            "auth: {users: {ada: {password: '$2y$12$0123456789012345678901uvwxyzuvwxyzuvwxyzuvwxyzuvwxyz0'}}}",
            "expected a hash of Argon2id, such as `prober password` prints",
        ),
        (
            f"auth: {{users: {{ada: {{password: '{HASH.replace('47104', '9999999')}'}}}}}}",
            "expected m of up to 1048576, t from 1 to 20 and p from 1 to 16",
        ),
        (f"auth: {{users: {{'a:b': {{password: '{HASH}'}}}}}}", "web.auth.users"),
        (
            f"auth: {{users: {{ada: {{password: '{HASH}', scopes: [write]}}}}}}",
            "web.auth.users.ada.scopes[0]: expected",
        ),
        (f"auth: {{users: {{ada: {{password: '{HASH}', scopes: []}}}}}}", "web.auth.users.ada.scopes: expected"),
        (
            "auth: {tokens: {a: {token: short}}}",
            "expected 16 characters or more, such as `openssl rand -hex 32` prints",
        ),
        (
            "auth: {tokens: {a: {token: 'with blanks in it it cannot travel'}}}",
            "without blanks: it travels in a header",
        ),
        (
            "auth: {tokens: {a: {token: 0123456789abcdef-}, b: {token: 0123456789abcdef-}}}",
            "two tokens are the same: whose it is could not be told",
        ),
        (f"auth: {{oidc: {{{OIDC}, allow: [{{domain: a.example}}]}}}}", "auth.oidc needs public_url"),
        (f"auth: {{oidc: {{{OIDC}, allow: []}}}}", "web.auth.oidc.allow: expected"),
        (
            f"auth: {{oidc: {{{OIDC}, allow: [{{}}]}}}}",
            "web.auth.oidc.allow[0]: expected one of email, domain and group",
        ),
        (
            f"auth: {{oidc: {{{OIDC.replace('https', 'http')}, allow: [{{group: a}}]}}}}",
            "expected an https URL: what a provider says over plain HTTP can be anybody's",
        ),
        ("auth: {tokens: {a: {tokn: x}}}", "web.auth.tokens.a.tokn"),
        ("auth: {sesion: 1h}", "did you mean 'session'?"),
        ("tls: {cert_file: a.pem}", "web.tls.key_file: required, but missing"),
    ],
)
def test_what_is_wrong_is_said_where_it_stands(tmp_path: Path, section: str, wrong: str) -> None:
    found = errors(tmp_path, f"web:\n  {section}\n")
    assert any(wrong in one for one in found), found
    assert not any("hunter2" in one or "0123456789abcdef-" in one for one in found)
