"""What a YAML document is read into: nodes that remember their lines, and how they become plain values.

Scalars are those of the YAML 1.2 core schema written in decimal (https://yaml.org/spec/1.2.2/#103-core-schema):
``no``, ``22:22``, ``012``, ``1e3`` and dates are texts.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Path = tuple[str | int, ...]
Substitute = Callable[[str, Path, int], str]
"""(text, path, line) -> the text with its references replaced."""

_WORDS = {word: value for value, words in {
    None: ("", "~", "null", "Null", "NULL"), True: ("true", "True", "TRUE"), False: ("false", "False", "FALSE"),
}.items() for word in words}  # fmt: skip
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,17})")
_FLOAT = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,17})\.[0-9]{1,30}")
_PLAIN_KEY = re.compile(r"[\w-]+")


@dataclass(slots=True)
class Scalar:
    """A leaf as it was written; ``plain`` means without quotes."""

    line: int
    text: str
    plain: bool


@dataclass(slots=True)
class Sequence:
    """A list of nodes."""

    line: int
    items: list[Node] = field(default_factory=list)


@dataclass(slots=True)
class Mapping:
    """Nodes by key, with the line each key stands on; keys are always texts."""

    line: int
    entries: dict[str, tuple[int, Node]] = field(default_factory=dict)


Node = Scalar | Sequence | Mapping


def build(node: Node, substitute: Substitute, path: Path = ()) -> Any:
    """``node`` as plain dicts, lists and scalars. A text with a ``$`` goes through ``substitute`` and stays text."""
    if isinstance(node, Scalar):
        if "$" in node.text:
            return substitute(node.text, path, node.line)
        return scalar(node.text) if node.plain else node.text
    if isinstance(node, Sequence):
        return [build(item, substitute, (*path, index)) for index, item in enumerate(node.items)]
    return {key: build(item, substitute, (*path, key)) for key, (_, item) in node.entries.items()}


def scalar(text: str) -> bool | int | float | str | None:
    """What ``text`` means where it stands without quotes."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] in "+-0123456789":
        if _INTEGER.fullmatch(text):
            return int(text)
        if _FLOAT.fullmatch(text):
            return float(text)
    return text


def line_of(root: Node, path: Path) -> int:
    """The line of the key or item ``path`` names, or of the nearest thing around it."""
    node, line = root, root.line
    for part in path:
        if isinstance(node, Mapping) and isinstance(part, str) and part in node.entries:
            line, node = node.entries[part]
        elif isinstance(node, Sequence) and isinstance(part, int) and part < len(node.items):
            node = node.items[part]
            line = node.line
        else:
            break
    return line


def show_path(path: Path) -> str:
    """``("checks", 3, "expect")`` as ``checks[3].expect``; keys that are no plain words stand in brackets."""
    shown = ""
    for part in path:
        if isinstance(part, int):
            shown += f"[{part}]"
        elif _PLAIN_KEY.fullmatch(part):
            shown += f".{part}" if shown else part
        else:
            shown += f"[{shorten(part)!r}]"
    return shown


def shorten(text: str) -> str:
    """``text`` as far as it may stand in a message."""
    return text if len(text) <= 80 else text[:79] + "…"
