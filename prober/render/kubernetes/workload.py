"""The resources every cluster knows: StatefulSet, Service, ServiceAccount, PodDisruptionBudget, NetworkPolicy."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

from prober.config import Config
from prober.render.source import CONFIG, END_S, HOME, USER, Source, needs_browser

NAME = "prober"
LABELS = {"app.kubernetes.io/name": NAME}


def stateful_set(config: Config, source: Source) -> dict[str, Any]:
    """The probers of a region. Its pods' ordinals are the shards, their volumes the shards' stores."""
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": _metadata(),
        "spec": {
            "replicas": 1,
            "serviceName": NAME,
            # Shards do not wait for each other, neither to start nor to be replaced.
            "podManagementPolicy": "Parallel",
            "selector": {"matchLabels": LABELS},
            "template": {"metadata": {"labels": LABELS}, "spec": _pod(config, source)},
            "volumeClaimTemplates": [
                {
                    "metadata": {"name": "data"},
                    "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "8Gi"}}},
                }
            ],
        },
    }


def service(config: Config) -> dict[str, Any]:
    """The pods' names. Pods that end are still scraped, so that their last results are seen."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": _metadata(),
        "spec": {
            "clusterIP": "None",
            "publishNotReadyAddresses": True,
            "selector": LABELS,
            "ports": [{"name": "web", "port": config.web.port, "targetPort": "web"}],
        },
    }


def service_account() -> dict[str, Any]:
    """The prober asks the cluster nothing; cloud roles hang on this account by its annotations."""
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": _metadata(),
        "automountServiceAccountToken": False,
    }


def pdb() -> dict[str, Any]:
    """One shard at a time is taken away; with one replica a node can still be drained."""
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": _metadata(),
        "spec": {"maxUnavailable": 1, "selector": {"matchLabels": LABELS}},
    }


def network_policy(config: Config) -> dict[str, Any]:
    """In comes who scrapes; out goes everything but the cloud's metadata: journeys run pages that others wrote."""
    anywhere = [
        {"ipBlock": {"cidr": "0.0.0.0/0", "except": ["169.254.169.254/32"]}},
        {"ipBlock": {"cidr": "::/0", "except": ["fd00:ec2::254/128"]}},
    ]
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": _metadata(),
        "spec": {
            "podSelector": {"matchLabels": LABELS},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [
                {
                    "from": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}],
                    "ports": [{"protocol": "TCP", "port": config.web.port}],
                }
            ],
            "egress": [{"to": anywhere}],
        },
    }


def _metadata() -> dict[str, Any]:
    return {"name": NAME, "labels": LABELS}


def _pod(config: Config, source: Source) -> dict[str, Any]:
    browser = needs_browser(config)
    # Chromium's sandbox makes user namespaces, which the runtimes' default profile denies.
    local = {"type": "Localhost", "localhostProfile": "prober-chromium.json"}
    return {
        "serviceAccountName": NAME,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": END_S,
        # A name is looked up once, as a visitor's browser would, not first under every search domain.
        "dnsConfig": {"options": [{"name": "ndots", "value": "1"}]},
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "fsGroup": USER,
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": local if browser else {"type": "RuntimeDefault"},
        },
        "topologySpreadConstraints": [
            {
                "maxSkew": 1,
                "topologyKey": "kubernetes.io/hostname",
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": LABELS},
            }
        ],
        "containers": [_container(config, source, browser)],
        "volumes": _volumes(source, browser),
    }


def _container(config: Config, source: Source, browser: bool) -> dict[str, Any]:
    return {
        "name": NAME,
        "image": NAME,
        "args": ["serve", "--config", f"{CONFIG}/probes.yaml"],
        "env": _environment(config, source),
        "ports": [{"name": "web", "containerPort": config.web.port}],
        "startupProbe": _health(config, "/healthz", every_s=2, failures=60),
        # Of the prober's own threads alone: what it watches may be down as long as it likes.
        "livenessProbe": _health(config, "/healthz", every_s=10, failures=6),
        "readinessProbe": _health(config, "/readyz", every_s=5, failures=2),
        "resources": {
            "requests": {"cpu": "1" if browser else "250m", "memory": "1536Mi" if browser else "256Mi"},
            # No CPU limit: throttled, a prober measures itself.
            "limits": {"memory": "3Gi" if browser else "512Mi"},
        },
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": _mounts(source, browser),
    }


def _environment(config: Config, source: Source) -> list[dict[str, Any]]:
    own: list[dict[str, Any]] = [
        {"name": "PROBER_REGION", "valueFrom": {"configMapKeyRef": {"name": "prober-region", "key": "region"}}},
        {"name": "PROBER_SHARD", "value": "auto/1"},
        {"name": "PROBER_LISTEN", "value": f"0.0.0.0:{config.web.port}"},
        {"name": "PROBER_STORE", "value": f"{HOME}/prober.db"},
        {"name": "PROBER_ARTIFACTS", "value": f"{HOME}/artifacts"},
        {"name": "HOME", "value": HOME},
    ]
    secrets: list[dict[str, Any]] = [
        {"name": name, "valueFrom": {"secretKeyRef": {"name": "prober-env", "key": name, "optional": spare}}}
        for name, spare in source.variables
    ]
    return own + secrets


def _health(config: Config, path: str, *, every_s: int, failures: int) -> dict[str, Any]:
    return {
        "httpGet": {"path": path, "port": "web", **({"scheme": "HTTPS"} if config.web.tls else {})},
        "periodSeconds": every_s,
        "timeoutSeconds": 4,
        "failureThreshold": failures,
    }


def _volumes(source: Source, browser: bool) -> list[dict[str, Any]]:
    keys = ["probes.yaml", *(name for name, _ in source.scripts)]
    items = [{"key": name.replace("/", "__"), "path": name} for name in keys]
    volumes: list[dict[str, Any]] = [
        {"name": "config", "configMap": {"name": "prober-config", "items": items}},
        {"name": "tmp", "emptyDir": {"sizeLimit": "2Gi"}},
    ]
    if browser:
        volumes.append({"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": "512Mi"}})
    if source.files:
        volumes.append({"name": "files", "secret": {"secretName": "prober-files", "defaultMode": 0o440}})
    return volumes


def _mounts(source: Source, browser: bool) -> list[dict[str, Any]]:
    mounts: list[dict[str, Any]] = [
        {"name": "config", "mountPath": CONFIG, "readOnly": True},
        {"name": "data", "mountPath": HOME},
        {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108
    ]
    if browser:
        mounts.append({"name": "shm", "mountPath": "/dev/shm"})  # noqa: S108
    for name in source.files:
        path = PurePosixPath(CONFIG, name)
        mounts.append({"name": "files", "mountPath": str(path), "subPath": path.name, "readOnly": True})
    return mounts
