"""From raw values to models: the class a kind names is looked up, its errors go to the report."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from importlib import import_module
from typing import Annotated, Any, TypeVar, cast

from pydantic import TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from prober.config.report import Report
from prober.config.shapes import secret_texts
from prober.config.tree import Path
from prober.config.wording import Finding, explain, suggest
from prober.faults import describe
from prober.model import Strict
from prober.secret import Secret

Model = TypeVar("Model", bound=Strict)


def spec_of(shelf: Mapping[str, str], kind: str) -> Any:
    """The ``Spec`` of ``kind``, from the module that ``shelf`` names; imported only now. Raises KeyError."""
    return import_module(shelf[kind]).Spec


def find_spec(report: Report, shelf: Mapping[str, str], raw: object, at: Path, noun: str) -> Any:
    """The Spec that ``raw`` asks for by its ``kind``, or None, with the error in the report."""
    if not isinstance(raw, dict):
        report.add(at, "expected a mapping with a kind", f"the kinds of {noun} are {', '.join(shelf)}")
        return None
    kind = raw.get("kind")
    if isinstance(kind, str) and kind in shelf:
        return _found_spec(report, shelf, kind, at)
    if kind is None:
        report.add((*at, "kind"), "required, but missing", f"the kinds of {noun} are {', '.join(shelf)}")
    else:
        report.add((*at, "kind"), f"no such kind of {noun}", suggest(kind, shelf, f"the kinds of {noun} are"))
    return None


def _found_spec(report: Report, shelf: Mapping[str, str], kind: str, at: Path) -> Any:
    """The Spec of ``kind``; None where a package of somebody else's brings none that could be used."""
    try:
        spec = spec_of(shelf, kind)
        if not issubclass(spec, Strict):
            raise TypeError("its Spec is none of prober's")
    except (ImportError, AttributeError, SyntaxError, TypeError) as error:
        report.add((*at, "kind"), f"the kind {kind} cannot be used: {describe(error)}", f"see {shelf[kind]}")
        return None
    return spec


def validate(
    report: Report,
    model: type[Model],
    raw: dict[str, Any],
    at: Path,
    tell: Callable[[Finding], None] | None = None,
) -> Model | None:
    """``raw``, found at ``at``, as a ``model``; None when it has errors, which ``tell`` or the report takes.

    Where all that is wrong waits for unresolved references, the model is made as far as it can be.
    """
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        findings = [one for one in explain(error, model, raw) if not report.awaits(at, one)]
    for finding in findings:
        if tell:
            tell(finding)
        else:
            report.add((*at, *finding.path), finding.message, finding.hint)
    return None if findings else _make_partly(model, raw)


def _make_partly(model: type[Model], raw: dict[str, Any]) -> Model:
    """A model in which what cannot be read yet has its default, or stays the text it is where it has none."""
    values = {}
    for name, field in model.model_fields.items():
        key = field.alias or name
        if key not in raw:
            continue
        try:
            values[name] = _field_adapter(model, name).validate_python(raw[key])
        except ValidationError:
            if field.is_required():
                values[name] = _as_written(field, raw[key])
    return cast(Model, model.model_construct(set(values), **values))


@lru_cache(maxsize=512)
def _field_adapter(model: type[Strict], name: str) -> TypeAdapter[Any]:
    field = model.model_fields[name]
    told = (field,) if field.alias is None else tuple(field.metadata) or (None,)  # an alias is of no meaning alone
    shape: Any = Annotated[field.annotation, *told]
    return TypeAdapter(shape)


def _as_written(field: FieldInfo, raw: Any) -> Any:
    return Secret(raw) if isinstance(raw, str) and any(secret_texts(field.annotation, raw)) else raw
