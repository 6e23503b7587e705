"""The prober on Kubernetes: a kustomize base, what needs the Prometheus Operator, and an overlay per region."""

from __future__ import annotations

import json
from typing import Any

from prober import __version__
from prober.config import Loaded
from prober.render.kubernetes.operator import operator
from prober.render.kubernetes.seccomp import PROFILE
from prober.render.kubernetes.workload import NAME, network_policy, pdb, service, service_account, stateful_set
from prober.render.source import Source, needs_browser, plain, read, regions
from prober.render.yamls import dump

TARGET = "kubernetes"
KUSTOMIZE = "kustomize.config.k8s.io"


def render(loaded: Loaded) -> dict[str, str]:
    """The files of a kustomize tree: relative path to text."""
    source = read(loaded)
    documents: dict[str, Any] = {
        "base/kustomization.yaml": _base(source),
        "base/statefulset.yaml": stateful_set(loaded.config, source),
        "base/service.yaml": service(loaded.config),
        "base/serviceaccount.yaml": service_account(),
        "base/poddisruptionbudget.yaml": pdb(),
        "base/networkpolicy.yaml": network_policy(loaded.config),
    }
    for name, document in operator(loaded).items():
        documents[f"components/operator/{name}"] = document
    shards = 2 if source.shared else 1
    for region in regions(loaded.config):
        documents[f"overlays/{region}/kustomization.yaml"] = _overlay(region, shards)
    files = {name: dump(document, TARGET, source.name) for name, document in documents.items()}
    files[f"base/{source.name}"] = source.text
    files |= {f"base/{name}": text for name, text in source.scripts}
    if needs_browser(loaded.config):
        files["seccomp/prober-chromium.json"] = PROFILE
    return files


def key_of(script: str) -> str:
    """``script``'s path as a key of a ConfigMap, which knows no folders."""
    return script.replace("/", "__")


def _base(source: Source) -> dict[str, Any]:
    return {
        "apiVersion": f"{KUSTOMIZE}/v1beta1",
        "kind": "Kustomization",
        "resources": [
            "serviceaccount.yaml",
            "service.yaml",
            "statefulset.yaml",
            "poddisruptionbudget.yaml",
            "networkpolicy.yaml",
        ],
        "configMapGenerator": [
            {
                "name": "prober-config",
                "files": [f"probes.yaml={source.name}", *(f"{key_of(name)}={name}" for name, _ in source.scripts)],
                # The prober reloads what changed in place: a name that stays rolls no pod and loses no run.
                "options": {"disableNameSuffixHash": True},
            }
        ],
        "images": [{"name": NAME, "newName": NAME, "newTag": __version__}],
    }


def _overlay(region: str, shards: int) -> dict[str, Any]:
    return {
        "apiVersion": f"{KUSTOMIZE}/v1beta1",
        "kind": "Kustomization",
        "resources": ["../../base"],
        "components": ["../../components/operator"],
        "nameSuffix": f"-{plain(region)}",
        "labels": [{"pairs": {"prober/region": region}, "includeSelectors": True, "includeTemplates": True}],
        "configMapGenerator": [{"name": "prober-region", "literals": [f"region={region}"]}],
        # The number of shards stands here alone: PROBER_SHARD=auto/N follows it.
        "replicas": [{"name": NAME, "count": shards}],
        "replacements": [
            {
                "source": {"kind": "StatefulSet", "fieldPath": "spec.replicas"},
                "targets": [
                    {
                        "select": {"kind": "StatefulSet"},
                        "fieldPaths": ["spec.template.spec.containers.[name=prober].env.[name=PROBER_SHARD].value"],
                        "options": {"delimiter": "/", "index": 1},
                    }
                ],
            }
        ],
        "patches": [
            {
                # Kustomize puts labels into the selectors of the kinds it knows.
                "target": {"kind": "ServiceMonitor"},
                "patch": json.dumps(
                    [{"op": "add", "path": "/spec/selector/matchLabels/prober~1region", "value": region}]
                ),
            }
        ],
    }
