"""The two scripts: sound, idempotent, saying what they would do, and telling by their exit codes how it went."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes.receiver import Answer, Receiver, receiver
from fakes.rendering import written

from prober.config import load
from prober.render import rendered

ROOT = Path(__file__).parents[2]
TARGETS = ("setup", "maintenance", "alertmanager", "prometheus", "grafana", "kubernetes", "cloudformation")
TOPIC = "arn:aws:sns:us-east-1:123456789012:eventchain-alerts"
TOOL = """#!/bin/sh
printf '%s' "$(basename "$0")" >>"$CALLS"
printf ' %s' "$@" >>"$CALLS"
printf '\\n' >>"$CALLS"
case "$*" in *"$FAILING"*) exit 1 ;; esac
case "$*" in *describe-log-groups*) echo "$GROUPS_THERE" ;; *--dry-run=client*) echo "kind: ConfigMap" ;; esac
case "$*" in *"-f -"*) cat >/dev/null ;; esac
exit 0
"""


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scripts")
    loaded = load(ROOT / "probes.yaml", {}, lenient=True)
    for target in TARGETS:
        written(folder / target, rendered(target, loaded))
    return folder


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """A kubectl and an aws that note how they were called; the commands are in ``calls``."""
    for name in ("kubectl", "aws"):
        (tmp_path / name).write_text(TOOL)
        (tmp_path / name).chmod(0o755)
    return tmp_path


def run(script: Path, *arguments: str, tools: Path | None = None, **environ: str) -> subprocess.CompletedProcess[str]:
    path = f"{tools}:{os.environ['PATH']}" if tools else os.environ["PATH"]
    found = {"FAILING": "nothing-fails", "GROUPS_THERE": "0", **environ}
    return subprocess.run(
        ["sh", str(script), *arguments],
        env={"PATH": path, "CALLS": str((tools or script.parent) / "calls"), **found},
        capture_output=True,
        text=True,
        timeout=50,
    )


def setup(tree: Path) -> Path:
    return tree / "setup" / "setup-monitoring.sh"


def maintenance(tree: Path) -> Path:
    return tree / "maintenance" / "monitoring-maintenance.sh"


@pytest.mark.parametrize("script", [setup, maintenance])
def test_a_script_is_posix_shell(script: object, tree: Path) -> None:
    path = script(tree)  # type: ignore[operator]
    for shell in filter(shutil.which, ("sh", "dash", "bash")):
        done = subprocess.run([shell, "-n", str(path)], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    if shutil.which("shellcheck"):
        done = subprocess.run(["shellcheck", str(path)], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout
    assert run(path, "--help").stdout.startswith(path.name)


@pytest.mark.parametrize("script", [setup, maintenance])
@pytest.mark.parametrize("arguments", [["--nonsense"], ["--only"], ["--only", "nothing"]])
def test_what_is_not_understood_is_refused(script: object, arguments: list[str], tree: Path) -> None:
    done = run(script(tree), *arguments, NOTIFICATION_TOPIC=TOPIC)  # type: ignore[operator]
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1


def test_a_dry_set_up_says_everything_and_runs_nothing(tree: Path, tools: Path) -> None:
    done = run(setup(tree), "--dry-run", tools=tools, NOTIFICATION_TOPIC=TOPIC)
    assert done.returncode == 0, done.stderr
    assert not (tools / "calls").exists()
    for wanted in ("overlays/eu-west-1", "overlays/us-east-1", "prometheus-config", "grafana-dashboards", TOPIC):
        assert wanted in done.stdout


def test_setting_up_twice_makes_the_same_calls_all_of_which_may_be_repeated(tree: Path, tools: Path) -> None:
    seen = []
    for _ in range(2):
        done = run(setup(tree), tools=tools, NOTIFICATION_TOPIC=TOPIC, KUBE_CONTEXT="eks-%s")
        assert done.returncode == 0, done.stderr
        seen.append((tools / "calls").read_text())
        (tools / "calls").unlink()
    assert seen[0] == seen[1]
    calls = seen[0].splitlines()
    assert (
        f"kubectl --context eks-us-east-1 --namespace monitoring apply -k {tree}/kubernetes/overlays/us-east-1" in calls
    )
    assert all(
        "apply" in call or "--dry-run=client" in call or "--no-fail-on-empty-changeset" in call or " describe-" in call
        for call in calls
    )
    deployed = next(call for call in calls if "cloudformation deploy" in call)
    assert f"--parameter-overrides Environment=production NotificationTopic={TOPIC}" in deployed


def test_log_groups_of_someone_else_are_left_to_them(tree: Path, tools: Path) -> None:
    arguments = {"NOTIFICATION_TOPIC": TOPIC, "FAILING": "describe-stacks", "GROUPS_THERE": "2"}
    done = run(setup(tree), "--only", "cloudwatch", tools=tools, **arguments)
    assert done.returncode == 0, done.stderr
    assert (tools / "calls").read_text().splitlines()[-1].endswith("CreateLogGroups=no")


def test_a_step_that_fails_is_named_and_the_others_are_done(tree: Path, tools: Path) -> None:
    done = run(setup(tree), tools=tools, NOTIFICATION_TOPIC=TOPIC, FAILING="prometheus-config")
    assert done.returncode == 1
    assert "failed: prometheus" in done.stderr
    assert "cloudformation deploy" in (tools / "calls").read_text()


def test_what_is_missing_is_told_before_anything_is_changed(tree: Path, tools: Path, tmp_path: Path) -> None:
    without_topic = run(setup(tree), tools=tools)
    assert (without_topic.returncode, "NOTIFICATION_TOPIC" in without_topic.stderr) == (2, True)
    elsewhere = run(setup(tree), tools=tools, NOTIFICATION_TOPIC=TOPIC, MONITORING_DIR=str(tmp_path / "none"))
    assert (elsewhere.returncode, "prober render" in elsewhere.stderr) == (2, True)
    assert not (tools / "calls").exists()


@pytest.fixture
def grafana() -> Iterator[Receiver]:
    with receiver() as service:
        yield service


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    folder = tmp_path / "log"
    written(folder, {"old.log": "", "new.log": "", "combined.log-20261101.gz": "", "old.txt": ""})
    long_ago = time.time() - 9 * 86_400
    for name in ("old.log", "combined.log-20261101.gz", "old.txt"):
        os.utime(folder / name, (long_ago, long_ago))
    return folder


def environ(grafana: Receiver, logs: Path) -> dict[str, str]:
    return {"GRAFANA_URL": grafana.url, "GRAFANA_API_KEY": "canary-key", "LOG_DIR": str(logs)}


def test_maintenance_removes_old_logs_sends_the_dashboards_and_tests_the_rules(
    tree: Path, grafana: Receiver, logs: Path
) -> None:
    done = run(maintenance(tree), **environ(grafana, logs))
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in logs.iterdir()) == ["new.log", "old.txt"]
    sent = {posted.body["dashboard"]["uid"]: posted for posted in grafana.posted}
    assert set(sent) == {path.stem for path in (tree / "grafana").glob("*.json")}
    for posted in sent.values():
        assert (posted.path, posted.body["overwrite"]) == ("/api/dashboards/db", True)
        assert {name.lower(): value for name, value in posted.headers.items()}["authorization"] == "Bearer canary-key"
    again = run(maintenance(tree), **environ(grafana, logs))
    assert (again.returncode, again.stdout) == (0, "")


def test_dry_maintenance_changes_and_sends_nothing(tree: Path, grafana: Receiver, logs: Path) -> None:
    done = run(maintenance(tree), "--dry-run", **environ(grafana, logs))
    assert done.returncode == 0, done.stderr
    assert len(list(logs.iterdir())) == 4
    assert not grafana.posted
    assert "old.log" in done.stdout
    assert "prober-overview.json" in done.stdout


def test_a_dashboard_that_grafana_refuses_fails_the_run_and_the_others_are_sent(
    tree: Path, grafana: Receiver, logs: Path
) -> None:
    grafana.answers.append(Answer(412, json.dumps({"status": "version-mismatch"}).encode()))
    done = run(maintenance(tree), "--only", "dashboards", **environ(grafana, logs))
    assert done.returncode == 1
    assert "was not taken" in done.stderr
    assert len(grafana.posted) == 5


def test_a_store_that_outgrew_its_limit_is_told(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "prober.db").write_bytes(b"12345")
    store = {"PROBER_STORE": str(tmp_path / "prober.db")}
    assert run(maintenance(tree), "--only", "store", **store).returncode == 0
    done = run(maintenance(tree), "--only", "store", **store, STORE_BYTES="4")
    assert (done.returncode, "5 bytes, more than 4" in done.stderr) == (1, True)


def test_broken_rules_fail_the_run(tree: Path, tmp_path: Path) -> None:
    rules = {"prometheus/rules/own.yml": "groups: [{name: own, rules: [{record: a, expr: 'sum('}]}]\n"}
    folder = written(tmp_path / "monitoring", rules)
    done = run(maintenance(tree), "--only", "rules", MONITORING_DIR=str(folder))
    assert done.returncode == 1
    assert "own.yml" in done.stderr


def test_logrotate_takes_its_configuration(tree: Path) -> None:
    program = shutil.which("logrotate", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        pytest.skip("logrotate is not installed")
    config = str(tree / "maintenance" / "logrotate.conf")
    done = subprocess.run([program, "--debug", "--state", "/dev/null", config], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
