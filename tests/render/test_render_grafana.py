"""The dashboards: their form, and that Prometheus understands every query. Grafana itself is not run."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from fakes.boards import VARIABLES, asked, boards
from fakes.rendering import configured

from prober.render import rendered

BOARDS = boards()
UNITS = {"short", "none", "s", "percentunit", "dtdurations", "bytes", "cps", "reqps", "currencyEUR"}


def shown(board: dict[str, Any]) -> list[dict[str, Any]]:
    return [panel for panel in board["panels"] if panel["type"] != "row"]


@pytest.mark.parametrize("uid", BOARDS)
def test_a_dashboard_can_be_provisioned_and_sent(uid: str) -> None:
    board = BOARDS[uid]
    assert board["uid"] == uid
    assert len(uid) <= 40
    assert board["id"] is None
    assert "__inputs" not in board
    assert board["schemaVersion"] >= 39


@pytest.mark.parametrize("uid", BOARDS)
def test_panels_have_ids_of_their_own_and_places_of_their_own(uid: str) -> None:
    taken: set[tuple[int, int]] = set()
    ids = [panel["id"] for panel in BOARDS[uid]["panels"]]
    assert len(set(ids)) == len(ids)
    assert min(ids) > 0
    for panel in BOARDS[uid]["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        taken |= cells


@pytest.mark.parametrize("uid", BOARDS)
def test_every_panel_says_what_it_shows_in_which_unit_and_what_nothing_means(uid: str) -> None:
    titles = [panel["title"] for panel in shown(BOARDS[uid])]
    assert len(set(titles)) == len(titles)
    for panel in shown(BOARDS[uid]):
        assert panel["description"].endswith((".", ")."))
        defaults = panel["fieldConfig"]["defaults"]
        assert defaults["unit"] in UNITS
        assert defaults["noValue"]
        values = [step["value"] for step in defaults["thresholds"]["steps"]]
        assert values[0] is None
        assert values[1:] == sorted(values[1:])


@pytest.mark.parametrize("uid", BOARDS)
def test_every_query_goes_to_the_chosen_prometheus_by_variables_that_there_are(uid: str) -> None:
    variables = {variable["name"] for variable in BOARDS[uid]["templating"]["list"]}
    assert "datasource" in variables
    for panel in shown(BOARDS[uid]):
        assert panel["targets"]
        assert panel["datasource"]["uid"] == "${datasource}"
        letters = [target["refId"] for target in panel["targets"]]
        assert len(set(letters)) == len(letters)
        for target in panel["targets"]:
            assert target["datasource"]["uid"] == "${datasource}"
            used = set(re.findall(r"\$(\w+)", target["expr"]))
            assert used <= variables | {"__range", "__rate_interval"}


def test_prometheus_understands_every_query(tmp_path: Path) -> None:
    queries = [query for board in BOARDS.values() for _, query in asked(board)]
    assert len(queries) > 50
    rules = [{"record": f"query:{number}", "expr": query} for number, query in enumerate(queries)]
    file = tmp_path / "rules.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": rules}]}))
    done = subprocess.run(["promtool", "check", "rules", str(file)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_vitals_have_the_colours_of_the_field() -> None:
    panels = {panel["title"]: panel for panel in BOARDS["prober-journey"]["panels"]}
    found = {
        title: [(step["value"], step["color"]) for step in panel["fieldConfig"]["defaults"]["thresholds"]["steps"]]
        for title, panel in panels.items()
        if "web_vital" in json.dumps(panel)
    }
    limits = {
        "Largest Contentful Paint": (2.5, 4),
        "Interaction to Next Paint": (0.2, 0.5),
        "Cumulative Layout Shift": (0.1, 0.25),
        "First Contentful Paint": (1.8, 3),
        "Time To First Byte": (0.8, 1.8),
        "Total Blocking Time": (0.2, 0.6),
    }
    assert found == {
        title: [(None, "green"), (good, "yellow"), (poor, "red")] for title, (good, poor) in limits.items()
    }


def test_states_are_told_by_words_and_colours() -> None:
    panel = next(panel for panel in BOARDS["prober-overview"]["panels"] if panel["type"] == "state-timeline")
    shown = panel["fieldConfig"]["defaults"]["mappings"][0]["options"]
    assert {value: (one["text"], one["color"]) for value, one in shown.items()} == {
        "0": ("up", "green"),
        "1": ("degraded", "yellow"),
        "2": ("down", "red"),
        "3": ("unknown", "purple"),
    }


def test_the_documents_production_dashboard_has_its_panels() -> None:
    board = BOARDS["eventchain-production"]
    assert board["title"] == "EventChain Production Dashboard"
    assert [panel["title"] for panel in board["panels"]][:4] == [
        "Request Rate",
        "Response Time",
        "Error Rate",
        "Daily Revenue",
    ]


def test_grafana_is_told_where_dashboards_and_prometheus_are(tmp_path: Path) -> None:
    files = rendered("grafana", configured(tmp_path, "checks: []\n"))
    providers = yaml.safe_load(files["provisioning/dashboards/prober.yml"])
    sources = yaml.safe_load(files["provisioning/datasources/prometheus.yml"])
    assert (providers["apiVersion"], sources["apiVersion"]) == (1, 1)
    assert providers["providers"][0]["options"]["path"]
    assert sources["datasources"][0]["uid"] == "prometheus"


def test_variables_of_queries_are_filled_as_grafana_would() -> None:
    assert all("$" not in query for board in BOARDS.values() for _, query in asked(board)), VARIABLES
