"""``prober render prometheus``: promtool takes it, and sees every alert fire and resolve."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from prober.config import Loaded, load
from prober.faults import ConfigFault
from prober.render import rendered
from prober.sinks.prometheus.families import CHECK_FAMILIES, PROBE_FAMILIES

ROOT = Path(__file__).resolve().parents[2]
EVERYTHING = """
regions: [eu, us, ap]
defaults: {interval: 30s, timeout: 10s}
checks:
  - id: shop.one
    kind: http
    url: "https://a.example/"
    title: The "shop"
    runbook: https://a.example/runbook
    slo: {objective: 99.9}
    expect:
      degraded_over: 1s
      certificate: {degraded_under: 21d, down_under: 3d}
      phases: {resolve: {degraded_over: 200ms}}
  - id: any
    kind: tcp
    address: "a.example:1"
    quorum: any
    severity: warning
    slo: {objective: 99.5, window: 7d}
    alert: {degraded: true}
    expect: {phases: {tls: {degraded_over: 200ms}}}
  - {id: all, kind: tcp, address: "a.example:1", quorum: all, alert: {down_after: 1, partial_after: 5m}}
  - {id: two, kind: tcp, address: "a.example:1", quorum: 2, regions: [eu, us], severity: info}
  - {id: planned, kind: tcp, address: "a.example:1", schedule: "0 7 * * mon-fri", regions: [eu]}
  - {id: off, kind: tcp, address: "a.example:1", enabled: false}
rules:
  shop:
    - alert: Quiet
      expr: sum(orders) < 1
      severity: info
      summary: Nothing is bought
      test: {series: {"orders": 5x5 0x10 5x10}, fires: 10m, resolved: 20m}
"""


def loaded(tmp_path: Path, text: str) -> Loaded:
    path = tmp_path / "probes.yaml"
    path.write_text(text)
    return load(path, {}, lenient=True)


def written(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def promtool(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["promtool", *map(str, arguments)], capture_output=True, text=True, check=False, cwd=cwd)


def rules_of(files: dict[str, str], name: str = "prober") -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(files[f"rules/{name}.yml"])["groups"] for rule in group["rules"]]


def expressions(files: dict[str, str], alert: str, name: str = "prober") -> list[str]:
    return [rule["expr"] for rule in rules_of(files, name) if rule.get("alert") == alert]


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return rendered("prometheus", loaded(tmp_path_factory.mktemp("everything"), EVERYTHING))


@pytest.fixture(scope="module")
def shipped() -> dict[str, str]:
    return rendered("prometheus", load(ROOT / "probes.yaml", {}, lenient=True))


@pytest.mark.parametrize("which", ["everything", "shipped"])
def test_promtool_takes_all_of_it_and_sees_every_alert_fire_and_resolve(
    which: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    files = request.getfixturevalue(which)
    written(tmp_path, files)
    tests = [name for name in files if name.startswith("tests/")]
    rules = [name for name in files if name.startswith("rules/")]
    for arguments in (
        ["check", "config", "prometheus.yml"],
        ["check", "rules", "--lint=all", "--lint-fatal", *rules],
        ["test", "rules", *tests],
    ):
        done = promtool(*arguments, cwd=tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "FAILED" not in done.stdout + done.stderr


@pytest.mark.parametrize("which", ["everything", "shipped"])
def test_every_alert_but_the_watchdog_is_tested(which: str, request: pytest.FixtureRequest) -> None:
    files = request.getfixturevalue(which)
    for name in (name for name in files if name.startswith("rules/")):
        tests = yaml.safe_load(files[name.replace("rules/", "tests/")])["tests"]
        for rule in rules_of(files, Path(name).stem):
            alert = rule.get("alert")
            parts = rule["expr"].count("\nor\n") + 1
            named = (
                [t for t in tests if t["name"].startswith(f"{alert} {rule['labels']['severity']} ")] if alert else []
            )
            assert not alert or alert == "Watchdog" or len(named) >= parts, alert


@pytest.mark.parametrize(
    ("right", "wrong"),
    [(">= bool 3", ">= bool 4"), ("< 1814400", "< 100"), ("<= 85", "<= 8500"), ("> 0.2", "> 5")],
    ids=["failures in a row", "certificate", "freshness", "slow phase"],
)
def test_a_rule_that_is_wrong_fails_its_unit_test(
    right: str, wrong: str, everything: dict[str, str], tmp_path: Path
) -> None:
    written(tmp_path, everything)
    path = tmp_path / "rules/prober.yml"
    assert right in path.read_text()
    path.write_text(path.read_text().replace(right, wrong))
    assert promtool("test", "rules", "tests/prober.yml", cwd=tmp_path).returncode == 1


def test_one_more_check_of_the_same_policy_is_no_more_alert_rules(tmp_path: Path) -> None:
    def alerts(count: int) -> int:
        checks = "\n".join(f'  - {{id: c{n}, kind: tcp, address: "a.example:1"}}' for n in range(count))
        files = rendered("prometheus", loaded(tmp_path, f"regions: [eu, us]\nchecks:\n{checks}\n"))
        return sum("alert" in rule for rule in rules_of(files))

    assert alerts(1) == alerts(500)


def test_every_series_the_rules_read_is_one_the_prober_has(everything: dict[str, str], shipped: dict[str, str]) -> None:
    known = {family.name for family in (*PROBE_FAMILIES, *CHECK_FAMILIES)} | {"prober_config_last_reload_successful"}
    for files in (everything, shipped):
        text = "\n".join(rule["expr"] for name in ("prober", "prober-slo") for rule in rules_of(files, name))
        read = set(re.findall(r"(?<![\w:])probe(?:r?)_\w+(?![\w:])", text))
        assert {"probe_success", "prober_check_state"} <= read <= known


def test_quorums_are_those_of_the_prober(everything: dict[str, str]) -> None:
    text = "\n".join(expressions(everything, "ProberCheckDown"))
    heard = "check:prober_regions_heard:count"
    for check, need, least in (
        (r"shop.one", f"floor({heard} / 2) + 1", 2),
        ("any", f"clamp_max({heard}, 1)", 1),
        ("all", heard, 2),
        ("two", f"clamp_max({heard}, 2)", 2),
    ):
        assert f'{{check="{check}"}} >= {need}\nand {heard} >= {least}' in text
    assert "off" not in re.findall(r"\w+", text)


def test_a_burn_rate_that_nothing_can_reach_or_that_is_allowed_makes_no_rule(tmp_path: Path) -> None:
    check = '  - {{id: c, kind: tcp, address: "a.example:1", slo: {{objective: {0}, window: {1}}}}}'
    strict = rendered("prometheus", loaded(tmp_path, "checks:\n" + check.format(99.9, "30d")))
    fast = expressions(strict, "ProberSloBurnsFast", "prober-slo")[0]
    assert 'check:probe_failures:share1h{check="c"} > 0.0144\nand check:probe_failures:share5m > 0.0144' in fast
    assert "increase1h >= 3" in fast
    loose = rendered("prometheus", loaded(tmp_path, "checks:\n" + check.format(90, "7d")))
    assert "share3d{" not in loose["rules/prober-slo.yml"]  # 0.23 times what is allowed
    unreachable = rendered("prometheus", loaded(tmp_path, "checks:\n" + check.format(90, "30d")))
    assert "share1h{" not in unreachable["rules/prober-slo.yml"]  # 144 % of the runs


def test_two_failures_burn_nothing_however_few_the_runs_and_three_do(
    everything: dict[str, str], tmp_path: Path
) -> None:
    written(tmp_path, everything)
    for failures, firing in ((2, []), (3, [{"labels": "{}", "value": 1}])):
        labels = 'check="shop.one",region="eu"'
        bad = "1+1x1 2+0x20" if failures == 2 else "1+1x2 3+0x20"
        series = [
            {"series": f"probe_success{{{labels}}}", "values": f"1x10 0x{failures * 2} 1x20"},
            {"series": f'prober_check_runs_total{{{labels},verdict="down",reason="status"}}', "values": f"_x11 {bad}"},
        ]
        asked = 'count(ALERTS{alertname="ProberSloBurnsFast",alertstate="firing"})'
        test = {
            "interval": "1m",
            "input_series": series,
            "promql_expr_test": [{"expr": asked, "eval_time": "15m", "exp_samples": firing}],
        }
        document = {"rule_files": ["rules/prober-slo.yml"], "evaluation_interval": "1m", "tests": [test]}
        (tmp_path / "few.yml").write_text(yaml.safe_dump(document))
        done = promtool("test", "rules", "few.yml", cwd=tmp_path)
        assert done.returncode == 0, (failures, done.stdout, done.stderr)


def test_probers_are_scraped_by_region_and_keep_their_labels(tmp_path: Path) -> None:
    text = 'regions: [eu, us]\nprometheus: {probers: {us: ["a:1", "b:1"]}, jobs: {db: {targets: "db:9187"}}}\n'
    made = yaml.safe_load(rendered("prometheus", loaded(tmp_path, text))["prometheus.yml"])
    own, other = made["scrape_configs"]
    assert own["honor_labels"] is True
    assert own["static_configs"] == [
        {"targets": ["prober-eu:9115"], "labels": {"region": "eu"}},
        {"targets": ["a:1", "b:1"], "labels": {"region": "us"}},
    ]
    assert other == {"job_name": "db", "static_configs": [{"targets": ["db:9187"]}]}
    assert made["rule_files"] == ["rules/*.yml"]


def test_the_documents_rules_are_there_by_their_names_and_mended(shipped: dict[str, str]) -> None:
    by_name = {rule["alert"]: rule for rule in rules_of(shipped, "eventchain")}
    assert list(by_name) == [
        *("HighErrorRate", "HighResponseTime", "DatabaseConnectionHigh"),
        *("LowTicketSales", "HighMemoryUsage", "LowDiskSpace"),
    ]
    assert "/ sum(rate(http_requests_total[5m]))" in by_name["HighErrorRate"]["expr"]
    assert by_name["HighErrorRate"]["labels"]["severity"] == "critical"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("rules: {prober: []}", "choose another name"),
        ("rules: {a: [{alert: A, expr: up, test: {series: {up: 1x5}, fires: 5m, resolved: 2m}}]}", "before it fires"),
        ('checks: [{id: a, kind: tcp, address: "a:1", schedule: "0 7 * * *", slo: {objective: 99}}]', "too seldom"),
        ("alertmanager: {receivers: {a: {}, b: {}}}", "a and b select nothing"),
    ],
    ids=["our own group", "a test that ends too early", "an objective on a schedule", "two defaults"],
)
def test_what_cannot_work_is_refused_when_it_is_read(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigFault, match=said):
        loaded(tmp_path, text)
