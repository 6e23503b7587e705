"""``prober import blackbox``: what is written is valid, and asks what was asked before."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner, Result

from prober.cli import cli
from prober.config import load

MODULES = r"""
modules:
  http_2xx:
    prober: http
    timeout: 5s
    http:
      preferred_ip_protocol: ip4
      ip_protocol_fallback: false
      fail_if_body_not_matches_regexp: ["costs \\$5"]
      fail_if_header_not_matches: [{header: Content-Type, regexp: html}]
      valid_http_versions: ["HTTP/1.1", "HTTP/2.0"]
      basic_auth: {username: me, password: planted-canary}
      compression: gzip
  banner:
    prober: tcp
    tcp: {query_response: [{expect: "^SSH-2.0-", send: hello}]}
  zone:
    prober: dns
    dns: {query_name: example.com, query_type: SOA, validate_answer_rrs: {fail_if_none_matches_regexp: [a, b]}}
  ping: {prober: icmp}
  health: {prober: grpc, grpc: {service: s, tls: true}}
"""
PROMETHEUS = """
global: {scrape_interval: 15s}
scrape_configs:
  - {job_name: node, static_configs: [{targets: ["a:9100"]}]}
  - job_name: shop
    metrics_path: /probe
    scrape_interval: 30s
    params: {module: [http_2xx]}
    static_configs: [{targets: ["https://shop.example", "www.shop.example/a?b=$c"], labels: {team: shop}}]
    relabel_configs: [{source_labels: [__address__], target_label: __param_target}]
  - {job_name: ssh, metrics_path: /probe, params: {module: [banner]}, static_configs: [{targets: ["gate:22"]}]}
  - {job_name: dns, metrics_path: /probe, params: {module: [zone]}, static_configs: [{targets: ["192.0.2.53"]}]}
  - {job_name: ping, metrics_path: /probe, params: {module: [ping]}, static_configs: [{targets: ["gate", "gate"]}]}
  - {job_name: rpc, metrics_path: /probe, params: {module: [health]}, static_configs: [{targets: ["rpc:443"]}]}
  - {job_name: found, metrics_path: /probe, params: {module: [ping]}, file_sd_configs: [{files: [a.yml]}]}
  - {job_name: gone, metrics_path: /probe, params: {module: [nope]}, static_configs: [{targets: ["x"]}]}
"""


def imported(folder: Path, *arguments: str) -> Result:
    (folder / "blackbox.yml").write_text(MODULES)
    (folder / "prometheus.yml").write_text(PROMETHEUS)
    return CliRunner().invoke(cli, ["import", "blackbox", str(folder / "blackbox.yml"), *arguments])


def test_each_target_of_each_job_is_a_check_that_asks_the_same(tmp_path: Path) -> None:
    out = tmp_path / "probes.yaml"
    done = imported(tmp_path, "--prometheus", str(tmp_path / "prometheus.yml"), "-o", str(out))
    assert done.exit_code == 0, done.output
    loaded = load(out, {"BLACKBOX_HTTP_2XX_PASSWORD": "of-the-environment"}, lenient=False)
    checks = {check.id: check.model_dump() for check in loaded.config.checks}
    assert list(checks) == [
        *("shop-shop.example", "shop-www.shop.example-a-b-c", "ssh-gate-22", "dns-192.0.2.53", "ping-gate"),
        *("ping-gate-2", "rpc-rpc-443"),
    ]
    shop = checks["shop-www.shop.example-a-b-c"]
    assert (shop["url"], shop["interval"], shop["timeout"]) == ("http://www.shop.example/a?b=$c", 30, 5)
    assert shop["expect"]["body"]["matches"] == (r"costs \$5",)
    assert (shop["expect"]["status"], shop["expect"]["http_version"]) == (("200-299",), ("1.1", "2"))
    assert (shop["ip"], shop["auth"]["basic"]["username"]) == ("v4", "me")
    assert (checks["ssh-gate-22"]["interval"], checks["ssh-gate-22"]["timeout"]) == (15, 9.5)
    assert checks["dns-192.0.2.53"]["expect"]["answer"]["matches"] == ("(?:a)|(?:b)",)
    assert checks["rpc-rpc-443"]["tls"] is True


def test_what_is_left_out_is_said_and_no_secret_is_copied(tmp_path: Path) -> None:
    done = imported(tmp_path, "--prometheus", str(tmp_path / "prometheus.yml"))
    assert "planted-canary" not in done.output
    for left in ("compression", "the label team of its targets", "set the variable BLACKBOX_HTTP_2XX_PASSWORD"):
        assert f"# not carried over: {left}" in done.stdout or left in done.stdout
        assert left in done.stderr
    assert "job found: nothing to carry over: the targets of file_sd_configs are not in the file" in done.stderr
    assert "job gone: no such module: nope" in done.stderr


def test_without_prometheus_each_module_is_a_check_that_waits_for_its_target(tmp_path: Path) -> None:
    out = tmp_path / "probes.yaml"
    assert imported(tmp_path, "-o", str(out)).exit_code == 0
    checks = load(out, {}, lenient=True).config.checks
    assert [check.id for check in checks] == [
        *("http_2xx-target.invalid", "banner-target.invalid", "zone-target.invalid", "ping-target.invalid"),
        "health-target.invalid",
    ]
    assert not any(check.enabled for check in checks)


def test_a_file_that_is_there_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "probes.yaml").write_text("mine")
    assert imported(tmp_path, "-o", str(tmp_path / "probes.yaml")).exit_code != 0
    assert (tmp_path / "probes.yaml").read_text() == "mine"
