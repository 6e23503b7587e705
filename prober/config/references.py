"""``${NAME}``, ``${NAME:-default}`` and ``${file:/path}`` inside scalars; ``$$`` is a dollar sign.

What is put in stays text and is never read as YAML. A variable that is set to nothing counts as not set, since that
is how most tools hand over what they do not have; ``${NAME:-}`` asks for the empty text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from prober.config.tree import Path as Place
from prober.secret import SHORTEST

MAX_FILE_BYTES = 64 * 1024

_REFERENCE = re.compile(r"\$\$|\$\{([^{}]*)\}|\$\{")
_NAMED = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?", re.DOTALL)
_TELLING = re.compile(r"(?i)pass|secret|token|key|auth|credential|webhook|dsn")


@dataclass(frozen=True, slots=True)
class Missing:
    """A reference that leads to nothing here and now, and where it stands."""

    path: Place
    line: int
    message: str
    hint: str | None = None


@dataclass(slots=True)
class References:
    """Replaces references and keeps account of them: what was missing, what was read, what must not be shown."""

    environ: Mapping[str, str]
    base: Path
    missing: list[Missing] = field(default_factory=list)
    open: set[Place] = field(default_factory=set)
    """The places of what is missing, and every place around them."""
    files: dict[str, bytes] = field(default_factory=dict)
    """What ``${file:...}`` read, by the path as written."""
    values: dict[str, bool] = field(default_factory=dict)
    """Every value put in, and whether its name tells that it is a secret."""

    def substitute(self, text: str, path: Place, line: int) -> str:
        """``text`` with its references replaced; one that leads to nothing stays and is noted as missing."""

        def replace(match: re.Match[str]) -> str:
            if match[0] == "$$":
                return "$"
            try:
                return self._look_up(match[1])
            except _NothingThereError as error:
                self.missing.append(Missing(path, line, str(error), error.hint))
                self.open.update(path[:length] for length in range(len(path) + 1))
                return match[0]

        return _REFERENCE.sub(replace, text)

    def shown_nowhere(self) -> Iterator[str]:
        """The values that are secrets by their name, or because they came from a file."""
        return (value for value, telling in self.values.items() if telling and len(value) >= SHORTEST)

    def _look_up(self, body: str | None) -> str:
        if body is not None and body.startswith("file:"):
            return self._keep(self._read(body.removeprefix("file:")), telling=True)
        named = _NAMED.fullmatch(body or "")
        if named is None:
            wanted = "expected ${NAME}, ${NAME:-default} or ${file:/path}"
            raise _NothingThereError(wanted, "for a dollar sign as such write $$")
        name, default = named[1], named[2]
        value = self.environ.get(name, "")
        if value:
            return self._keep(value, telling=bool(_TELLING.search(name)))
        if default is not None:
            return default
        state = "empty" if name in self.environ else "not set"
        raise _NothingThereError(f"the variable {name} is {state}", f"set it, or write ${{{name}:-default}}")

    def _keep(self, value: str, *, telling: bool) -> str:
        self.values[value] = telling or self.values.get(value, False)
        return value

    def _read(self, name: str) -> str:
        data = self.files.get(name)
        if data is None:
            try:
                data = read_bounded(self.base / name, MAX_FILE_BYTES)
            except (OSError, ValueError) as error:
                raise _NothingThereError(f"the file {name} cannot be read: {cause(error)}") from None
            self.files[name] = data
        try:
            return data.decode("utf-8").rstrip("\r\n")
        except UnicodeDecodeError:
            raise _NothingThereError(f"the file {name} is not UTF-8 text") from None


class _NothingThereError(Exception):
    def __init__(self, message: str, hint: str | None = None) -> None:
        self.hint = hint
        super().__init__(message)


def read_bounded(path: Path, limit: int) -> bytes:
    """The bytes of ``path``. Raises OSError, or ValueError for more than ``limit`` of them."""
    with path.open("rb") as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise ValueError(f"larger than {limit // 1024} KiB")
    return data


def cause(error: OSError | ValueError) -> str:
    """Why a file could not be read, without its path."""
    return (error.strerror or type(error).__name__) if isinstance(error, OSError) else str(error)
