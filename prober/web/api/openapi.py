"""The OpenAPI 3.1 document, made of the same operations and models that answer."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from prober import __version__
from prober.web.api.models import Given
from prober.web.api.operation import Operation
from prober.web.api.problems import Problem, problem
from prober.web.kinds import MEDIA_TYPE

REFERENCE = "#/components/schemas/{model}"
EVERYWHERE = (401, 403, 429, 500, 503)
"""What every operation may answer; 422 goes with all that is read from a request."""
_IDS = {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"}
_ETAG = {"ETag": "Of the content; sent back as If-None-Match, the answer is 304 as long as nothing has changed."}
_LATER = {"Location": "Where to ask again.", "Retry-After": "Seconds after which to ask there."}
_SEEN: JsonSchemaMode = "serialization"
_SENT: JsonSchemaMode = "validation"
_DESCRIPTION = """\
What a prober knows and does. Times are RFC 3339 in UTC, durations are seconds (`_s`).
Errors are problem documents (RFC 9457); GETs have an ETag.
"""


def openapi(operations: Iterable[Operation]) -> dict[str, Any]:
    """The document of ``operations``."""
    operations = tuple(operations)
    schemas, references = _schemas(operations)
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation, references)
    return {
        "openapi": "3.1.0",
        "info": {"title": "prober", "version": __version__, "description": _DESCRIPTION},
        "servers": [{"url": "/api/v1"}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "responses": {name: _problem_response(status) for status, name in _PROBLEMS.items()},
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": "A token of `web.auth.tokens`."},
                "user": {"type": "http", "scheme": "basic", "description": "A user of `web.auth.users`."},
            },
        },
    }


_PROBLEMS = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    408: "Timeout",
    409: "Conflict",
    413: "TooLarge",
    415: "UnsupportedMediaType",
    422: "Invalid",
    429: "TooOften",
    500: "Internal",
    503: "Unavailable",
}

References = Mapping[Any, dict[str, Any]]
"""By model and mode."""


def _schemas(operations: Iterable[Operation]) -> tuple[dict[str, Any], References]:
    models: dict[tuple[type[BaseModel], JsonSchemaMode], None] = {(Problem, _SEEN): None}
    for operation in operations:
        answers = (operation.gives, *(model for _, model in operation.also.values()))
        models |= dict.fromkeys((model, _SEEN) for model in answers if model is not None)
        models |= dict.fromkeys((model, _SENT) for model in (operation.query, operation.body) if model is not None)
    references, definitions = models_json_schema(list(models), ref_template=REFERENCE)
    queries = {operation.query.__name__ for operation in operations if operation.query is not None}
    schemas = {name: _plain(schema) for name, schema in definitions.get("$defs", {}).items()}
    return {name: schema for name, schema in sorted(schemas.items()) if name not in queries}, references


def _plain(schema: Any) -> Any:
    """Without the titles that pydantic makes of names, and with our docs as Markdown."""
    if isinstance(schema, dict):
        made_up = isinstance(schema.get("title"), str)
        return {key: _plain(value) for key, value in schema.items() if not (key == "title" and made_up)}
    if isinstance(schema, list):
        return [_plain(value) for value in schema]
    return schema.replace("``", "`") if isinstance(schema, str) else schema


def _operation(operation: Operation, references: References) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "tags": [operation.path.split("/")[1]],
        "parameters": [*_path_parameters(operation), *_query_parameters(operation)],
        "responses": _responses(operation, references),
        "security": [{"token": [operation.scope.value]}, {"user": [operation.scope.value]}],
    }
    if operation.body is not None:
        described["requestBody"] = {
            "required": not operation.bare,
            "content": {"application/json": {"schema": references[operation.body, _SENT], "example": operation.sent}},
        }
    return described


def _path_parameters(operation: Operation) -> list[dict[str, Any]]:
    names = re.findall(r"{(\w+)}", operation.path)
    return [{"name": name, "in": "path", "required": True, "schema": _IDS} for name in names]


def _query_parameters(operation: Operation) -> list[dict[str, Any]]:
    if operation.query is None:
        return []
    schema = _plain(_inlined(operation.query.model_json_schema()))
    return [
        {
            "name": name,
            "in": "query",
            "required": name in schema.get("required", ()),
            "description": one.get("description", ""),
            "schema": {key: value for key, value in _present(one).items() if key not in {"description", "default"}},
        }
        for name, one in schema["properties"].items()
    ]


def _inlined(schema: dict[str, Any]) -> dict[str, Any]:
    definitions = schema.pop("$defs", {})

    def resolved(part: Any) -> Any:
        if isinstance(part, dict):
            if "$ref" in part:
                return resolved(definitions[part["$ref"].rpartition("/")[2]])
            return {key: resolved(value) for key, value in part.items()}
        return [resolved(value) for value in part] if isinstance(part, list) else part

    whole: dict[str, Any] = resolved(schema)
    return whole


def _present(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema of what is there: a parameter that is missing is not null."""
    choices = [one for one in schema.get("anyOf", ()) if one.get("type") != "null"]
    if len(choices) == 1:
        return {**choices[0], **{key: value for key, value in schema.items() if key != "anyOf"}}
    return schema


def _responses(operation: Operation, references: References) -> dict[str, Any]:
    good: dict[str, Any] = {"description": HTTPStatus(operation.status).phrase}
    headers = {**operation.headers, **(_ETAG if operation.method == "GET" else {})}
    if headers:
        good["headers"] = _headers(headers)
    if operation.gives is not None:
        content: dict[str, Any] = {"schema": references[operation.gives, _SEEN]}
        if operation.example is not None:
            content["example"] = operation.example
        good["content"] = {"application/json": content}
    responses = {str(operation.status): good}
    for status, (said, model) in operation.also.items():
        schema = references[model, _SEEN]
        content = {"application/json": {"schema": schema}}
        responses[str(status)] = {"description": said, "headers": _headers(_LATER), "content": content}
    if operation.method == "GET":
        responses["304"] = {"description": "Nothing has changed since the ETag that was sent."}
    for status in sorted({*EVERYWHERE, 422, *operation.problems, *_of_body(operation.body)}):
        responses[str(status)] = {"$ref": f"#/components/responses/{_PROBLEMS[status]}"}
    return responses


def _headers(said: Mapping[str, str]) -> dict[str, Any]:
    return {name: {"description": text, "schema": {"type": "string"}} for name, text in said.items()}


def _of_body(body: type[Given] | None) -> tuple[int, ...]:
    return () if body is None else (400, 408, 413, 415)


def _problem_response(status: int) -> dict[str, Any]:
    example = problem(status).model_dump(exclude_none=True)
    schema = {"$ref": REFERENCE.format(model="Problem")}
    described: dict[str, Any] = {
        "description": HTTPStatus(status).phrase,
        "content": {MEDIA_TYPE: {"schema": schema, "example": example}},
    }
    if status in (429, 503):
        after = {"description": "Seconds after which to try again.", "schema": {"type": "integer"}}
        described["headers"] = {"Retry-After": after}
    return described
