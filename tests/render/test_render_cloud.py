"""CloudFormation, Terraform, ECS: what cfn-lint says, what it does not see, and that alarms mean what checks mean."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from fakes.rendering import configured, written

from prober.config import Loaded
from prober.faults import UserFault
from prober.render import rendered
from prober.render.alarms import rule
from prober.render.cloudformation import INLINE_BYTES

TEXT = """
regions: [eu-west-1, us-east-1, ap-south-1]
sinks: [{kind: cloudwatch, aws_region: eu-west-1, namespace: Shop/Checks}]
artifacts: {s3: {bucket: evidence, prefix: prober, aws_region: eu-west-1}}
channels: {pager: {kind: pagerduty, routing_key: "${PAGER_KEY}"}}
checks:
  - {id: shop, title: "The ${shop}", kind: http, url: "http://shop.example/", interval: 30s, alert: {down_after: 4}}
  - {id: fast, kind: tcp, address: "shop.example:80", interval: 15s, timeout: 5s, quorum: any}
  - {id: slow, kind: tcp, address: "shop.example:80", interval: 6h, alert: {down_after: 9}, quorum: all}
  - {id: daily, kind: http, url: "http://shop.example/", schedule: "0 7 * * *", regions: [eu-west-1]}
  - {id: never, kind: tcp, address: "shop.example:80", enabled: false}
"""


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    return configured(tmp_path_factory.mktemp("cloud"), TEXT.replace("${shop}", "$${shop}"))


def many(folder: Path) -> Loaded:
    checks = "".join(f'  - {{id: check-{n}, kind: tcp, address: "shop.example:{n + 1}"}}\n' for n in range(60))
    return configured(folder, f"regions: [eu-west-1, us-east-1]\nchecks:\n{checks}")


def resources(loaded: Loaded) -> dict[str, dict[str, Any]]:
    template = yaml.safe_load(rendered("cloudformation", loaded)["cloudwatch-alarms.yml"])
    found: dict[str, dict[str, Any]] = template["Resources"]
    return found


def alarms(loaded: Loaded) -> dict[str, dict[str, Any]]:
    """The properties of every alarm, by its name without the environment."""
    return {
        one["Properties"]["AlarmName"]["Fn::Sub"].removeprefix("${Environment}-"): one["Properties"]
        for one in resources(loaded).values()
        if one["Type"].startswith("AWS::CloudWatch")
    }


def test_cfn_lint_finds_nothing_in_any_template(loaded: Loaded, tmp_path: Path) -> None:
    with_browser = configured(
        tmp_path / "browser",
        "regions: [eu-west-1]\nchecks:\n  - {id: buy, kind: browser, journey: checks/buy.py, interval: 5m}\n",
    )
    for number, (one, target) in enumerate(
        [
            (loaded, "cloudformation"),
            (loaded, "ecs"),
            (with_browser, "ecs"),
            (many(tmp_path / "many"), "cloudformation"),
        ]
    ):
        written(tmp_path / "templates" / str(number), rendered(target, one))
    templates = sorted(map(str, (tmp_path / "templates").rglob("*.yml")))
    assert len(templates) >= 7
    lint = Path(sys.executable).parent / "cfn-lint"
    done = subprocess.run([str(lint), "--include-checks", "W", "--", *templates], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_an_alarm_never_asks_for_more_datapoints_or_time_than_there_is(loaded: Loaded) -> None:
    metric = [one for one in alarms(loaded).values() if "Period" in one]
    assert len(metric) == 3 * 3 + 1 + 3
    for one in metric:
        assert 1 <= one["DatapointsToAlarm"] <= one["EvaluationPeriods"]
        assert one["Period"] % 60 == 0
        assert one["Period"] * one["EvaluationPeriods"] <= (86_400 if one["Period"] < 3_600 else 7 * 86_400)


def test_a_period_holds_a_run_and_the_periods_as_many_as_the_check_allows_to_fail(loaded: Loaded) -> None:
    found = {
        name: (one["Period"], one["DatapointsToAlarm"], one["EvaluationPeriods"], one["TreatMissingData"])
        for name, one in alarms(loaded).items()
        if "Period" in one and "eu-west-1" in name
    }
    assert found == {
        "prober-shop-eu-west-1": (60, 2, 3, "missing"),
        "prober-fast-eu-west-1": (60, 1, 1, "missing"),
        "prober-slow-eu-west-1": (21_600, 9, 10, "missing"),
        "prober-daily-eu-west-1": (3_600, 1, 1, "ignore"),
        "prober-silent-eu-west-1": (300, 1, 1, "breaching"),
    }


def test_the_alarms_ask_for_what_the_sink_sends(loaded: Loaded) -> None:
    one = alarms(loaded)["prober-shop-us-east-1"]
    assert (one["Namespace"], one["MetricName"]) == ("Shop/Checks", "Success")
    assert one["Dimensions"] == [{"Name": "Check", "Value": "shop"}, {"Name": "Region", "Value": "us-east-1"}]
    assert (one["Statistic"], one["ComparisonOperator"], one["Threshold"]) == ("Maximum", "LessThanThreshold", 1)
    assert "Unit" not in one, "a metric that came with two units would be two"


def test_of_several_regions_only_the_quorum_notifies(loaded: Loaded) -> None:
    found = alarms(loaded)
    assert "AlarmActions" not in found["prober-shop-eu-west-1"]
    assert found["prober-shop"]["AlarmActions"] == [{"Ref": "NotificationTopic"}]
    assert found["prober-daily-eu-west-1"]["AlarmActions"] == [{"Ref": "NotificationTopic"}]
    assert "prober-daily" not in found
    assert not [name for name in found if "never" in name]


@pytest.mark.parametrize(("check", "wanted"), [("shop", 2), ("fast", 1), ("slow", 3)])
def test_a_quorum_fires_where_enough_regions_do_and_not_before(loaded: Loaded, check: str, wanted: int) -> None:
    text = alarms(loaded)[f"prober-{check}"]["AlarmRule"]["Fn::Sub"]
    regions = ["eu-west-1", "us-east-1", "ap-south-1"]
    for down in ([], regions[:1], regions[1:2], regions[:2], regions[1:], regions):
        assert fires(text, {f"${{Environment}}-prober-{check}-{region}" for region in down}) == (len(down) >= wanted)


def fires(text: str, firing: set[str]) -> bool:
    """What CloudWatch makes of a rule that has no more than ALARM, AND, OR and brackets."""
    python = re.sub(r'ALARM\("([^"]+)"\)', lambda match: str(match[1] in firing), text)
    assert re.fullmatch(r"(True|False|AND|OR|[() ])+", python)
    return bool(eval(python.replace("AND", "and").replace("OR", "or")))


def test_a_rule_that_would_be_too_long_counts_instead() -> None:
    names = tuple(f"n{number}" for number in range(12))
    assert rule(names, names, 7).startswith("AT_LEAST(7, ALARM, (n0, n1, ")


def test_children_of_a_quorum_are_in_its_own_stack_and_made_before_it(tmp_path: Path) -> None:
    files = rendered("cloudformation", many(tmp_path))
    assert list(files)[:2] == ["cloudwatch-alarms-2.yml", "cloudwatch-alarms-3.yml"]
    seen = set()
    for text in files.values():
        assert len(text.encode()) <= INLINE_BYTES
        stack = yaml.safe_load(text)["Resources"]
        assert not seen & set(stack)
        seen |= set(stack)
        for one in stack.values():
            assert set(one.get("DependsOn", ())) <= set(stack)
    assert len([name for name in seen if name.startswith("Quorum")]) == 60


def test_resources_keep_their_names_when_checks_come_and_go(tmp_path: Path, loaded: Loaded) -> None:
    fewer = configured(tmp_path, TEXT.replace("${shop}", "shop").replace("  - {id: fast", "  # - {id: fast"))
    assert set(resources(fewer)) < set(resources(loaded))


def test_a_sink_that_sends_no_success_has_nothing_to_alarm_on(tmp_path: Path) -> None:
    without = configured(tmp_path, TEXT.replace("namespace: Shop/Checks", "metrics: [duration]"))
    with pytest.raises(UserFault, match="metric success"):
        rendered("cloudformation", without)


def test_the_documents_log_groups_and_parameters_are_there(loaded: Loaded) -> None:
    template = yaml.safe_load(rendered("cloudformation", loaded)["cloudwatch-alarms.yml"])
    assert {"Environment", "NotificationTopic"} <= set(template["Parameters"])
    names = [
        one["Properties"]["LogGroupName"]["Fn::Sub"][0]
        for one in template["Resources"].values()
        if one["Type"] == "AWS::Logs::LogGroup"
    ]
    assert names == [f"/ecs/eventchain-{part}-${{Short}}" for part in ("backend", "frontend", "prober")]


def test_terraform_has_the_same_alarms(loaded: Loaded) -> None:
    document = json.loads(rendered("terraform", loaded)["prober.tf.json"])
    found = document["resource"]["aws_cloudwatch_metric_alarm"] | document["resource"]["aws_cloudwatch_composite_alarm"]
    by_name = {one["alarm_name"].removeprefix("${var.environment}-"): one for one in found.values()}
    others = alarms(loaded)
    assert set(by_name) == set(others)
    for name, one in others.items():
        ours = by_name[name]
        assert ours.get("period") == one.get("Period")
        assert ours.get("datapoints_to_alarm") == one.get("DatapointsToAlarm")
        assert ours.get("treat_missing_data") == one.get("TreatMissingData")
        assert bool(ours.get("alarm_actions")) == bool(one.get("AlarmActions"))
        for child in ours.get("depends_on", ()):
            assert child.removeprefix("aws_cloudwatch_metric_alarm.") in found
    assert by_name["prober-shop-eu-west-1"]["alarm_description"].startswith("The $${shop} (critical)")


def test_an_ecs_task_has_its_region_its_secrets_and_no_more_rights_than_it_needs(loaded: Loaded) -> None:
    files = rendered("ecs", loaded)
    assert sorted(files) == ["ap-south-1.yml", "eu-west-1.yml", "us-east-1.yml"]
    template = yaml.safe_load(files["eu-west-1.yml"])["Resources"]
    task = template["Task"]["Properties"]
    container = task["ContainerDefinitions"][0]
    assert {"Name": "PROBER_REGION", "Value": "eu-west-1"} in container["Environment"]
    assert container["Secrets"] == [{"Name": "PAGER_KEY", "ValueFrom": {"Fn::Sub": "${EnvSecret}:PAGER_KEY::"}}]
    assert container["StopTimeout"] <= 120, "Fargate waits no longer"
    assert (task["RequiresCompatibilities"], template["Service"]["Properties"]["LaunchType"]) == (
        ["FARGATE"],
        "FARGATE",
    )
    allowed = template["TaskRole"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]
    assert [one["Action"] for one in allowed] == ["cloudwatch:PutMetricData", "s3:PutObject"]
    deployment = template["Service"]["Properties"]["DeploymentConfiguration"]
    assert (deployment["MinimumHealthyPercent"], deployment["MaximumPercent"]) == (0, 100)
