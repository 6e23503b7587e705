"""What Go programs write in YAML: durations, sizes, templates, and scalars whose field says what they are."""

from __future__ import annotations

import re
from typing import Annotated, Any

import yaml
from pydantic import BeforeValidator

from prober.faults import ConfigError

_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h|d|w|y)")
_UNITS_S = {
    "ns": 1e-9,
    "us": 1e-6,
    "µs": 1e-6,
    "μs": 1e-6,
    "ms": 1e-3,
    "s": 1.0,
    "m": 60.0,
    "h": 3_600.0,
    "d": 86_400.0,
    "w": 604_800.0,
    "y": 31_536_000.0,
}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGTPE]?)i?B?")
_SIZES = ("", "K", "M", "G", "T", "P", "E")
_REFERENCE = re.compile(rb"\$(?:\$|\{(\w+)\}|(\w+))")


def parse_go_duration(text: object) -> float:
    """``1.5h``, ``300ms``, ``1m30s`` in seconds, with Prometheus' days, weeks and years. Raises ValueError."""
    if not isinstance(text, str):
        raise ValueError("expected a duration such as 5s or 1m30s")
    if text == "0":
        return 0.0
    parts = _PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError("expected a duration such as 5s or 1m30s")
    return sum(float(number) * _UNITS_S[unit] for number, unit in parts)


def parse_go_size(text: object) -> int:
    """``10MB`` or ``1.5KiB`` in bytes; every unit is a power of 1024. Raises ValueError."""
    match = _SIZE.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise ValueError("expected a size such as 10MB")
    return int(float(match[1]) * 1024 ** _SIZES.index(match[2]))


GoDuration = Annotated[float, BeforeValidator(parse_go_duration)]
GoSize = Annotated[int, BeforeValidator(parse_go_size)]


def expand(template: bytes, match: Any) -> bytes:
    """``$1``, ``${1}`` and ``${name}`` in ``template`` replaced by what ``match`` found, as Go's ``Expand``."""

    def group(found: re.Match[bytes]) -> bytes:
        name = found[1] or found[2]
        if name is None:
            return b"$"
        try:
            return match.group(int(name) if name.isdigit() else name.decode()) or b""
        except (IndexError, KeyError):
            return b""

    return _REFERENCE.sub(group, template)


_RESOLVED = ("tag:yaml.org,2002:null", "tag:yaml.org,2002:merge")


class _Loader(yaml.SafeLoader):
    """Leaves every plain scalar a text but ``null`` and the merge key: the field it is for says what it is."""

    yaml_implicit_resolvers = {
        first: [pair for pair in resolvers if pair[0] in _RESOLVED]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != "tag:yaml.org,2002:merge":
                if key.value in seen:
                    raise yaml.constructor.ConstructorError(
                        None, None, f"the key {key.value} stands here twice", key.start_mark
                    )
                seen.add(key.value)
        return super().construct_mapping(node, deep)


def read_yaml(data: bytes) -> Any:
    """The one document in ``data``, its plain scalars as texts. Raises NotYaml."""
    try:
        return yaml.load(data, _Loader)  # noqa: S506  a SafeLoader with fewer resolvers
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or str(error)
        raise NotYaml(ConfigError("", f"not YAML: {problem}", mark.line + 1 if mark else None)) from None


class NotYaml(Exception):
    """What was read is no YAML; ``error`` says why."""

    def __init__(self, error: ConfigError) -> None:
        self.error = error
        super().__init__(str(error))
