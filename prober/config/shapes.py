"""What stands where in a pydantic model: the types a place in the document may hold, found by walking annotations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel

from prober.config.tree import Path
from prober.secret import Secret


def keys_at(shape: Any, path: Path) -> list[str]:
    """The keys that the mapping at ``path`` inside ``shape`` may have, as a user writes them."""
    shapes = list(_plain(shape))
    for part in path:
        shapes = [inner for outer in shapes for inner in _inside(outer, part)]
    return [key for one in shapes if _is_model(one) for key in _fields(one)]


def secret_texts(shape: Any, value: Any) -> Iterator[str]:
    """The texts inside the raw ``value`` that stand where ``shape`` wants a secret."""
    if isinstance(value, str):
        if any(one is Secret for one in _plain(shape)):
            yield value
        return
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for part, item in entries:
        for outer in _plain(shape):
            for inner in _inside(outer, part):
                yield from secret_texts(inner, item)


def _is_model(shape: Any) -> bool:
    return isinstance(shape, type) and issubclass(shape, BaseModel)


def _fields(model: type[BaseModel]) -> dict[str, Any]:
    return {field.alias or name: field.annotation for name, field in model.model_fields.items()}


def _plain(shape: Any) -> Iterator[Any]:
    """``shape`` without its annotations, and every member of a union by itself."""
    origin = get_origin(shape)
    if origin is Annotated:
        yield from _plain(get_args(shape)[0])
    elif origin in (Union, UnionType):
        for member in get_args(shape):
            yield from _plain(member)
    else:
        yield shape


def _inside(shape: Any, part: str | int) -> Iterator[Any]:
    """What ``part`` of a plain ``shape`` may hold."""
    if _is_model(shape):
        fields = _fields(shape)
        if part in fields:
            yield from _plain(fields[str(part)])
        return
    origin, arguments = get_origin(shape), get_args(shape)
    if not isinstance(origin, type) or not arguments:
        return
    if issubclass(origin, Mapping):
        yield from _plain(arguments[-1])
    elif issubclass(origin, list | tuple | set | frozenset):
        yield from _plain(arguments[0])
