"""Journey files as data: what ``@journey`` says of a function, read by ``ast`` without running the file."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from prober.faults import ConfigError, ConfigFault
from prober.journey.options import OPTIONS
from prober.journey.params import Parameters, read_parameters

FIXTURES = ("page", "context", "http", "params")


@dataclass(frozen=True, slots=True)
class Declaration:
    """One journey as its author declared it; what was left out is None or empty."""

    id: str
    function: str
    arguments: tuple[str, ...]
    path: Path
    line: int
    title: str | None = None
    timeout_s: float | None = None
    interval_s: float | None = None
    tags: tuple[str, ...] = ()
    env: tuple[str, ...] = ()
    """Names of environment variables its worker is given; their values are masked in all evidence."""
    budgets: Mapping[str, str | float] = field(default_factory=dict)
    device: str | None = None
    viewport: tuple[int, int] | None = None
    locale: str | None = None
    timezone: str | None = None
    idempotent: bool = False
    retries: int = 0
    """How often it may be run again after a failure."""
    surroundings: Mapping[str, Any] = field(default_factory=dict)
    """profile, block, throttle and first_party, as a check would say them."""
    parameters: Parameters | None = None
    """What its ``params`` are, where they are a model's."""

    @property
    def kind(self) -> str:
        """``browser`` for a function that takes a page, ``api`` for one that does not."""
        return "browser" if {"page", "context"} & set(self.arguments) else "api"


def _declare(
    function: str, arguments: tuple[str, ...], path: Path, line: int, options: Mapping[str, object]
) -> tuple[Declaration, list[ConfigError]]:
    errors = [
        ConfigError(f"{function}({name})", "journeys cannot take this", line, f"they may take {', '.join(FIXTURES)}")
        for name in arguments
        if name not in FIXTURES
    ]
    fields: dict[str, Any] = {"id": path.stem}
    for name, value in options.items():
        place = f"@journey({name}=)"
        if name not in OPTIONS:
            close = get_close_matches(name, OPTIONS, 1)
            hint = f"did you mean {close[0]}?" if close else f"known are {', '.join(OPTIONS)}"
            errors.append(ConfigError(place, "unknown option", line, hint))
            continue
        target, read = OPTIONS[name]
        try:
            value = read(value)
        except ValueError as error:
            errors.append(ConfigError(place, str(error), line))
            continue
        if target:
            fields[target] = value
        else:
            fields["surroundings"] = {**fields.get("surroundings", {}), name: value}
    if fields.get("retries") and not fields.get("idempotent"):
        hint = "a journey that buys may have bought before it failed; say idempotent=True where twice does no harm"
        errors.append(ConfigError("@journey(retries=)", "only idempotent journeys are run again", line, hint))
    return Declaration(function=function, arguments=arguments, path=path, line=line, **fields), errors


def read_journeys(path: Path) -> list[Declaration]:
    """The journeys a file declares, in its order; the file is parsed, never run.

    Raises ConfigFault, with the lines, for a file that cannot be read or parsed, declares none, declares one id
    twice, or gives an option that is not a literal.
    """
    found, errors = [], list[ConfigError]()
    tree = _parse(path)
    names = _decorator_names(tree)
    for node in tree.body:
        if not isinstance(node, ast.AsyncFunctionDef | ast.FunctionDef):
            continue
        for decorator in node.decorator_list:
            call = decorator.func if isinstance(decorator, ast.Call) else decorator
            if ast.unparse(call) in names:
                declaration, wrong = _read_declaration(node, decorator, path)
                found.append(replace(declaration, parameters=read_parameters(tree, node)))
                errors += wrong
    errors += _duplicates(found)
    if not found:
        errors.append(ConfigError("", "no journey in this file", None, "write @journey over an async function"))
    if errors:
        raise ConfigFault(str(path), errors)
    return found


def find_journey(target: str, base: Path = Path()) -> Declaration:
    """The journey that ``FILE`` or ``FILE::name`` means, by function name or id; ``FILE`` is taken from ``base``.

    Raises ConfigFault where there is none, or where a file of several is named without saying which.
    """
    file, _, name = target.partition("::")
    declared = read_journeys(base / file)
    chosen = [one for one in declared if not name or name in (one.function, one.id)]
    if len(chosen) == 1:
        return chosen[0]
    known = ", ".join(f"{file}::{one.function}" for one in declared)
    problem = f"no journey named {name!r}" if name else "several journeys in this file"
    raise ConfigFault(file, [ConfigError("", problem, None, f"choose one of {known}")])


def _parse(path: Path) -> ast.Module:
    try:
        return ast.parse(path.read_bytes(), str(path))
    except OSError as error:
        problem = ConfigError("", f"cannot be read: {error.strerror}")
    except SyntaxError as error:
        problem = ConfigError("", f"not Python: {error.msg}", error.lineno)
    except (ValueError, RecursionError, MemoryError) as error:
        problem = ConfigError("", f"not Python: {error}")
    raise ConfigFault(str(path), [problem])


def _decorator_names(tree: ast.Module) -> set[str]:
    """The spellings of our decorator in a file, after its imports."""
    names = set()
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module in ("prober", "prober.journey"):
            names |= {alias.asname or alias.name for alias in node.names if alias.name == "journey"}
        elif isinstance(node, ast.Import):
            names |= {f"{alias.asname or 'prober'}.journey" for alias in node.names if alias.name == "prober"}
    return names


def _read_declaration(
    node: ast.AsyncFunctionDef | ast.FunctionDef, decorator: ast.expr, path: Path
) -> tuple[Declaration, list[ConfigError]]:
    options, errors = dict[str, object](), list[ConfigError]()
    if isinstance(decorator, ast.Call):
        for name, value in _keywords(decorator):
            try:
                options[name] = ast.literal_eval(value)
            except (ValueError, TypeError, SyntaxError, RecursionError):
                place = f"@journey({name}=)"
                errors.append(ConfigError(place, "expected a literal, not an expression", value.lineno))
    if isinstance(node, ast.FunctionDef):
        errors.append(ConfigError(node.name, "a journey must be an async function", node.lineno))
    arguments = tuple(one.arg for one in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs))
    given = {name: value for name, value in options.items() if value is not None}
    declaration, wrong = _declare(node.name, arguments, path, node.lineno, given)
    return declaration, errors + wrong


def _keywords(call: ast.Call) -> Iterator[tuple[str, ast.expr]]:
    yield from (("*args", value) for value in call.args)
    yield from ((keyword.arg or "**options", keyword.value) for keyword in call.keywords)


def _duplicates(found: list[Declaration]) -> Iterator[ConfigError]:
    lines: dict[str, int] = {}
    for one in found:
        if one.id in lines:
            hint = "give each journey of the file an id of its own"
            yield ConfigError("", f"the id {one.id!r} is used in line {lines[one.id]} as well", one.line, hint)
        lines.setdefault(one.id, one.line)
