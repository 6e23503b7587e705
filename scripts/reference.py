"""Writes docs/reference.md, the manual of every option, from the docs of the fields themselves.

python scripts/reference.py            writes it
python scripts/reference.py --check    exits 1 when it is not what would be written
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from prober.config import json_schema
from prober.model import Check, format_duration

TARGET = Path(__file__).parents[1] / "docs" / "reference.md"
COMMON = "Options of every check"

HEAD = """\
# Reference of `probes.yaml`

Written by `scripts/reference.py` from the docs of the fields; change those, not this file.
`prober validate` checks a file against all of it, `prober schema` prints it as a JSON Schema for editors.

**Durations** have a unit: `900ms`, `5s`, `1m30s`, `2h`, `7d`. **Names** are up to 100 letters, digits, dots, dashes
and underscores. **References** may stand in any text: `${NAME}` and `${NAME:-default}` for environment variables (one
that is empty counts as not set), `${file:/path}` for the content of a file, `$$` for a dollar sign. What they put in is
always text. **Secret texts** are never shown again; best give them as references. YAML is read as version 1.2: `no`,
`012`, `22:22` and dates are texts. An option without a default is required where it says so.
"""


def main(arguments: list[str]) -> int:
    text = render(json_schema())
    if "--check" not in arguments:
        TARGET.write_text(text, encoding="utf-8")
        return 0
    if TARGET.exists() and TARGET.read_text(encoding="utf-8") == text:
        return 0
    print(f"docs/{TARGET.name} is not up to date: run python scripts/reference.py", file=sys.stderr)
    return 1


def render(schema: dict[str, Any]) -> str:
    """The whole manual for the config's JSON ``schema``."""
    schema = _plain(schema, schema["$defs"])
    definitions: dict[str, Any] = {name: one for name, one in schema["$defs"].items() if "properties" in one}
    shown = [HEAD, "## The file\n", table(schema, schema["properties"])]
    sections = [name for name in definitions if name in _section_models(schema)]
    shown += [block(name, definitions[name], "###") for name in sections]
    for noun, title in (("check", "Checks"), ("channel", "Channels"), ("sink", "Sinks")):
        shown.append(f"## {title}\n")
        if noun == "check":
            common = _common(definitions["check-http"])
            shown.append(f"### {COMMON}\n\n{table(definitions['check-http'], common)}")
        kinds = [name for name in definitions if name.startswith(f"{noun}-")]
        shown += [_kind(definitions[name], noun == "check") for name in kinds]
    rest = [name for name in definitions if name not in sections and "-" not in name]
    shown.append("## Parts\n")
    shown += [block(name, definitions[name], "###") for name in rest]
    return "\n".join(shown).rstrip() + "\n"


def block(name: str, schema: dict[str, Any], level: str) -> str:
    """One heading with what it is and its options."""
    return f"{level} {_title(name)}\n\n{prose(schema.get('description', ''))}\n\n{table(schema, schema['properties'])}"


def table(owner: dict[str, Any], properties: dict[str, Any]) -> str:
    """``properties`` of ``owner``, one a row."""
    rows = ["| option | type | default | description |", "|---|---|---|---|"]
    for name, schema in properties.items():
        default = "required" if name in owner.get("required", ()) else show_default(schema)
        cells = (f"`{name}`", show_type(schema), default, prose(schema.get("description", "")))
        rows.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    return "\n".join(rows) + "\n"


def show_default(schema: dict[str, Any]) -> str:
    default = schema.get("default")
    if default is None or default in ([], {}):
        return ""
    if isinstance(default, dict):
        return "see there"
    return f"`{default if isinstance(default, str) else json.dumps(default)}`"


def show_type(schema: dict[str, Any]) -> str:
    """The values a ``schema`` allows, in a few words."""
    if schema.get("$ref"):
        return _link(schema["$ref"].rpartition("/")[2])
    if "const" in schema:
        return f"`{schema['const']}`"
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    for key in ("anyOf", "oneOf"):
        if key in schema:
            return " or ".join(dict.fromkeys(filter(None, map(show_type, schema[key]))))
    kinds = schema.get("type", "any value")
    return _BY_TYPE.get(kinds if isinstance(kinds, str) else kinds[0], lambda _: "any value")(schema)


def _show_text(schema: dict[str, Any]) -> str:
    if schema.get("format") == "password":
        return "secret text"
    if "900ms" in schema.get("examples", ()):
        return "duration"
    return "name" if "[A-Za-z0-9._-]{0,99}" in schema.get("pattern", "") else "text"


def _show_number(noun: str, schema: dict[str, Any]) -> str:
    low, high = schema.get("minimum"), schema.get("maximum")
    ends = [words for words in (low is not None and f"from {low}", high is not None and f"to {high}") if words]
    return " ".join((f"{noun},", *ends)) if ends else noun


def _show_list(schema: dict[str, Any]) -> str:
    return f"list of {show_type(schema['items'])}" if schema.get("items") else "list"


def _show_mapping(schema: dict[str, Any]) -> str:
    inner = schema.get("additionalProperties") or next(iter(schema.get("patternProperties", {}).values()), None)
    return f"mapping to {show_type(inner)}" if isinstance(inner, dict) else "mapping"


_BY_TYPE = {
    "string": _show_text,
    "integer": lambda schema: _show_number("whole number", schema),
    "number": lambda schema: _show_number("number", schema),
    "boolean": lambda _: "`true`, `false`",
    "array": _show_list,
    "object": _show_mapping,
    "null": lambda _: "",
}


def prose(text: str) -> str:
    """A docstring as Markdown, on one line."""
    return " ".join(text.replace("``", "`").split())


def _link(name: str) -> str:
    title = _title(name)
    return f"[{title.lower()}](#{title.lower().replace(' ', '-')})"


def _title(name: str) -> str:
    """``AlertPolicy`` as ``Alert policy``, ``check-http`` as ``http check``."""
    if "-" in name:
        return " ".join(reversed(name.split("-")))
    return re.sub(r"(?<=[a-z])[A-Z]", lambda match: f" {match[0].lower()}", name)


def _plain(value: Any, definitions: dict[str, Any]) -> Any:
    """The schema with choices written out where they are used, and models' docs where a field has none."""
    if isinstance(value, list):
        return [_plain(item, definitions) for item in value]
    if not isinstance(value, dict):
        return value
    if "$ref" in value:
        target = definitions[value["$ref"].rpartition("/")[2]]
        if "enum" in target:
            return {"description": "", **value, "enum": target["enum"], "$ref": ""}
        return {"description": target.get("description", ""), **value}
    plain = {key: _plain(item, definitions) for key, item in value.items()}
    told = [one["description"] for one in plain.get("anyOf", ()) if one.get("description")]
    return {"description": told[0], **plain} if told else plain


def _kind(schema: dict[str, Any], is_check: bool) -> str:
    own = {
        name: option
        for name, option in schema["properties"].items()
        if not (is_check and name in Check.model_fields and _is_common(name, option))
    }
    also = f" Besides these it takes the [{COMMON.lower()}](#{COMMON.lower().replace(' ', '-')})." if is_check else ""
    return f"### {schema['title']}\n\n{prose(schema.get('description', ''))}{also}\n\n{table(schema, own)}"


def _is_common(name: str, option: dict[str, Any]) -> bool:
    """Whether a kind has the option as every check has it; its own interval or timeout differ in the default."""
    default = Check.model_fields[name].default
    return not isinstance(default, float) or option["default"] == format_duration(default)


def _common(schema: dict[str, Any]) -> dict[str, Any]:
    return {name: schema["properties"][name] for name in Check.model_fields if name != "kind"}


def _section_models(schema: dict[str, Any]) -> list[str]:
    return [reference for part in schema["properties"].values() for reference in _direct_references(part)]


def _direct_references(part: dict[str, Any]) -> Iterator[str]:
    for place in (part, part.get("items", {}), *part.get("anyOf", ())):
        if place.get("$ref"):
            yield place["$ref"].rpartition("/")[2]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
