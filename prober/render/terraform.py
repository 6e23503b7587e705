"""The same alarms and log groups as ``cloudformation``, as Terraform's JSON."""

from __future__ import annotations

import json
from pathlib import PurePath
from typing import Any

from prober.config import Loaded
from prober.render import alarms
from prober.render.alarms import Alarm, Watched

Json = dict[str, Any]
ENVIRONMENT = "${var.environment}"


def render(loaded: Loaded) -> dict[str, str]:
    """``prober.tf.json``."""
    checks = alarms.watched(loaded.config)
    simple = [*alarms.heartbeats(loaded.config), *(alarm for one in checks for alarm in one.alarms)]
    several = [one for one in checks if len(one.alarms) > 1]
    document = {
        "//": f"Written by `prober render terraform` from {PurePath(loaded.source).name}: change that, not this file.",
        "terraform": {"required_providers": {"aws": {"source": "hashicorp/aws", "version": ">= 5.0"}}},
        "variable": _variables(),
        "locals": {"short": '${var.environment == "production" ? "prod" : var.environment}'},
        "resource": {
            "aws_cloudwatch_log_group": {part: _log_group(part) for part in alarms.LOG_GROUPS},
            "aws_cloudwatch_metric_alarm": {f"alarm_{alarm.identity}": _alarm(alarm) for alarm in simple},
            **({"aws_cloudwatch_composite_alarm": dict(map(_composite, several))} if several else {}),
        },
    }
    return {"prober.tf.json": json.dumps(document, indent=2, ensure_ascii=False) + "\n"}


def _variables() -> Json:
    return {
        "environment": {"type": "string", "default": "production"},
        "notification_topic": {"type": "string", "description": "The ARN of the SNS topic that is told."},
        "log_retention_days": {"type": "number", "default": 30},
        "create_log_groups": {
            "type": "bool",
            "default": True,
            "description": "false where they are there already.",
        },
    }


def _log_group(part: str) -> Json:
    return {
        "count": "${var.create_log_groups ? 1 : 0}",
        "name": f"/ecs/eventchain-{part}-${{local.short}}",
        "retention_in_days": "${var.log_retention_days}",
        "skip_destroy": True,
    }


def _alarm(alarm: Alarm) -> Json:
    return {
        "alarm_name": f"{ENVIRONMENT}-{alarm.name}",
        "alarm_description": _literal(alarm.description),
        "namespace": alarm.namespace,
        "metric_name": "Success",
        "dimensions": dict(alarm.dimensions),
        "statistic": alarm.statistic,
        "comparison_operator": "LessThanThreshold",
        "threshold": 1,
        "period": alarm.period_s,
        "evaluation_periods": alarm.periods,
        "datapoints_to_alarm": alarm.datapoints,
        "treat_missing_data": alarm.missing,
        **(_actions() if alarm.notifies else {}),
    }


def _composite(one: Watched) -> tuple[str, Json]:
    children = [f"aws_cloudwatch_metric_alarm.alarm_{alarm.identity}" for alarm in one.alarms]
    names = tuple(f"{ENVIRONMENT}-{alarm.name}" for alarm in one.alarms)
    arns = tuple(f"${{{child}.arn}}" for child in children)
    check = one.check
    return f"quorum_{alarms.identity(one.name)}", {
        "depends_on": children,
        "alarm_name": f"{ENVIRONMENT}-{one.name}",
        "alarm_description": _literal(
            f"{check.title or check.id} ({check.severity.value}): down in {one.needed} of {len(children)} regions."
        ),
        "alarm_rule": alarms.rule(names, arns, one.needed),
        **_actions(),
    }


def _literal(text: str) -> str:
    return text.replace("${", "$${").replace("%{", "%%{")


def _actions() -> Json:
    topic = ["${var.notification_topic}"]
    return {"alarm_actions": topic, "ok_actions": topic}
