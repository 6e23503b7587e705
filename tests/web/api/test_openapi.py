"""The OpenAPI document: valid, whole, true, and what docs/api.md says."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from prober.web.api import OPERATIONS, document

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    return document()


def operations(described: dict[str, Any]) -> list[dict[str, Any]]:
    return [operation for path in described["paths"].values() for operation in path.values()]


def test_the_document_is_valid(described: dict[str, Any]) -> None:
    assert list(OpenAPIV31SpecValidator(described).iter_errors()) == []


def test_the_document_is_what_is_served(same: httpx.Client, described: dict[str, Any]) -> None:
    assert same.get("/api/v1/openapi.json").json() == json.loads(json.dumps(described))


def test_every_operation_says_what_it_does_who_may_ask_and_what_may_come(described: dict[str, Any]) -> None:
    names = [operation["operationId"] for operation in operations(described)]
    assert len(names) == len(set(names)) == len(OPERATIONS)
    for operation in operations(described):
        assert operation["summary"]
        assert [list(one) for one in operation["security"]] == [["token"], ["user"]]
        assert {"401", "403", "422", "429", "500", "503"} <= set(operation["responses"])
        for parameter in operation["parameters"]:
            assert parameter["in"] == "path" or parameter["description"], parameter


def test_every_operation_has_an_example_that_is_one() -> None:
    for operation in OPERATIONS:
        if operation.gives is not None:
            operation.gives.model_validate(operation.example)
        if operation.body is not None:
            operation.body.model_validate_json(json.dumps(operation.sent))


def test_every_field_that_is_sent_is_bounded(described: dict[str, Any]) -> None:
    for operation in OPERATIONS:
        if operation.body is None:
            continue
        for name, field in described["components"]["schemas"][operation.body.__name__]["properties"].items():
            for choice in field.get("anyOf", [field]):
                bounds = {"maxLength", "maxItems", "maximum", "enum", "pattern", "format"}
                assert bounds & choice.keys() or choice["type"] in {"null", "boolean"}, (operation.name, name)


def test_the_docs_are_of_this_document() -> None:
    done = subprocess.run([sys.executable, ROOT / "scripts" / "api_docs.py", "--check"], capture_output=True, text=True)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
