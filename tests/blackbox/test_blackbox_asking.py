"""``/probe``'s contract and the modules file: the cases of handler_test.go and config_test.go."""

from __future__ import annotations

from pathlib import Path

import pytest
from fakes.probing import probed
from fakes.receiver import receiver
from fakes.script import Server, fin, send

from prober.blackbox import read_modules
from prober.blackbox.asking import probe_timeout_s
from prober.blackbox.modules import accepts
from prober.blackbox.notation import parse_go_duration, parse_go_size
from prober.faults import ConfigFault

TCP = "modules: {m: {prober: tcp, tcp: {preferred_ip_protocol: ip4}}}"


@pytest.mark.parametrize(
    ("module_s", "header", "offset_s", "expected"),
    [
        *((0, "15", 0.5, 14.5), (0, "15", 0, 15), (20, "15", 0.5, 14.5), (20, "15", 0, 15), (5, "15", 0, 5)),
        *((5, "15", 0.5, 5), (10, "", 0.5, 10), (10, "10", 0.5, 9.5), (9.5, "", 0.5, 9.5), (9.5, "", 1, 9.5)),
        *((0, "", 0.5, 119.5), (0, "", 0, 120), (0, None, 0, 120)),
    ],
)
def test_the_shorter_of_module_and_scrape_is_the_timeout(
    module_s: float, header: str | None, offset_s: float, expected: float
) -> None:
    assert probe_timeout_s(module_s, header, offset_s) == expected


def test_an_unknown_module_and_a_missing_target_are_400_and_a_bad_header_is_500(tmp_path: Path) -> None:
    unknown = probed(TCP, "x:1", tmp_path, module="nope")
    assert (unknown.status, unknown.text) == (400, 'Unknown module "nope"\n')
    assert (probed(TCP, "", tmp_path).status) == 400
    assert (probed(TCP, "127.0.0.1:1", tmp_path, header="soon").status) == 500
    assert (probed(TCP, "127.0.0.1:1", tmp_path, header="nan").status) == 500


def test_the_module_is_http_2xx_where_none_is_named(tmp_path: Path) -> None:
    with receiver() as service:
        modules = "modules: {http_2xx: {prober: http, http: {preferred_ip_protocol: ip4}}}"
        assert probed(modules, service.url, tmp_path, module="")["probe_http_status_code"] == 200


@pytest.mark.parametrize("encoded", ["{}", "http%3A%2F%2F{}"])
def test_a_target_is_decoded_once_more(encoded: str, tmp_path: Path) -> None:
    with receiver() as service:
        target = encoded.format(service.url.removeprefix("http://").replace(":", "%3A"))
        modules = "modules: {m: {prober: http, http: {preferred_ip_protocol: ip4}}}"
        assert probed(modules, target, tmp_path)["probe_http_status_code"] == 200


SECRETS = """
modules:
  m:
    prober: http
    timeout: 3s
    http:
      preferred_ip_protocol: ip4
      basic_auth: {username: me, password: mysecret}
      http_headers: {X-Key: {secrets: [othersecret]}}
      headers: {Host: configured.example}
"""


def test_debug_shows_logs_metrics_and_the_module_but_no_secret(tmp_path: Path) -> None:
    said = probed(SECRETS, "127.0.0.1:1", tmp_path, debug="true").text
    parts = ["Logs for the probe:", "Metrics that would have been returned:", "Module configuration:"]
    assert sorted(parts, key=said.index) == parts
    assert "probe_success 0" in said
    assert "reason=connect_refused" in said
    assert "password: <secret>" in said
    assert "secret]" not in said.replace("<secret>", "")
    assert "mysecret" not in said
    assert "othersecret" not in said


def test_a_hostname_that_contradicts_the_module_is_400(tmp_path: Path) -> None:
    assert probed(SECRETS, "127.0.0.1:1", tmp_path, hostname="other.example").status == 400
    assert probed(SECRETS, "127.0.0.1:1", tmp_path, hostname="configured.example").status == 200


def test_a_secret_that_a_target_sends_back_is_taken_out(tmp_path: Path) -> None:
    modules = """
modules:
  other: {prober: http, http: {bearer_token: planted-canary}}
  m: {prober: tcp, tcp: {preferred_ip_protocol: ip4, query_response: [{expect: never}]}}
"""
    with Server([send(b"I heard planted-canary\n"), fin]) as server:
        said = probed(modules, server.place, tmp_path, debug="1").text
    assert "I heard ***" in said
    assert "planted-canary" not in said


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{prober: http, invalid_extra_field: x}", "modules.m.invalid_extra_field: Extra inputs"),
        ("{prober: invalid}", "modules.m.prober: Input should be 'http', 'tcp', 'dns', 'icmp' or 'grpc'"),
        ("{prober: dns}", "query name must be set for DNS module"),
        ("{prober: dns, dns: {query_name: x, query_class: X}}", "query_class"),
        ("{prober: dns, dns: {query_name: x, query_type: X}}", "query_type"),
        ("{prober: dns, dns: {query_name: x, valid_rcodes: [X]}}", "rcode 'X' is not valid"),
        ("{prober: http, http: {fail_if_header_matches: [{header: a}]}}", "regexp"),
        ("{prober: http, http: [}", "not YAML"),
        ("{prober: http, http: {fail_if_body_matches_regexp: ['(']}}", "not a regular expression RE2 can run"),
        ("{prober: http, http: {fail_if_body_not_matches_regexp: ['(?=a)']}}", "not a regular expression RE2"),
        ("{prober: tcp, tcp: {query_response: [{expect: '('}]}}", "not a regular expression RE2"),
        ("{prober: http, http: {bearer_token: a, bearer_token_file: b}}", "at most one of bearer_token & bearer"),
        ("{prober: http, http: {body: a, body_file: b}}", "at most one of body & body_file"),
        ("{prober: http, http: {compression: gzip, headers: {Accept-Encoding: identity}}}", "does not take the comp"),
        ("{prober: http, http: {enable_http3: true}}", "enable_http3 needs enable_http2: false"),
        ("{prober: icmp, icmp: {ttl: 256}}", "modules.m.icmp.ttl"),
        ("{prober: icmp, icmp: {ttl: -1}}", "modules.m.icmp.ttl"),
        ("{prober: http, timeout: 5}", "expected a duration such as 5s"),
        ("{prober: http, prober: tcp}", "the key prober stands here twice"),
        ("{prober: http, http: {oauth2: {client_id: a}}}", "oauth2 is not supported here"),
        ("{prober: http, http: {fail_if_body_json_matches_cel: 'true'}}", "is not supported here"),
    ],
)
def test_a_modules_file_with_a_mistake_is_refused(text: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / "blackbox.yml"
    file.write_text(f"modules:\n  m: {text}\n")
    with pytest.raises(ConfigFault) as raised:
        read_modules(file)
    assert message in str(raised.value)
    assert str(raised.value).startswith(str(file))


EVERYTHING = """
modules:
  http_2xx: &base
    prober: http
    timeout: 1m5s
    http:
  merged: {<<: *base, timeout: 300ms}
  http_all:
    prober: http
    http:
      valid_status_codes: [200, 204]
      valid_http_versions: ["HTTP/1.1", "HTTP/2.0"]
      method: GET
      headers: {X-Number: 12}
      http_headers: {X-Key: {values: [a], secrets: [b]}}
      no_follow_redirects: no
      fail_if_ssl: false
      fail_if_not_ssl: False
      fail_if_body_matches_regexp: ['(?U)a+', '\\Qa.b\\E', '\\pL', '[[:alpha:]]\\z']
      fail_if_header_matches: [{header: Location, regexp: '^http:', allow_missing: true}]
      tls_config: {insecure_skip_verify: false, min_version: TLS12}
      basic_auth: {username: u, password: 1234}
      proxy_url: "http://127.0.0.1:3128"
      no_proxy: "a.example,10.0.0.0/8"
      skip_resolve_phase_with_proxy: true
      preferred_ip_protocol: "ip4"
      ip_protocol_fallback: false
      enable_http2: false
      compression: gzip
      body_size_limit: 10MB
  irc:
    prober: tcp
    tcp:
      query_response: [{send: !!binary "AAEC"}, {expect_bytes: "x"}, {starttls: true}]
  dot:
    prober: dns
    dns:
      transport_protocol: tcp
      dns_over_tls: true
      query_name: example.com
      query_type: SOA
      valid_rcodes: [NOERROR, NXDOMAIN]
      validate_answer_rrs: {fail_if_all_match_regexp: ["a"]}
      recursion_desired: false
  ping: {prober: icmp, icmp: {dont_fragment: true, payload_size: 100, ttl: 5}}
  health: {prober: grpc, grpc: {service: s, tls: true, metadata: {k: [a, b]}}}
"""


def test_every_key_is_read_as_go_reads_it(tmp_path: Path) -> None:
    file = tmp_path / "blackbox.yml"
    file.write_text(EVERYTHING)
    modules = read_modules(file).modules
    assert modules["http_2xx"].timeout == 65
    assert modules["merged"].timeout == 0.3
    http = modules["http_all"].http
    assert (http.headers, http.body_size_limit, http.follows) == ({"X-Number": "12"}, 10 * 1024**2, True)
    assert http.basic_auth is not None
    assert http.basic_auth.password.reveal() == "1234"
    assert modules["irc"].tcp.query_response[0].send == b"\0\1\2"
    assert modules["health"].grpc.metadata == {"k": ("a", "b")}


def test_debians_own_file_is_read() -> None:
    assert "http_2xx" in read_modules(Path("/etc/prometheus/blackbox.yml")).modules


@pytest.mark.parametrize(
    ("encoding", "header", "taken"),
    [
        *(("gzip", "gzip", True), ("gzip", "gzip;q=1.0", True), ("gzip", "gzip, br", True), ("br", "gzip, br", True)),
        *(("deflate", "gzip, br", False), ("gzip", "*", True), ("gzip", "*;q=0.1", True), ("gzip", "gzip;q=0", False)),
        *(("gzip", "*;q=0", False), ("gzip", "br;q=0.9, gzip;q=0.8, *;q=0", True)),
        *(("gzip", "*;q=0, gzip;q=0.8", True), ("gzip", " br ; q=0.9 ,  gzip ; q=0.8 ", True)),
    ],
)
def test_accept_encoding_is_weighed(encoding: str, header: str, taken: bool) -> None:
    assert accepts(encoding, header) is taken


def test_durations_and_sizes_are_those_of_go() -> None:
    assert [round(parse_go_duration(text), 9) for text in ("1h30m", "1.5s", "300ms", "100us", "1d", "0")] == [
        *(5400, 1.5, 0.3, 0.0001, 86400, 0),
    ]
    assert [parse_go_size(text) for text in ("10MB", "1KiB", "128B", "1.5K")] == [10485760, 1024, 128, 1536]
