"""The door of a running prober: said once, changed by a reload, and in front of /probe."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import httpx
import pytest
import trustme
from click.testing import CliRunner
from fakes.door import HASH, NO_AUTHORITY, PASSWORD
from fakes.process import Prober, prober
from fakes.receiver import receiver

from prober.app.service import front
from prober.cli import cli
from prober.config import Web
from prober.faults import UserFault
from prober.web.auth import provider

TOKEN = "a-token-of-prometheus-0123456789"
USERS = (
    f"auth: {{users: {{ada: {{password: '{HASH}', scopes: [read]}}}}, "
    f"tokens: {{prometheus: {{token: {TOKEN}, scopes: [run]}}}}}}"
)


def serving(folder: Path, section: str, listen: str = "127.0.0.1:0") -> AbstractContextManager[Prober]:
    written(folder, section)
    return prober("serve", "--config", folder / "probes.yaml", "--listen", listen)


def written(folder: Path, section: str) -> None:
    (folder / "probes.yaml").write_text(f"web: {{{section}}}\n")


def port_of(process: Prober) -> int:
    return int(process.wait_for(r'"url": "https?://[^"]+:(\d+)".*"event": "serving"')[1])


def status(url: str, verify: ssl.SSLContext = NO_AUTHORITY, **options: object) -> int:
    return httpx.get(url, verify=verify, trust_env=False, timeout=30, **options).status_code  # type: ignore[arg-type]


def until(holds: Callable[[], bool], within_s: float = 30.0) -> None:
    """Ask until it holds: when another process has taken something up has no event here."""
    end = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < end, "it never came to hold"
        time.sleep(0.1)  # another process's progress, not time passing


def test_an_open_address_without_auth_is_warned_of_once_and_opened_by_a_reload(tmp_path: Path) -> None:
    with serving(tmp_path, "", "0.0.0.0:0") as process:
        place = f"http://127.0.0.1:{port_of(process)}"
        assert (status(f"{place}/metrics"), status(f"{place}/")) == (200, 401)
        written(tmp_path, USERS)
        process.wait_for('"event": "reloaded"')
        until(lambda: status(f"{place}/", auth=("ada", PASSWORD)) == 200)
        assert status(f"{place}/") == 401
        written(tmp_path, f"{USERS}, tls: {{cert_file: a, key_file: b}}")
        process.wait_for("a change that takes effect at the next start")
        assert status(f"{place}/", auth=("ada", PASSWORD)) == 200
        told = [line for line in process.lines if "nobody can log in" in line]
        assert len(told) == 1
        assert "set web.auth (users, tokens or oidc; docs/operating.md), or listen on loopback" in told[0]
        assert not any(HASH in line or TOKEN in line for line in process.lines)


def test_probe_takes_a_password_or_a_token_over_tls_as_scrapers_send_them(tmp_path: Path) -> None:
    authority = trustme.CA()
    issued = authority.issue_cert("localhost")
    issued.private_key_pem.write_to_path(tmp_path / "key.pem")
    issued.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    (tmp_path / "blackbox.yml").write_text("modules: {http_2xx: {prober: http, http: {preferred_ip_protocol: ip4}}}\n")
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    users = USERS.replace("[read]", "[read, run]")
    section = f"{users}, blackbox_config: blackbox.yml, tls: {{cert_file: cert.pem, key_file: key.pem}}"
    with receiver() as service, serving(tmp_path, section, "0.0.0.0:0") as process:
        probe = f"https://localhost:{port_of(process)}/probe?target={service.url}"
        assert status(probe, trusting) == 401
        assert status(probe, trusting, auth=("ada", "wrong")) == 401
        assert service.posted == []
        scraped = httpx.get(probe, verify=trusting, auth=("ada", PASSWORD), trust_env=False, timeout=30)
        assert (scraped.status_code, "probe_success 1\n" in scraped.text) == (200, True)
        assert status(probe, trusting, headers={"Authorization": f"Bearer {TOKEN}"}) == 200


def test_a_wrong_key_stops_the_start_with_one_line(tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.issue_cert("localhost").cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    authority.issue_cert("localhost").private_key_pem.write_to_path(tmp_path / "key.pem")
    with serving(tmp_path, "tls: {cert_file: cert.pem, key_file: key.pem}") as process:
        process.wait_for(f"prober: web.tls: {tmp_path}/key.pem is not the key of {tmp_path}/cert.pem")
        assert process.end() == 2


def test_a_password_is_hashed_on_the_command_line_and_a_short_one_refused() -> None:
    done = CliRunner().invoke(cli, ["password"], input=f"{PASSWORD}\n")
    assert done.exit_code == 0, done.output
    section = Web.model_validate({"auth": {"users": {"ada": {"password": done.output.strip()}}}})
    assert section.auth is not None
    refused = CliRunner().invoke(cli, ["password"], input="short\n")
    assert isinstance(refused.exception, UserFault)
    assert str(refused.exception) == "a password of 12 characters or more is expected"


def test_a_provider_without_the_extra_is_the_users_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    oidc = {"issuer": "https://id.example", "client_id": "x", "allow": [{"group": "sre"}]}
    section = Web.model_validate({"public_url": "https://status.example", "auth": {"oidc": oidc}})
    front.require(section)
    monkeypatch.setattr(provider, "find_spec", lambda _: None)
    with pytest.raises(UserFault, match=r"web\.auth\.oidc needs the extra oidc: pip install 'prober\[oidc\]'"):
        front.require(section)
