"""``prober render alertmanager``: amtool takes it, and alerts go where they should."""

import subprocess
from pathlib import Path

import pytest
import yaml

from prober.config import load
from prober.render import rendered
from prober.render.alertmanager import deprecated

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS_OWN = """
route:
  receiver: web.hook
  routes:
    - match: {severity: critical}
      receiver: web.hook
      routes: [{match_re: {severity: w.*}}]
receivers: [{name: web.hook}]
inhibit_rules: [{source_match: {a: b}, target_match_re: {c: d}}]
"""
NESTED = """
checks:
  - {id: gateway, kind: tcp, address: "a.example:1"}
  - {id: shop.one, kind: tcp, address: "a.example:1", depends_on: [gateway]}
  - {id: api, kind: tcp, address: "a.example:1", depends_on: [gateway]}
alertmanager:
  receivers:
    checkout: {checks: ["shop.*", api], severity: critical, slack: {channel: "#checkout"}}
"""


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("am"), ROOT / "probes.yaml")


def written(folder: Path, source: Path) -> Path:
    path = folder / "alertmanager.yml"
    path.write_text(rendered("alertmanager", load(source, {}, lenient=True))["alertmanager.yml"])
    return path


def amtool(*arguments: str | Path) -> str:
    done = subprocess.run(["amtool", *map(str, arguments)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("labels", "receivers"),
    [
        (["alertname=ProberCheckDown", "severity=critical"], "pagerduty-critical,email-ops"),
        (["alertname=HighResponseTime", "severity=warning"], "slack-warnings,email-ops"),
        (["alertname=Other", "severity=info"], "web.hook"),
        (["alertname=Watchdog", "severity=info"], "nobody"),
    ],
)
def test_alerts_go_where_the_document_sends_them(labels: list[str], receivers: str, shipped: Path) -> None:
    amtool("check-config", shipped)
    assert amtool("config", "routes", "test", f"--config.file={shipped}", *labels).strip() == receivers


def test_checks_are_selected_by_pattern_and_those_that_depend_are_inhibited(tmp_path: Path) -> None:
    (tmp_path / "probes.yaml").write_text(NESTED)
    path = written(tmp_path, tmp_path / "probes.yaml")
    amtool("check-config", path)

    def receivers(check: str) -> str:
        labels = (f"check={check}", "severity=critical")
        return amtool("config", "routes", "test", f"--config.file={path}", *labels).strip()

    assert [receivers(check) for check in ("shop.one", "api", "shopXone", "apis")] == [
        *("checkout", "checkout", "nobody", "nobody")
    ]
    inhibits = yaml.safe_load(path.read_text())["inhibit_rules"][0]
    assert inhibits["source_matchers"] == ['alertname="ProberCheckDown"', 'check="gateway"']
    assert inhibits["target_matchers"][1] == r'check=~"shop\\.one|api"'


def test_no_secret_and_no_deprecated_form_is_in_it(shipped: Path) -> None:
    text = shipped.read_text()
    assert deprecated(yaml.safe_load(text)) == []
    for file in ("pagerduty-critical.routing_key", "slack-warnings.webhook_url", "email-ops.password"):
        assert f"_file: /etc/alertmanager/secrets/{file}" in text


def test_the_deprecated_forms_that_amtool_lets_through_are_found(tmp_path: Path) -> None:
    (tmp_path / "old.yml").write_text(DOCUMENTS_OWN)
    amtool("check-config", tmp_path / "old.yml")
    assert deprecated(yaml.safe_load(DOCUMENTS_OWN)) == [
        "route.routes[0].match",
        "route.routes[0].routes[0].match_re",
        "inhibit_rules[0].source_match",
        "inhibit_rules[0].target_match_re",
    ]
