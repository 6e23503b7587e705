"""What the Prometheus Operator takes: a ServiceMonitor, and the rules as a PrometheusRule. A component of its own."""

from __future__ import annotations

from typing import Any

import yaml

from prober.config import Loaded
from prober.render import prometheus
from prober.render.kubernetes.workload import LABELS, NAME


def operator(loaded: Loaded) -> dict[str, Any]:
    """The files of the component, by name."""
    groups = [group for text in _rules(loaded) for group in yaml.safe_load(text)["groups"]]
    documents: dict[str, Any] = {"servicemonitor.yaml": _service_monitor()}
    if groups:
        documents["prometheusrule.yaml"] = _resource("PrometheusRule", {"groups": groups})
    return {
        "kustomization.yaml": {
            "apiVersion": "kustomize.config.k8s.io/v1alpha1",
            "kind": "Component",
            "resources": sorted(documents),
        },
        **documents,
    }


def _rules(loaded: Loaded) -> list[str]:
    return [text for name, text in sorted(prometheus.render(loaded).items()) if name.startswith("rules/")]


def _service_monitor() -> dict[str, Any]:
    return _resource(
        "ServiceMonitor",
        {
            "selector": {"matchLabels": LABELS},
            # What the prober says of job and instance is about the checks, and is kept.
            "endpoints": [{"port": "web", "path": "/metrics", "interval": "15s", "honorLabels": True}],
        },
    )


def _resource(kind: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": kind,
        # Many Prometheuses select by this label: change it to what yours wants.
        "metadata": {"name": NAME, "labels": {**LABELS, "release": "prometheus"}},
        "spec": spec,
    }
