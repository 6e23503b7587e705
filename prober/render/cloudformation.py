"""CloudWatch alarms and the platform's log groups as CloudFormation, in stacks small enough to be sent inline."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePath
from typing import Any

from prober.config import Loaded
from prober.render import alarms
from prober.render.alarms import Alarm, Watched
from prober.render.yamls import dump

TARGET = "cloudformation"
INLINE_BYTES = 51_200
"""What a template may be without an S3 bucket, https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html."""
MOST_RESOURCES = 500
Json = dict[str, Any]


def render(loaded: Loaded) -> dict[str, str]:
    """``cloudwatch-alarms.yml``, and ``cloudwatch-alarms-2.yml`` and so on where one is not enough."""
    name = PurePath(loaded.source).name
    first: Json = {**_log_groups(), **dict(map(_alarm, alarms.heartbeats(loaded.config)))}
    stacks = list(_stacks(first, alarms.watched(loaded.config)))
    return {
        f"cloudwatch-alarms{f'-{number}' if number > 1 else ''}.yml": dump(_template(stack), TARGET, name)
        for number, stack in enumerate(stacks, start=1)
    }


def _stacks(first: Json, checks: tuple[Watched, ...]) -> Iterator[Json]:
    """Resources by stack. The alarms of a check stay together: a composite alarm needs its children."""
    stack, size = dict(first), len(dump(_template(first), "", ""))
    for one in checks:
        own = dict(_of(one))
        more = len(dump(own, "", "")) * 1.1  # they are indented once more
        if size + more > INLINE_BYTES or len(stack) + len(own) > MOST_RESOURCES:
            yield stack
            stack, size = {}, len(dump(_template({}), "", ""))
        stack |= own
        size += int(more)
    yield stack


def _template(resources: Json) -> Json:
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "Alarms on what the prober sends to CloudWatch, and the log groups of the platform.",
        "Parameters": _parameters(has_logs=any(one["Type"] == "AWS::Logs::LogGroup" for one in resources.values())),
        **(_conditions() if any("Condition" in one for one in resources.values()) else {}),
        "Resources": resources,
    }


def _parameters(*, has_logs: bool) -> Json:
    parameters: Json = {
        "Environment": {"Type": "String", "Default": "production", "AllowedPattern": "[a-z][a-z0-9-]*"},
        "NotificationTopic": {
            "Type": "String",
            "AllowedPattern": "arn:[a-z-]+:sns:.+",
            "Description": "The ARN of the SNS topic that is told.",
        },
    }
    if has_logs:
        parameters["LogRetentionDays"] = {"Type": "Number", "Default": 30}
        parameters["CreateLogGroups"] = {
            "Type": "String",
            "Default": "yes",
            "AllowedValues": ["yes", "no"],
            "Description": "no where they are there already.",
        }
    return parameters


def _conditions() -> Json:
    return {
        "Conditions": {
            "IsProduction": {"Fn::Equals": [{"Ref": "Environment"}, "production"]},
            "WithLogGroups": {"Fn::Equals": [{"Ref": "CreateLogGroups"}, "yes"]},
        }
    }


def _log_groups() -> Json:
    short = {"Fn::If": ["IsProduction", "prod", {"Ref": "Environment"}]}
    return {
        f"{part.capitalize()}Logs": {
            "Type": "AWS::Logs::LogGroup",
            "Condition": "WithLogGroups",
            "DeletionPolicy": "Retain",
            "UpdateReplacePolicy": "Retain",
            "Properties": {
                "LogGroupName": {"Fn::Sub": [f"/ecs/eventchain-{part}-${{Short}}", {"Short": short}]},
                "RetentionInDays": {"Ref": "LogRetentionDays"},
            },
        }
        for part in alarms.LOG_GROUPS
    }


def _of(one: Watched) -> Iterator[tuple[str, Json]]:
    yield from map(_alarm, one.alarms)
    if len(one.alarms) > 1:
        yield _composite(one)


def _alarm(alarm: Alarm) -> tuple[str, Json]:
    properties: Json = {
        "AlarmName": _named(alarm.name),
        "AlarmDescription": alarm.description,
        "Namespace": alarm.namespace,
        "MetricName": "Success",
        "Dimensions": [{"Name": key, "Value": value} for key, value in alarm.dimensions],
        "Statistic": alarm.statistic,
        "ComparisonOperator": "LessThanThreshold",
        "Threshold": 1,
        "Period": alarm.period_s,
        "EvaluationPeriods": alarm.periods,
        "DatapointsToAlarm": alarm.datapoints,
        "TreatMissingData": alarm.missing,
    }
    if alarm.notifies:
        properties |= _actions()
    return f"Alarm{alarm.identity}", {"Type": "AWS::CloudWatch::Alarm", "Properties": properties}


def _composite(one: Watched) -> tuple[str, Json]:
    names = tuple(f"${{Environment}}-{alarm.name}" for alarm in one.alarms)
    arns = tuple(f"${{Alarm{alarm.identity}.Arn}}" for alarm in one.alarms)
    check = one.check
    return f"Quorum{alarms.identity(one.name)}", {
        "Type": "AWS::CloudWatch::CompositeAlarm",
        "DependsOn": [f"Alarm{alarm.identity}" for alarm in one.alarms],
        "Properties": {
            "AlarmName": _named(one.name),
            "AlarmDescription": f"{check.title or check.id} ({check.severity.value}): "
            f"down in {one.needed} of {len(one.alarms)} regions.",
            "AlarmRule": {"Fn::Sub": alarms.rule(names, arns, one.needed)},
            **_actions(),
        },
    }


def _named(name: str) -> Json:
    return {"Fn::Sub": f"${{Environment}}-{name}"}


def _actions() -> Json:
    topic = [{"Ref": "NotificationTopic"}]
    return {"AlarmActions": topic, "OKActions": topic}
