"""The JSON Schema of a config file, for editors (https://json-schema.org/draft/2020-12)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue, models_json_schema
from pydantic_core import core_schema

from prober.config.building import spec_of
from prober.config.sections import Config
from prober.judge.texts import listed
from prober.model import format_duration
from prober.notify import CHANNELS
from prober.probes import KINDS
from prober.sinks import SINKS

SHELVES: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "checks": ("check", KINDS),
    "channels": ("channel", CHANNELS),
    "sinks": ("sink", SINKS),
}
"""Sections whose entries have a kind: what one entry is called, and where the kinds are."""

_REFERENCE = r"\$\{"


class _Generator(GenerateJsonSchema):
    """Knows that where a list is meant one value may stand alone."""

    def function_before_schema(self, schema: core_schema.BeforeValidatorFunctionSchema) -> JsonSchemaValue:
        found = super().function_before_schema(schema)
        if schema["function"]["function"] is listed and "items" in found:
            return {"anyOf": [found["items"], found]}
        return found


def json_schema() -> dict[str, Any]:
    """The schema of a whole file, with every kind of check, channel and sink, and descriptions from the fields."""
    specs = {(section, kind): spec_of(shelf, kind) for section, (_, shelf) in SHELVES.items() for kind in sorted(shelf)}
    models: list[tuple[Any, Any]] = [(model, "validation") for model in (Config, *specs.values())]
    names, combined = models_json_schema(models, schema_generator=_Generator)
    definitions = combined["$defs"]
    places = {key: names[spec, "validation"]["$ref"].rpartition("/")[2] for key, spec in specs.items()}
    renamed = {place: f"{SHELVES[section][0]}-{kind}" for (section, kind), place in places.items()}
    definitions = _rename(definitions, renamed)
    for (section, kind), place in places.items():
        definitions[renamed[place]]["title"] = f"{kind} {SHELVES[section][0]}"
        _require_kind(definitions[renamed[place]], kind)
    root = definitions.pop("Config")
    for section, (noun, shelf) in SHELVES.items():
        _fill(root["properties"][section], _by_kind(noun, shelf))
    _allow_empty_sections(root)
    for schema in _texts([root, definitions]):
        schema["pattern"] = f"(?:{schema['pattern']})|{_REFERENCE}"
    _write_durations([root, definitions])
    used = _reachable(root, definitions)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **root,
        "title": "probes.yaml",
        "$defs": {name: definitions[name] for name in sorted(used)},
    }


def _rename(value: Any, names: Mapping[str, str]) -> Any:
    """``value`` with definitions under their new ``names``, in keys and in references."""
    if isinstance(value, dict):
        return {names.get(key, key): _rename(item, names) for key, item in value.items()}
    if isinstance(value, list):
        return [_rename(item, names) for item in value]
    if isinstance(value, str) and value.startswith("#/$defs/"):
        name = value.removeprefix("#/$defs/")
        return f"#/$defs/{names.get(name, name)}"
    return value


def _require_kind(schema: dict[str, Any], kind: str) -> None:
    """A kind is always written, also where the class has a default for it."""
    schema["properties"]["kind"] = {**schema["properties"]["kind"], "const": kind, "type": "string"}
    schema["properties"]["kind"].pop("default", None)
    schema["required"] = list(dict.fromkeys((*schema.get("required", ()), "kind")))


def _by_kind(noun: str, shelf: Mapping[str, str]) -> dict[str, Any]:
    choices = {kind: f"#/$defs/{noun}-{kind}" for kind in shelf}
    return {
        "oneOf": [{"$ref": place} for place in choices.values()],
        "discriminator": {"propertyName": "kind", "mapping": choices},
    }


def _fill(section: dict[str, Any], entry: dict[str, Any]) -> None:
    key = "items" if section["type"] == "array" else "additionalProperties"
    for pattern in section.pop("patternProperties", ()):
        section["propertyNames"] = {"pattern": pattern}
    section[key] = entry


def _allow_empty_sections(root: dict[str, Any]) -> None:
    """A section whose lines are all commented out is null."""
    for name, section in root["properties"].items():
        if section.get("type") in ("array", "object"):
            section["type"] = [section["type"], "null"]
        elif "$ref" in section:
            description = section.pop("description", None)
            section["anyOf"] = [{"$ref": section.pop("$ref")}, {"type": "null"}]
            root["properties"][name] = {**section, "description": description} if description else section


def _texts(value: Any) -> Iterator[dict[str, Any]]:
    """Every schema of a text with a pattern: a reference may stand in its place."""
    if isinstance(value, dict):
        if value.get("type") == "string" and isinstance(value.get("pattern"), str):
            yield value
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)


def _write_durations(value: Any) -> None:
    """Defaults of durations as a user writes them; the models hold seconds."""
    if isinstance(value, list):
        for item in value:
            _write_durations(item)
    elif isinstance(value, dict):
        if isinstance(value.get("default"), float) and "900ms" in str([value.get("examples"), value.get("anyOf")]):
            value["default"] = format_duration(value["default"])
        for item in value.values():
            _write_durations(item)


def _reachable(root: Any, definitions: Mapping[str, Any]) -> set[str]:
    found: set[str] = set()
    waiting = list(_references(root))
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += _references(definitions[name])
    return found


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for item in value.values():
            yield from _references(item)
    elif isinstance(value, list):
        for item in value:
            yield from _references(item)
    elif isinstance(value, str) and value.startswith("#/$defs/"):
        yield value.removeprefix("#/$defs/")
