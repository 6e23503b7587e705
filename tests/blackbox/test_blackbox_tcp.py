"""Modules of prober tcp: the cases of blackbox_exporter's own tcp_test.go."""

from __future__ import annotations

import json
import ssl
from pathlib import Path
from typing import Any

import pytest
from fakes.authority import Authority
from fakes.probing import Probed, probed
from fakes.script import Act, Server, Session, fin, listen, send


def module(*turns: dict[str, Any], **keys: Any) -> str:
    keys = {"preferred_ip_protocol": "ip4", "query_response": turns, **keys}
    return json.dumps({"modules": {"m": {"prober": "tcp", "tcp": keys}}})


def talked(script: list[Act], folder: Path, *turns: dict[str, Any]) -> tuple[Probed, list[bytes]]:
    heard: list[bytes] = []

    def hear(session: Session) -> None:
        heard.append(session.connection.recv(65536))

    with Server([hear if act is listen else act for act in script]) as server:
        return probed(module(*turns), server.place, folder, header="2"), heard


def test_a_connection_is_enough_where_nothing_is_asked(tmp_path: Path) -> None:
    seen, _ = talked([fin], tmp_path)
    assert seen["probe_success"] == 1
    assert seen["probe_ip_protocol"] == 4
    assert seen["probe_failed_due_to_regex"] == seen["probe_failed_due_to_bytes"] == 0


@pytest.mark.parametrize("target", [":0", "127.0.0.1", "127.0.0.1:1"])
def test_what_cannot_be_connected_to_is_a_failed_probe(target: str, tmp_path: Path) -> None:
    seen = probed(module(), target, tmp_path)
    assert (seen.status, seen["probe_success"]) == (200, 0)


def test_a_dialogue_finds_its_lines_and_answers_with_what_was_found(tmp_path: Path) -> None:
    seen, heard = talked(
        [send(b"noise\r\nSSH-2.0-OpenSSH_6.9p1 Debian-8\r\n"), listen],
        tmp_path,
        {
            "expect": "SSH-2.0-(OpenSSH_6.9p1) Debian-(8)",
            "send": "CONFIRM ${1}",
            "labels": [{"name": "ssh_version", "value": "${1}"}, {"name": "got", "value": "$2 here"}],
        },
    )
    assert seen["probe_success"] == 1
    assert heard == [b"CONFIRM OpenSSH_6.9p1\n"]
    assert seen.by("probe_expect_info", "ssh_version") == {"OpenSSH_6.9p1": 1}
    assert seen.by("probe_expect_info", "got") == {"8 here": 1}


IRC: list[dict[str, Any]] = [
    {"send": "NICK prober"},
    {"send": "USER prober prober prober :prober"},
    {"expect": "^:[^ ]+ 001"},
]


@pytest.mark.parametrize(
    ("answer", "success"),
    [(b":ircd.localhost NOTICE AUTH :*** Looking\n:ircd.localhost 001\n", 1), (b"ERROR: bad luck\n", 0)],
)
def test_irc(answer: bytes, success: int, tmp_path: Path) -> None:
    def told(session: Session) -> None:
        heard = b""
        while not heard.endswith(b":prober\n"):  # who closes before resets what was on its way
            heard += session.connection.recv(4096)

    seen, _ = talked([told, send(answer), fin], tmp_path, *IRC)
    assert seen["probe_success"] == success
    assert seen["probe_failed_due_to_regex"] == 1 - success


@pytest.mark.parametrize(("answer", "success"), [((b"ab", b"cd"), 1), ((b"ab", b"ce"), 0)])
def test_bytes_are_expected_however_they_are_cut(answer: tuple[bytes, ...], success: int, tmp_path: Path) -> None:
    seen, _ = talked([*map(send, answer), fin], tmp_path, {"expect_bytes": "abcd"})
    assert seen["probe_success"] == success
    assert seen["probe_failed_due_to_bytes"] == 1 - success
    assert seen["probe_failed_due_to_regex"] == 0


def test_a_silent_server_that_leaves_is_a_failed_probe(tmp_path: Path) -> None:
    seen, _ = talked([fin], tmp_path, {"expect": "220.*"})
    assert (seen["probe_success"], seen["probe_failed_due_to_regex"]) == (0, 1)


def test_a_dialogue_turns_to_tls_on_the_way(tmp_path: Path) -> None:
    authority = Authority(tmp_path)

    def upgraded(session: Session) -> None:
        session.connection.recv(4096)
        session.connection.sendall(b"220 2.0.0 Ready to start TLS\r\n")
        with authority.good().wrap_socket(session.connection, server_side=True) as secured:
            secured.recv(4096)
            secured.sendall(b"250-AUTH\r\n250 CHUNKING\r\n")

    turns = [
        {"expect": "^220.*ESMTP.*$"},
        {"send": "STARTTLS"},
        {"expect": "^220"},
        {"starttls": "true"},
        {"send": "EHLO tls.prober"},
        {"expect": "^250-AUTH"},
    ]
    with Server([send(b"220 myhost ESMTP\r\n"), upgraded]) as server:
        place = server.place.replace("127.0.0.1", "localhost")
        seen = probed(module(*turns, tls_config={"ca_file": authority.ca_file}), place, tmp_path)
    assert seen["probe_success"] == 1
    assert seen["probe_ssl_earliest_cert_expiry"] > 1e9


def test_tls_verifies_the_name_in_the_target_or_the_server_name(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    context = authority.good(maximum_version=ssl.TLSVersion.TLSv1_2)
    found = []
    for host, name in (("127.0.0.1", None), ("localhost", None), ("127.0.0.1", "localhost")):
        with Server([fin], tls=context) as server:
            config = {"ca_file": authority.ca_file, "server_name": name}
            place = server.place.replace("127.0.0.1", host)
            found.append(probed(module(tls=True, tls_config=config), place, tmp_path))
    assert [seen["probe_success"] for seen in found] == [0, 1, 1]
    assert found[0].reason == "tls_hostname"
    assert found[1].by("probe_tls_version_info", "version") == {"TLS 1.2": 1}
    assert found[1]["probe_ssl_last_chain_info"] == 1
