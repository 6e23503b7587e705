"""schemathesis against a server that is up: what the document says is what the API does, whatever is sent."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from fakes.alerts import runs
from fakes.rest import SHOP, Site, site_at, token
from fakes.storing import batch, decided, incident, state
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance

from prober.model import Slo
from prober.web.api import OPERATIONS, document

CROSSED = {"getUptime", "listMarkers", "setMarker", "beginSilence", "beginMaintenance"}
"""What these refuse lies between two fields, or hangs on the day: no schema can say that."""
KNOWN = {"check_id": "shop", "incident_id": "5f2b", "run_id": "shop-0", "hush_id": "quiet"}
HEADERS = {"Authorization": f"Bearer {token('ada')}"}


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory, empty_file: Path) -> Iterator[Site]:
    """A prober with a past: results, an incident, an objective."""
    path = tmp_path_factory.mktemp("explored") / "prober.db"
    path.write_bytes(empty_file.read_bytes())
    with site_at(path) as site:
        site.checks[0] = SHOP.model_copy(update={"slo": Slo(objective=99.9)})
        site.store.commit(batch("runs", results=tuple(runs(SHOP, "uudu")), states=(state(),)))
        decided(site.store, incidents=(incident(),))
        yield site


@pytest.fixture(scope="module")
def schema() -> Any:
    return schemathesis.openapi.from_dict(document())


def explore(target: Site, operation: Any, mode: GenerationMode, examples: int) -> None:
    crossed = operation.definition.raw["operationId"] in CROSSED

    @settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def run(case: Any) -> None:
        if mode is GenerationMode.POSITIVE:
            case.path_parameters = {name: KNOWN[name] for name in case.path_parameters}
        without = [positive_data_acceptance] if crossed else None
        case.call_and_validate(base_url=f"{target.url}/api/v1", headers=HEADERS, excluded_checks=without)

    run()


def explore_both_ways(target: Site, schema: Any, operation: Any, examples: int) -> None:
    found = schema[operation.path][operation.method]
    explore(target, found, GenerationMode.POSITIVE, examples)
    if found.definition.raw["parameters"] or operation.body is not None:
        explore(target, found, GenerationMode.NEGATIVE, examples)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_an_operation_does_what_its_document_says(target: Site, schema: Any, operation: Any) -> None:
    explore_both_ways(target, schema, operation, examples=8)


@pytest.mark.slow
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_an_operation_does_what_its_document_says_for_long(target: Site, schema: Any, operation: Any) -> None:
    explore_both_ways(target, schema, operation, examples=200)
