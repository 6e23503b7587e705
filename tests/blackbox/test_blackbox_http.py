"""Modules of prober http: the cases of blackbox_exporter's own http_test.go."""

from __future__ import annotations

import gzip
import json
import ssl
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from fakes.authority import Authority
from fakes.probing import Probed, probed

Handle = Callable[[BaseHTTPRequestHandler], None]


@contextmanager
def site(handle: Handle, tls: ssl.SSLContext | None = None, seen: list[Any] | None = None) -> Iterator[str]:
    """A web server that answers with ``handle``."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if seen is not None:
                length = int(self.headers.get("Content-Length") or 0)
                seen.append((self.command, self.path, self.headers, self.rfile.read(length)))
            handle(self)
            self.close_connection = True

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
        server.handle_error = lambda *_: None  # type: ignore[method-assign]  # who refuses our certificate hangs up
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"{'https://localhost' if tls else 'http://127.0.0.1'}:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def says(status: int = 200, body: bytes = b"", **headers: str) -> Handle:
    def handle(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name.replace("_", "-"), value)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    return handle


def module(**keys: Any) -> str:
    keys = {"preferred_ip_protocol": "ip4", **keys}
    return json.dumps({"modules": {"m": {"prober": "http", "timeout": "5s", "http": keys}}})


def asked(handle: Handle, folder: Path, path: str = "/", **keys: Any) -> Probed:
    with site(handle) as url:
        return probed(module(**keys), url + path, folder)


@pytest.mark.parametrize(
    ("status", "valid", "success"),
    [
        *((200, [], 1), (201, [], 1), (299, [], 1), (300, [], 0), (404, [], 0)),
        *((404, [200, 404], 1), (200, [200, 404], 1), (201, [200, 404], 0), (404, [404], 1), (200, [404], 0)),
    ],
)
def test_status_codes_are_valid_as_the_module_says(status: int, valid: list[int], success: int, tmp_path: Path) -> None:
    seen = asked(says(status), tmp_path, valid_status_codes=valid)
    assert seen["probe_success"] == success
    assert seen["probe_http_status_code"] == status
    assert seen.reason == ("ok" if success else "status")


@pytest.mark.parametrize(
    ("versions", "success"), [([], 1), (["HTTP/1.1"], 1), (["HTTP/1.1", "HTTP/2.0"], 1), (["HTTP/2.0"], 0)]
)
def test_the_http_version_is_held_against_the_valid_ones(versions: list[str], success: int, tmp_path: Path) -> None:
    seen = asked(says(), tmp_path, valid_http_versions=versions)
    assert seen["probe_success"] == success
    assert seen["probe_http_version"] == 1.1


def test_every_family_is_there_with_its_phases(tmp_path: Path) -> None:
    seen = asked(says(body=b"hello", Last_Modified="Wed, 21 Oct 2015 07:28:00 GMT"), tmp_path)
    assert set(seen.by("probe_http_duration_seconds", "phase")) == {
        "connect",
        "processing",
        "resolve",
        "tls",
        "transfer",
    }
    assert seen["probe_http_content_length"] == seen["probe_http_uncompressed_body_length"] == 5
    assert seen["probe_http_last_modified_timestamp_seconds"] == 1445412480
    assert seen["probe_ip_protocol"] == 4
    assert seen["probe_ip_addr_hash"] == 3668918509
    assert seen["probe_timeout_seconds"] == 4.5
    assert seen["probe_failed_due_to_regex"] == seen["probe_http_ssl"] == seen["probe_http_redirects"] == 0
    assert "probe_success 1\n" in seen.text


def test_a_server_that_is_away_leaves_every_family_with_0(tmp_path: Path) -> None:
    seen = probed(module(), "127.0.0.1:1", tmp_path)
    assert seen.status == 200
    assert seen["probe_success"] == seen["probe_http_status_code"] == seen["probe_http_version"] == 0
    assert len(seen.by("probe_http_duration_seconds", "phase")) == 5
    assert seen.reason == "connect_refused"


@pytest.mark.parametrize("target", ["HTTP://", "HtTp://", "http://", ""])
def test_the_scheme_may_be_missing_or_in_any_case(target: str, tmp_path: Path) -> None:
    with site(says()) as url:
        assert probed(module(), target + url.removeprefix("http://"), tmp_path)["probe_success"] == 1


@pytest.mark.parametrize("target", ["http://[", "127.0.0.1:99999", "a b"])
def test_a_target_that_is_no_url_is_a_failed_probe(target: str, tmp_path: Path) -> None:
    seen = probed(module(), target, tmp_path)
    assert (seen.status, seen["probe_success"]) == (200, 0)
    assert seen.reason == "connect"


@pytest.mark.parametrize(
    "target", ["169.254.169.254/latest/meta-data", "http://[fd00:ec2::254]/", "0xa9fea9fe", "[::ffff:169.254.169.254]"]
)
def test_metadata_services_are_never_asked(target: str, tmp_path: Path) -> None:
    seen = probed(module(preferred_ip_protocol="ip6"), target, tmp_path)
    assert (seen["probe_success"], seen.reason) == (0, "address_blocked")


def test_a_redirect_to_a_metadata_service_is_not_followed(tmp_path: Path) -> None:
    seen = asked(says(302, Location="http://169.254.169.254/latest"), tmp_path)
    assert (seen["probe_success"], seen.reason) == (0, "address_blocked")


def to_the_next(request: BaseHTTPRequestHandler) -> None:
    number = int(request.path.strip("/") or 0)
    says(302, Location=f"/{number + 1}")(request)


def test_redirects_end_at_the_eleventh(tmp_path: Path) -> None:
    requests: list[Any] = []
    with site(to_the_next, seen=requests) as url:
        seen = probed(module(), url, tmp_path)
    assert seen["probe_success"] == 0
    assert seen["probe_http_redirects"] == 11
    assert seen["probe_http_status_code"] == 302
    assert len(requests) == 11


@pytest.mark.parametrize("keys", [{"follow_redirects": False}, {"no_follow_redirects": "true"}])
def test_a_redirect_that_is_not_followed_is_the_answer(keys: dict[str, Any], tmp_path: Path) -> None:
    seen = asked(says(302, Location="/noredirect"), tmp_path, valid_status_codes=[302], **keys)
    assert seen["probe_success"] == 1
    assert seen["probe_http_status_code"] == 302


def test_a_followed_redirect_counts_and_keeps_cookies(tmp_path: Path) -> None:
    def handle(request: BaseHTTPRequestHandler) -> None:
        if request.path == "/":
            says(302, Location="/next", Set_Cookie="a=b")(request)
        else:
            says(200 if request.headers["Cookie"] == "a=b" else 500)(request)

    seen = asked(handle, tmp_path)
    assert (seen["probe_success"], seen["probe_http_redirects"]) == (1, 1)


def sent(folder: Path, **keys: Any) -> tuple[str, str, Any, bytes]:
    requests: list[Any] = []
    with site(says(), seen=requests) as url:
        assert probed(module(**keys), url, folder)["probe_success"] == 1
    (request,) = requests
    return request


def test_a_body_is_posted(tmp_path: Path) -> None:
    assert sent(tmp_path, method="POST", body="Test Body")[::3] == ("POST", b"Test Body")


def test_a_body_comes_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "body").write_text("from a file")
    assert sent(tmp_path, method="POST", body_file=str(tmp_path / "body"))[3] == b"from a file"


def test_headers_arrive_as_written(tmp_path: Path) -> None:
    headers = {"Host": "my-secret-vhost.com", "User-Agent": "unsuspicious user", "Accept-Language": "en-US"}
    arrived = sent(tmp_path, headers=headers)[2]
    assert {name: arrived[name] for name in headers} == headers


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"basic_auth": {"username": "u", "password": "p"}}, "Basic dTpw"),
        ({"bearer_token": "mysecret"}, "Bearer mysecret"),
        ({"authorization": {"credentials": "mysecret"}}, "Bearer mysecret"),
        ({"authorization": {"type": "Token", "credentials": "x"}}, "Token x"),
        ({"http_headers": {"Authorization": {"secrets": ["Own way"]}}}, "Own way"),
    ],
)
def test_credentials_arrive(keys: dict[str, Any], expected: str, tmp_path: Path) -> None:
    assert sent(tmp_path, **keys)[2]["Authorization"] == expected


def test_credentials_come_from_files_as_they_are_now(tmp_path: Path) -> None:
    file = tmp_path / "token"
    for token in ("first", "second"):
        file.write_text(f"{token}\n")
        assert sent(tmp_path, bearer_token_file=str(file))[2]["Authorization"] == f"Bearer {token}"


@pytest.mark.parametrize(
    ("keys", "body", "success"),
    [
        ({"fail_if_body_matches_regexp": ["could not connect to database"]}, b"could not connect to database", 0),
        ({"fail_if_body_matches_regexp": ["could not connect to database"]}, b"Download the latest version here", 1),
        ({"fail_if_body_matches_regexp": ["could not connect", "internal error"]}, b"internal error", 0),
        ({"fail_if_body_not_matches_regexp": ["Download the latest"]}, b"could not connect", 0),
        ({"fail_if_body_not_matches_regexp": ["Download the latest"]}, b"Download the latest version", 1),
        ({"fail_if_body_not_matches_regexp": ["Download", "Copyright 2015"]}, b"Download the latest", 0),
        ({"fail_if_body_not_matches_regexp": ["Download", "Copyright 2015"]}, b"Download. Copyright 2015", 1),
        ({"fail_if_body_not_matches_regexp": ["^[[:alpha:]]+\\z", "(?i)OK"]}, b"ok", 1),
    ],
)
def test_the_body_is_held_against_patterns(keys: dict[str, Any], body: bytes, success: int, tmp_path: Path) -> None:
    seen = asked(says(body=body), tmp_path, **keys)
    assert seen["probe_success"] == success
    assert seen["probe_failed_due_to_regex"] == 1 - success
    assert seen["probe_http_content_length"] == seen["probe_http_uncompressed_body_length"] == len(body)


def header(name: str, regexp: str, allow_missing: bool = False) -> list[dict[str, Any]]:
    return [{"header": name, "regexp": regexp, "allow_missing": allow_missing}]


@pytest.mark.parametrize(
    ("rule", "sent_headers", "success"),
    [
        (header("Content-Type", "text/javascript"), {"Content-Type": "text/javascript"}, 0),
        (header("Content-Type", "text/javascript"), {"Content-Type": "application/octet-stream"}, 1),
        (header("content-type", "text/javascript"), {"Content-Type": "application/octet-stream"}, 1),
        (header("Content-Type", ".*"), {"Content-Type": ""}, 0),
        (header("Content-Type", ".*"), {}, 0),
        (header("Content-Type", ".*", True), {"Content-Type": ""}, 0),
        (header("Content-Type", ".*", True), {}, 1),
        (header("Set-Cookie", ".*Domain=.example.com.*"), {"Set-Cookie": "z=1; Domain=.example.com"}, 0),
    ],
)
def test_a_header_must_not_match(
    rule: list[dict[str, Any]], sent_headers: dict[str, str], success: int, tmp_path: Path
) -> None:
    seen = asked(says(**sent_headers), tmp_path, fail_if_header_matches=rule)
    assert (seen["probe_success"], seen["probe_failed_due_to_regex"]) == (success, 1 - success)


@pytest.mark.parametrize(
    ("rule", "sent_headers", "success"),
    [
        (header("Content-Type", "text/javascript"), {"Content-Type": "text/javascript"}, 1),
        (header("Content-Type", "text/javascript"), {"Content-Type": "application/octet-stream"}, 0),
        (header("Content-Type", ".*"), {}, 0),
        (header("Content-Type", ".*", True), {}, 1),
    ],
)
def test_a_header_must_match(
    rule: list[dict[str, Any]], sent_headers: dict[str, str], success: int, tmp_path: Path
) -> None:
    seen = asked(says(**sent_headers), tmp_path, fail_if_header_not_matches=rule)
    assert (seen["probe_success"], seen["probe_failed_due_to_regex"]) == (success, 1 - success)


def test_of_several_values_any_match_counts(tmp_path: Path) -> None:
    def handle(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        for value in ("a=1; Domain=other.org", "z=1; Domain=.example.com"):
            request.send_header("Set-Cookie", value)
        request.send_header("Content-Length", "0")
        request.end_headers()

    rule = header("Set-Cookie", "example.com")
    assert asked(handle, tmp_path, fail_if_header_matches=rule)["probe_success"] == 0
    assert asked(handle, tmp_path, fail_if_header_not_matches=rule)["probe_success"] == 1


PLAIN = b"Lorem ipsum dolor sit amet " * 10
DEFLATED = zlib.compress(PLAIN)


@pytest.mark.parametrize(
    ("encoding", "body", "keys", "success", "length"),
    [
        ("gzip", gzip.compress(PLAIN, mtime=0), {"compression": "gzip"}, 1, len(PLAIN)),
        ("deflate", DEFLATED, {"compression": "deflate"}, 1, len(PLAIN)),
        ("identity", PLAIN, {"compression": "identity"}, 1, len(PLAIN)),
        ("gzip", gzip.compress(PLAIN, mtime=0), {"compression": "deflate"}, 0, 0),
        ("gzip", gzip.compress(PLAIN, mtime=0), {}, 1, len(gzip.compress(PLAIN))),
    ],
)
def test_a_body_is_decoded_only_as_the_module_says(
    encoding: str, body: bytes, keys: dict[str, Any], success: int, length: int, tmp_path: Path
) -> None:
    seen = asked(says(body=body, Content_Encoding=encoding), tmp_path, **keys)
    assert (seen["probe_success"], seen["probe_http_uncompressed_body_length"]) == (success, length)
    assert seen["probe_http_content_length"] == len(body)


@pytest.mark.parametrize(
    ("body", "encoded", "success", "length"),
    [(b"a" * 128, False, 1, 128), (b"a" * 129, False, 0, 128), (b"a" * 128, True, 1, 128), (b"a" * 999, True, 0, 128)],
)
def test_a_body_over_the_limit_fails_and_is_counted_up_to_it(
    body: bytes, encoded: bool, success: int, length: int, tmp_path: Path
) -> None:
    headers, raw = ({"Content-Encoding": "gzip"}, gzip.compress(body, mtime=0)) if encoded else ({}, body)
    keys = {"compression": "gzip"} if encoded else {}
    seen = asked(says(body=raw, **headers), tmp_path, body_size_limit="128B", **keys)
    assert (seen["probe_success"], seen["probe_http_uncompressed_body_length"]) == (success, length)


def test_plain_http_fails_where_tls_must_be(tmp_path: Path) -> None:
    seen = asked(says(), tmp_path, fail_if_not_ssl=True)
    assert (seen["probe_success"], seen["probe_http_ssl"]) == (0, 0)


def test_a_certificate_of_ours_is_accepted_and_described(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    with site(says(), authority.good()) as url:
        seen = probed(module(tls_config={"ca_file": authority.ca_file}), url, tmp_path)
        unwanted = probed(module(tls_config={"ca_file": authority.ca_file}, fail_if_ssl=True), url, tmp_path)
    assert seen["probe_success"] == seen["probe_http_ssl"] == 1
    assert seen["probe_ssl_earliest_cert_expiry"] == seen["probe_ssl_last_chain_expiry_timestamp_seconds"] > 1e9
    assert seen["probe_ssl_last_chain_info"] == seen["probe_tls_version_info"] == seen["probe_tls_cipher_info"] == 1
    assert (unwanted["probe_success"], unwanted["probe_http_ssl"]) == (0, 1)


def test_an_unknown_authority_fails_but_its_certificate_is_seen(tmp_path: Path) -> None:
    with site(says(), Authority(tmp_path).unknown_authority()) as url:
        refused = probed(module(), url, tmp_path)
        skipped = probed(module(tls_config={"insecure_skip_verify": True}), url, tmp_path)
    assert (refused["probe_success"], refused["probe_http_ssl"], refused.reason) == (0, 0, "tls_untrusted")
    assert refused["probe_ssl_earliest_cert_expiry"] > 1e9
    assert (skipped["probe_success"], skipped["probe_http_ssl"]) == (1, 1)
    assert "probe_ssl_last_chain_expiry_timestamp_seconds" not in skipped


def test_an_expired_certificate_is_fine_where_nothing_is_verified(tmp_path: Path) -> None:
    with site(says(), Authority(tmp_path).expired()) as url:
        assert probed(module(tls_config={"insecure_skip_verify": True}), url, tmp_path)["probe_success"] == 1


def test_the_host_header_is_the_name_that_is_verified(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    with site(says(), authority.good("shop.example")) as url:
        keys = {"tls_config": {"ca_file": authority.ca_file}}
        place = url.replace("localhost", "127.0.0.1")
        assert probed(module(**keys, headers={"Host": "shop.example"}), place, tmp_path)["probe_success"] == 1
        assert probed(module(**keys), place, tmp_path, hostname="shop.example")["probe_success"] == 1
        assert probed(module(**keys), place, tmp_path).reason == "tls_hostname"


def test_through_a_proxy_the_resolve_phase_can_be_left_out(tmp_path: Path) -> None:
    with site(says()) as proxy:
        with_it = probed(module(proxy_url=proxy), "http://127.0.0.1/", tmp_path)
        without = probed(
            module(proxy_url=proxy, skip_resolve_phase_with_proxy=True), "http://nowhere.invalid/", tmp_path
        )
        past = probed(module(proxy_url="http://127.0.0.1:1", no_proxy="127.0.0.0/8"), proxy, tmp_path)
    assert with_it["probe_success"] == without["probe_success"] == past["probe_success"] == 1
    assert "resolve" in with_it.by("probe_http_duration_seconds", "phase")
    assert "resolve" not in without.by("probe_http_duration_seconds", "phase")
