"""What the fields of a model are for, read from the text below each of them."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from pydantic import BaseModel


def describe(schema: dict[str, Any], model: type[BaseModel]) -> None:
    """Put into the JSON ``schema`` of ``model`` what its fields are for; what a subclass says anew holds."""
    for owner in reversed(model.__mro__):
        told = dict(_texts(owner)) if issubclass(owner, BaseModel) and owner is not BaseModel else {}
        for name in told.keys() & model.model_fields.keys():
            schema["properties"][model.model_fields[name].alias or name]["description"] = told[name]


def _texts(model: type[BaseModel]) -> Iterator[tuple[str, str]]:
    for definition in ast.parse(inspect.getsource(model)).body:
        for field, told in pairwise(getattr(definition, "body", ())):
            match field, told:
                case ast.AnnAssign(target=ast.Name(name)), ast.Expr(value=ast.Constant(str(text))):
                    yield name, inspect.cleandoc(text)
