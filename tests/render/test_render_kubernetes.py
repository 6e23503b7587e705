"""Kubernetes: what kubectl makes of the overlays, and whether a cluster would take it.

The resources are held against a hand-written table of what the API demands of each kind, since its schemas are not to
be had without a cluster.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from fakes.rendering import configured, written

from prober.config import load
from prober.render import rendered
from prober.shard import parse_shard

pytestmark = pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed")

TEXT = """
regions: [eu-west-1, Asia_2]
store: {url: "${PROBER_STORE_URL}"}
channels: {pager: {kind: pagerduty, routing_key: "${PAGER_KEY}"}}
checks:
  - {id: shop, kind: http, url: "${SHOP:-http://shop.example}/", headers: {X-Key: "${file:secrets/key}"}}
  - {id: buy, kind: browser, journey: checks/buy.py, interval: 5m, timeout: 60s}
"""
REQUIRED = {
    "ServiceAccount": (),
    "ConfigMap": ("data",),
    "Service": ("spec.ports", "spec.selector"),
    "StatefulSet": (
        "spec.selector.matchLabels",
        "spec.serviceName",
        "spec.template.metadata.labels",
        "spec.template.spec.containers",
    ),
    "PodDisruptionBudget": ("spec.selector.matchLabels",),
    "NetworkPolicy": ("spec.podSelector", "spec.policyTypes"),
    "ServiceMonitor": ("spec.selector", "spec.endpoints"),
    "PrometheusRule": ("spec.groups",),
}
VERSIONS = {
    "ServiceAccount": "v1",
    "ConfigMap": "v1",
    "Service": "v1",
    "StatefulSet": "apps/v1",
    "PodDisruptionBudget": "policy/v1",
    "NetworkPolicy": "networking.k8s.io/v1",
    "ServiceMonitor": "monitoring.coreos.com/v1",
    "PrometheusRule": "monitoring.coreos.com/v1",
}


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kubernetes")
    loaded = configured(folder / "config", TEXT)
    return written(folder / "tree", rendered("kubernetes", loaded))


def build(overlay: Path) -> list[dict[str, Any]]:
    done = subprocess.run(["kubectl", "kustomize", str(overlay)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "deprecated" not in done.stderr
    return list(yaml.safe_load_all(done.stdout))


@pytest.fixture(scope="module", params=["eu-west-1", "Asia_2"])
def built(tree: Path, request: pytest.FixtureRequest) -> list[dict[str, Any]]:
    return build(tree / "overlays" / request.param)


def one(documents: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    found = [document for document in documents if document["kind"] == kind]
    assert len(found) == 1, kind
    return found[0]


def pod(documents: list[dict[str, Any]]) -> dict[str, Any]:
    spec: dict[str, Any] = one(documents, "StatefulSet")["spec"]["template"]["spec"]
    return spec


def at(document: dict[str, Any], path: str) -> Any:
    value: Any = document
    for key in path.split("."):
        value = value[key]
    return value


def test_every_resource_has_what_the_api_demands_of_its_kind(built: list[dict[str, Any]]) -> None:
    for document in built:
        kind = document["kind"]
        assert document["apiVersion"] == VERSIONS[kind]
        assert all(part == part.lower() and len(part) <= 63 for part in [document["metadata"]["name"]])
        for path in REQUIRED[kind]:
            assert at(document, path) is not None, (kind, path)
    assert {document["kind"] for document in built} == set(REQUIRED)


def test_the_rules_are_those_of_prometheus(built: list[dict[str, Any]], tree: Path) -> None:
    loaded = load(tree.parent / "config" / "probes.yaml", {}, lenient=True)
    wanted = [
        group
        for name, text in rendered("prometheus", loaded).items()
        if name.startswith("rules/")
        for group in yaml.safe_load(text)["groups"]
    ]
    assert one(built, "PrometheusRule")["spec"]["groups"] == wanted
    assert wanted


def test_whatever_is_mounted_is_a_volume_and_whatever_is_named_is_there(built: list[dict[str, Any]]) -> None:
    spec = pod(built)
    volumes = {volume["name"] for volume in spec["volumes"]} | {
        claim["metadata"]["name"] for claim in one(built, "StatefulSet")["spec"]["volumeClaimTemplates"]
    }
    container = spec["containers"][0]
    assert {mount["name"] for mount in container["volumeMounts"]} <= volumes
    maps = {document["metadata"]["name"]: document["data"] for document in built if document["kind"] == "ConfigMap"}
    config = next(volume["configMap"] for volume in spec["volumes"] if volume["name"] == "config")
    assert {item["key"] for item in config["items"]} == set(maps[config["name"]])
    region = next(variable for variable in container["env"] if variable["name"] == "PROBER_REGION")
    reference = region["valueFrom"]["configMapKeyRef"]
    assert reference["key"] in maps[reference["name"]]
    assert spec["serviceAccountName"] == one(built, "ServiceAccount")["metadata"]["name"]
    assert one(built, "StatefulSet")["spec"]["serviceName"] == one(built, "Service")["metadata"]["name"]


def test_selectors_find_the_pods_of_their_own_region_and_no_others(built: list[dict[str, Any]]) -> None:
    labels = one(built, "StatefulSet")["spec"]["template"]["metadata"]["labels"]
    region = labels["prober/region"]
    selectors = [
        at(one(built, "StatefulSet"), "spec.selector.matchLabels"),
        at(one(built, "Service"), "spec.selector"),
        at(one(built, "PodDisruptionBudget"), "spec.selector.matchLabels"),
        at(one(built, "NetworkPolicy"), "spec.podSelector.matchLabels"),
        at(one(built, "ServiceMonitor"), "spec.selector.matchLabels"),
    ]
    assert all(selector.items() <= labels.items() and selector["prober/region"] == region for selector in selectors)


def test_the_region_is_what_the_configuration_calls_it(tree: Path) -> None:
    documents = build(tree / "overlays" / "Asia_2")
    data = [document["data"] for document in documents if document["kind"] == "ConfigMap"]
    assert {"region": "Asia_2"} in data
    assert one(documents, "StatefulSet")["metadata"]["name"] == "prober-asia-2"


def test_the_number_of_shards_follows_the_replicas(tree: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(tree, tmp_path / "tree")
    overlay = copy / "overlays" / "eu-west-1" / "kustomization.yaml"
    overlay.write_text(overlay.read_text().replace("count: 2", "count: 7"))
    documents = build(overlay.parent)
    container = pod(documents)["containers"][0]
    shard = next(variable["value"] for variable in container["env"] if variable["name"] == "PROBER_SHARD")
    assert (one(documents, "StatefulSet")["spec"]["replicas"], shard) == (7, "auto/7")
    name = one(documents, "StatefulSet")["metadata"]["name"]
    assert [parse_shard(shard, f"{name}-{ordinal}").index for ordinal in range(7)] == list(range(7))


def test_secrets_are_referred_to_and_never_written(tree: Path, built: list[dict[str, Any]]) -> None:
    variables = {variable["name"]: variable for variable in pod(built)["containers"][0]["env"]}
    assert variables["PAGER_KEY"]["valueFrom"]["secretKeyRef"] == {
        "name": "prober-env",
        "key": "PAGER_KEY",
        "optional": False,
    }
    assert variables["PROBER_STORE_URL"]["valueFrom"]["secretKeyRef"]["optional"] is False
    assert variables["SHOP"]["valueFrom"]["secretKeyRef"]["optional"] is True
    mounts = {mount["mountPath"]: mount for mount in pod(built)["containers"][0]["volumeMounts"]}
    assert mounts["/etc/prober/secrets/key"]["subPath"] == "key"
    assert not [document for document in built if document["kind"] == "Secret"]


def test_the_probes_ask_the_prober_about_itself_only(built: list[dict[str, Any]]) -> None:
    container = pod(built)["containers"][0]
    asked = {name: container[f"{name}Probe"]["httpGet"]["path"] for name in ("startup", "liveness", "readiness")}
    assert asked == {"startup": "/healthz", "liveness": "/healthz", "readiness": "/readyz"}


def test_the_pod_has_no_rights_beyond_what_chromium_needs(built: list[dict[str, Any]], tree: Path) -> None:
    spec = pod(built)
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"]["type"] == "Localhost"
    assert (tree / "seccomp" / spec["securityContext"]["seccompProfile"]["localhostProfile"]).is_file()
    assert spec["containers"][0]["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert {"name": "ndots", "value": "1"} in spec["dnsConfig"]["options"]
    assert spec["terminationGracePeriodSeconds"] > 10 + 3 * 5, "runs in progress, then three queues"


def test_without_journeys_the_runtimes_own_profile_is_enough(tmp_path: Path) -> None:
    loaded = configured(tmp_path / "config", 'checks: [{id: shop, kind: tcp, address: "127.0.0.1:1"}]\n')
    tree = written(tmp_path / "tree", rendered("kubernetes", loaded))
    spec = pod(build(tree / "overlays" / "default"))
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert not (tree / "seccomp").exists()
