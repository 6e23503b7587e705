"""Compose: the file against the part of its specification that it uses, and what it mounts against what there is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from fakes.rendering import configured, written

from prober.config import load
from prober.render import rendered

ROOT = Path(__file__).parents[2]
TEXT = {"type": "string"}
TEXTS = {"type": "array", "items": TEXT}
SERVICE = {
    "type": "object",
    "required": ["image", "restart"],
    "additionalProperties": False,
    "properties": {
        "image": TEXT,
        "restart": {"enum": ["unless-stopped"]},
        "command": TEXTS,
        "ports": TEXTS,
        "expose": TEXTS,
        "cap_drop": TEXTS,
        "security_opt": TEXTS,
        "shm_size": {"type": "string", "pattern": r"^\d+[mg]$"},
        "stop_grace_period": {"type": "string", "pattern": r"^\d+s$"},
        "environment": {"type": "object", "additionalProperties": TEXT},
        "env_file": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["path"],
                "additionalProperties": False,
                "properties": {"path": TEXT, "required": {"type": "boolean"}},
            },
        },
        "healthcheck": {
            "type": "object",
            "required": ["test"],
            "additionalProperties": False,
            "properties": {"test": TEXTS, "interval": TEXT, "retries": {"type": "integer"}},
        },
        "depends_on": {
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "required": ["condition"],
                "properties": {"condition": {"enum": ["service_started", "service_healthy"]}},
            },
        },
        "volumes": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["type", "source", "target"],
                "additionalProperties": False,
                "properties": {
                    "type": {"enum": ["bind", "volume"]},
                    "source": TEXT,
                    "target": {"type": "string", "pattern": "^/"},
                    "read_only": {"type": "boolean"},
                    "bind": {"type": "object"},
                },
            },
        },
    },
}
SCHEMA = {
    "type": "object",
    "required": ["services"],
    "additionalProperties": False,
    "properties": {
        "name": TEXT,
        "services": {"type": "object", "additionalProperties": SERVICE},
        "volumes": {"type": "object", "additionalProperties": {"type": "object", "maxProperties": 0}},
    },
}


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("compose")
    loaded = load(ROOT / "probes.yaml", {}, lenient=True)
    for target in ("prometheus", "alertmanager", "grafana", "compose"):
        written(folder / target, rendered(target, loaded))
    return folder


@pytest.fixture(scope="module")
def document(tree: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((tree / "compose" / "compose.yml").read_text())
    return found


def test_the_file_keeps_to_the_specification(document: dict[str, Any]) -> None:
    jsonschema.validate(document, SCHEMA)
    for name, service in document["services"].items():
        assert set(service.get("depends_on", ())) <= set(document["services"]), name
        waits = [other for other, how in service.get("depends_on", {}).items() if how["condition"] == "service_healthy"]
        assert all("healthcheck" in document["services"][other] for other in waits)


def test_everything_is_there_once_and_a_prober_for_each_region(document: dict[str, Any]) -> None:
    assert list(document["services"]) == [
        "shop",
        "postgres",
        "prober-eu-west-1",
        "prober-us-east-1",
        "prometheus",
        "alertmanager",
        "grafana",
    ]


def test_what_is_mounted_was_written(document: dict[str, Any], tree: Path) -> None:
    for service in document["services"].values():
        for mount in service.get("volumes", ()):
            if mount["type"] == "volume":
                assert mount["source"] in document["volumes"]
            else:
                assert (tree / "compose" / mount["source"]).exists(), mount
        for option in service.get("security_opt", ()):
            if option.startswith("seccomp="):
                assert (tree / "compose" / option.removeprefix("seccomp=")).is_file()


def test_prometheus_asks_the_services_by_their_names(document: dict[str, Any], tree: Path) -> None:
    jobs = yaml.safe_load((tree / "prometheus" / "prometheus.yml").read_text())["scrape_configs"]
    own = next(job for job in jobs if job["job_name"] == "prober")
    hosts = {target.partition(":")[0] for config in own["static_configs"] for target in config["targets"]}
    assert hosts == {name for name in document["services"] if name.startswith("prober-")}


def test_the_regions_share_the_database_and_all_else_of_the_configuration_stays(tree: Path) -> None:
    environ = {"PROBER_STORE_URL": "postgresql://prober:secret@postgres:5432/prober"}
    ours = load(tree / "compose" / "probes.yaml", environ, lenient=True).config
    shipped = load(ROOT / "probes.yaml", {}, lenient=True).config
    assert ours.store.url is not None
    assert ours.store.url.reveal() == environ["PROBER_STORE_URL"]
    assert ours.model_copy(update={"store": shipped.store}) == shipped


@pytest.mark.parametrize(
    "text",
    [
        "checks: []\n",
        "store:\n  path: here.db\n  retention: 2d\n\n# what follows\nchecks: []\n",
        "checks: []\nstore: {retention: 2d}",
        'store: {url: "postgresql://user@db/prober"}\nchecks: []\n',
    ],
)
def test_a_store_section_is_replaced_wherever_it_stands(text: str, tmp_path: Path) -> None:
    files = rendered("compose", configured(tmp_path / "from", text))
    folder = written(tmp_path / "to", files)
    found = load(folder / "probes.yaml", {"PROBER_STORE_URL": "postgresql://user@db/prober"}, lenient=False)
    assert found.config.store.url is not None
    assert found.config.store.retention == (2 if "2d" in text else 7) * 86_400
    assert ("# what follows" in text) == ("# what follows" in files["probes.yaml"])
