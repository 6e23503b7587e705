"""The prober on ECS: for each region one CloudFormation template with task definition, service, log group and roles.

The image holds the configuration and the journeys, as the Dockerfile puts them there.
"""

from __future__ import annotations

from typing import Any

from prober import __version__
from prober.config import Config, Loaded
from prober.render.source import END_S, HOME, Source, needs_browser, plain, read, regions
from prober.render.yamls import dump
from prober.sinks.cloudwatch.spec import Spec

TARGET = "ecs"
Json = dict[str, Any]
HEALTH = "import urllib.request as http; http.urlopen('http://127.0.0.1:{port}/healthz', timeout=4)"
HEALTH_BY_TLS = (
    "import ssl, urllib.request as http; "
    "http.urlopen('https://127.0.0.1:{port}/healthz', timeout=4, context=ssl._create_unverified_context())"
)


def render(loaded: Loaded) -> dict[str, str]:
    """``<region>.yml`` for each region."""
    source = read(loaded)
    return {
        f"{region}.yml": dump(_template(loaded.config, source, region), TARGET, source.name)
        for region in regions(loaded.config)
    }


def _template(config: Config, source: Source, region: str) -> Json:
    secrets = [name for name, spare in source.variables if not spare]
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": f"The prober of {region}.",
        "Parameters": _parameters(secrets),
        "Resources": {
            "Logs": {
                "Type": "AWS::Logs::LogGroup",
                "DeletionPolicy": "Delete",
                "UpdateReplacePolicy": "Delete",
                "Properties": {"LogGroupName": f"/ecs/prober-{plain(region)}", "RetentionInDays": 30},
            },
            "ExecutionRole": _execution_role(secrets),
            "TaskRole": _role(_statements(config)),
            "Task": {"Type": "AWS::ECS::TaskDefinition", "Properties": _task(config, secrets, region)},
            "Service": {"Type": "AWS::ECS::Service", "Properties": _service(config, region)},
        },
    }


def _parameters(secrets: list[str]) -> Json:
    parameters: Json = {
        "Image": {"Type": "String", "Default": f"prober:{__version__}"},
        "Cluster": {"Type": "String", "Default": "default"},
        "Subnets": {"Type": "List<AWS::EC2::Subnet::Id>"},
        "SecurityGroups": {"Type": "List<AWS::EC2::SecurityGroup::Id>"},
        "Shard": {
            "Type": "String",
            "Default": "0/1",
            "Description": "I/N: one stack for each of N shards; tasks have no ordinals.",
        },
    }
    if secrets:
        parameters["EnvSecret"] = {
            "Type": "String",
            "AllowedPattern": "arn:[a-z-]+:secretsmanager:.+",
            "Description": f"The ARN of a secret whose JSON has the keys {', '.join(secrets)}.",
        }
    return parameters


def _execution_role(secrets: list[str]) -> Json:
    statements = [_allow("secretsmanager:GetSecretValue", {"Ref": "EnvSecret"})] if secrets else []
    role = _role(statements)
    policy = "arn:${AWS::Partition}:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy"
    role["Properties"]["ManagedPolicyArns"] = [{"Fn::Sub": policy}]
    return role


def _role(statements: list[Json]) -> Json:
    trust = {"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = {"Version": "2012-10-17", "Statement": [trust]}
    properties: Json = {"AssumeRolePolicyDocument": document}
    if statements:
        policy = {"Version": "2012-10-17", "Statement": statements}
        properties["Policies"] = [{"PolicyName": "prober", "PolicyDocument": policy}]
    return {"Type": "AWS::IAM::Role", "Properties": properties}


def _statements(config: Config) -> list[Json]:
    """What the prober itself may do: nothing beyond what the configuration uses."""
    found = [
        _allow("cloudwatch:PutMetricData", "*", {"StringEquals": {"cloudwatch:namespace": sink.namespace}})
        for sink in config.sinks
        if isinstance(sink, Spec)
    ]
    if bucket := config.artifacts.s3:
        keys = "/".join(filter(None, (bucket.bucket, bucket.prefix, "*")))
        found.append(_allow("s3:PutObject", {"Fn::Sub": f"arn:${{AWS::Partition}}:s3:::{keys}"}))
    return found


def _allow(action: str, resource: Any, condition: Json | None = None) -> Json:
    statement = {"Effect": "Allow", "Action": action, "Resource": resource}
    return {**statement, "Condition": condition} if condition else statement


def _task(config: Config, secrets: list[str], region: str) -> Json:
    browser = needs_browser(config)
    return {
        "Family": f"prober-{plain(region)}",
        "NetworkMode": "awsvpc",
        # Chromium's sandbox needs SYS_ADMIN in Docker's profile of system calls, which Fargate does not give.
        "RequiresCompatibilities": ["EC2" if browser else "FARGATE"],
        "Cpu": "2048" if browser else "512",
        "Memory": "4096" if browser else "1024",
        "ExecutionRoleArn": {"Fn::GetAtt": ["ExecutionRole", "Arn"]},
        "TaskRoleArn": {"Fn::GetAtt": ["TaskRole", "Arn"]},
        "ContainerDefinitions": [_container(config, secrets, region, browser)],
        "Volumes": [{"Name": "data", **(_kept() if browser else {})}],
    }


def _kept() -> Json:
    """A volume of the instance that outlives the task; on Fargate the store ends with it: use ``store.url`` there."""
    return {"DockerVolumeConfiguration": {"Scope": "shared", "Autoprovision": True, "Driver": "local"}}


def _container(config: Config, secrets: list[str], region: str, browser: bool) -> Json:
    port = config.web.port
    environment = {
        "PROBER_REGION": region,
        "PROBER_SHARD": {"Ref": "Shard"},
        "PROBER_LISTEN": f"0.0.0.0:{port}",
        "PROBER_STORE": f"{HOME}/prober.db",
        "PROBER_ARTIFACTS": f"{HOME}/artifacts",
    }
    linux: Json = {"InitProcessEnabled": True}
    if browser:
        linux |= {"SharedMemorySize": 512, "Capabilities": {"Add": ["SYS_ADMIN"]}}
    return {
        "Name": "prober",
        "Image": {"Ref": "Image"},
        "Essential": True,
        "Environment": [{"Name": name, "Value": value} for name, value in environment.items()],
        **({"Secrets": [_secret(name) for name in secrets]} if secrets else {}),
        "PortMappings": [{"ContainerPort": port, "Protocol": "tcp"}],
        "MountPoints": [{"SourceVolume": "data", "ContainerPath": HOME, "ReadOnly": False}],
        "HealthCheck": {
            "Command": ["CMD", "python3", "-c", (HEALTH_BY_TLS if config.web.tls else HEALTH).format(port=port)],
            "Interval": 30,
            "Timeout": 5,
            "Retries": 3,
            "StartPeriod": 60,
        },
        "StopTimeout": END_S,
        "LinuxParameters": linux,
        "LogConfiguration": {
            "LogDriver": "awslogs",
            "Options": {
                "awslogs-group": {"Ref": "Logs"},
                "awslogs-region": {"Ref": "AWS::Region"},
                "awslogs-stream-prefix": "prober",
            },
        },
    }


def _secret(name: str) -> Json:
    return {"Name": name, "ValueFrom": {"Fn::Sub": f"${{EnvSecret}}:{name}::"}}


def _service(config: Config, region: str) -> Json:
    return {
        "ServiceName": {"Fn::Sub": [f"prober-{plain(region)}-${{Which}}", {"Which": _shard_number()}]},
        "Cluster": {"Ref": "Cluster"},
        "TaskDefinition": {"Ref": "Task"},
        "LaunchType": "EC2" if needs_browser(config) else "FARGATE",
        "DesiredCount": 1,
        # The old one ends before the new one begins: two of one shard would run everything twice.
        "DeploymentConfiguration": {
            "MinimumHealthyPercent": 0,
            "MaximumPercent": 100,
            "DeploymentCircuitBreaker": {"Enable": True, "Rollback": True},
        },
        "NetworkConfiguration": {
            "AwsvpcConfiguration": {"Subnets": {"Ref": "Subnets"}, "SecurityGroups": {"Ref": "SecurityGroups"}}
        },
    }


def _shard_number() -> Json:
    return {"Fn::Select": [0, {"Fn::Split": ["/", {"Ref": "Shard"}]}]}
