"""The parameters of a journey: what its model asks for, read without running it, and the model made from raw values."""

from __future__ import annotations

import ast
import inspect
import operator
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel, ValidationError

Value = str | int | float | bool


class BadParams(ValueError):
    """Values that a journey's own model refuses."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One field of a journey's model, as far as its source tells."""

    kind: str
    """The annotation as written."""
    required: bool
    default: str | None = None
    """The text of a secret that stands in the file itself."""

    @property
    def secret(self) -> bool:
        return "Secret" in self.kind


@dataclass(frozen=True, slots=True)
class Parameters:
    """What a journey's ``params`` are."""

    fields: Mapping[str, Parameter]
    complete: bool
    """False where the model is not in the journey's file or inherits: only running it would tell its fields."""

    def secrets(self, values: Mapping[str, Value]) -> list[str]:
        """The texts that must be masked when the journey is given ``values``."""
        hidden = [(name, one) for name, one in self.fields.items() if one.secret]
        texts = [values.get(name, one.default) for name, one in hidden]
        return [str(text) for text in texts if text is not None]

    def mistakes(self, values: Mapping[str, Any]) -> Iterator[tuple[str, str, str | None]]:
        """What is wrong with ``values`` as far as that shows: the parameter, the problem, and a hint."""
        if not self.complete:
            return
        for name, value in values.items():
            if name not in self.fields:
                close = get_close_matches(name, self.fields, 1)
                hint = f"did you mean {close[0]}?" if close else f"it has {', '.join(self.fields) or 'none'}"
                yield name, "the journey has no such parameter", hint
            elif problem := _mistake(self.fields[name].kind, value):
                yield name, problem, None
        for name, field in self.fields.items():
            if field.required and name not in values:
                yield name, "required, but missing", f"the journey takes {name}: {field.kind}"


def _mistake(kind: str, value: object) -> str | None:
    """Why ``value`` is none of the simple type ``kind``; anything else is left to pydantic."""
    expected = _EXPECTED.get(kind)
    if expected is None:
        return None
    accepts, words = expected
    try:
        fine = accepts(value)
    except (ValueError, OverflowError):
        fine = False
    return None if fine else f"expected {words}"


def _whole(value: Any) -> bool:
    return not isinstance(value, float) and int(value) is not None


_EXPECTED: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "int": (_whole, "a whole number"),
    "float": (lambda value: float(value) is not None, "a number"),
    "bool": (
        lambda value: str(value).lower() in ("true", "false", "1", "0", "yes", "no", "on", "off"),
        "true or false",
    ),
    "str": (lambda value: isinstance(value, str), "text"),
    "Secret": (lambda value: isinstance(value, str), "text"),
}


def read_parameters(tree: ast.Module, function: ast.AsyncFunctionDef | ast.FunctionDef) -> Parameters | None:
    """The parameters of ``function`` in the file ``tree``; None where it takes none, or takes them as a plain dict."""
    arguments = (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs)
    annotation = next((one.annotation for one in arguments if one.arg == "params"), None)
    text = annotation.value if isinstance(annotation, ast.Constant) else annotation and ast.unparse(annotation)
    if not isinstance(text, str) or text.partition("[")[0] in ("dict", "Mapping", "Any", "object"):
        return None
    model = next((node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == text), None)
    if model is None:
        return Parameters({}, complete=False)
    plain = [ast.unparse(base) for base in model.bases] in (["BaseModel"], ["pydantic.BaseModel"])
    fields = {name: field for node in model.body for name, field in _field(node)}
    odd = any(isinstance(node, ast.keyword) and node.arg in ("alias", "extra") for node in ast.walk(model))
    return Parameters(fields, complete=plain and not model.keywords and not odd)


def _field(node: ast.stmt) -> Iterator[tuple[str, Parameter]]:
    if not isinstance(node, ast.AnnAssign) or not isinstance(node.target, ast.Name):
        return
    kind = ast.unparse(node.annotation)
    if kind.startswith("ClassVar") or node.target.id.startswith("_"):
        return
    required = node.value is None or (isinstance(node.value, ast.Call) and _asks(node.value))
    yield node.target.id, Parameter(kind.removeprefix("prober."), required, _literal_secret(node.value))


def _asks(call: ast.Call) -> bool:
    """Whether ``Field(...)`` gives no default."""
    if ast.unparse(call.func) not in ("Field", "pydantic.Field"):
        return False
    given = any(keyword.arg in ("default", "default_factory") for keyword in call.keywords)
    return not given and (not call.args or ast.unparse(call.args[0]) == "...")


def _literal_secret(value: ast.expr | None) -> str | None:
    match value:
        case ast.Call(func=ast.Name(id="Secret") | ast.Attribute(attr="Secret"), args=[ast.Constant(value=str(text))]):
            return text
    return None


def bind_params(function: Callable[..., object], values: Mapping[str, Value]) -> Any:
    """What ``function`` is handed as ``params``: its pydantic model made from ``values``, or a dict of them.

    Raises BadParams, which repeats no value.
    """
    model = _model_of(function)
    if model is None:
        return dict(values)
    unknown = [] if model.model_config.get("extra") else [name for name in values if name not in _names(model)]
    if unknown:
        raise BadParams(f"params.{unknown[0]}: the journey has no such parameter")
    try:
        return model.model_validate(dict(values))
    except ValidationError as error:
        told = (f"params.{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors(include_input=False))
        raise BadParams("; ".join(told)) from None


def _model_of(function: Callable[..., object]) -> type[BaseModel] | None:
    parameter = inspect.signature(function).parameters.get("params")
    wanted = parameter.annotation if parameter else None
    if isinstance(wanted, str):  # `from __future__ import annotations`
        try:
            wanted = operator.attrgetter(wanted.strip("'\""))(sys.modules[function.__module__])
        except AttributeError:
            return None
    return wanted if isinstance(wanted, type) and issubclass(wanted, BaseModel) else None


def _names(model: type[BaseModel]) -> set[str]:
    return {spelled for name, field in model.model_fields.items() for spelled in (name, field.alias) if spelled}
