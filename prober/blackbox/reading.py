"""Reads the modules file, with every mistake in it at once."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from prober.blackbox.modules import Modules
from prober.blackbox.notation import NotYaml, read_yaml
from prober.faults import ConfigError, ConfigFault

MAX_BYTES = 4 * 1024 * 1024


def read_modules(path: Path) -> Modules:
    """The modules in ``path``. Raises ConfigFault."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigFault(str(path), [ConfigError("", f"cannot be read: {error.strerror}")]) from None
    if len(data) > MAX_BYTES:
        raise ConfigFault(str(path), [ConfigError("", f"is larger than {MAX_BYTES // 1024**2} MiB")])
    try:
        return Modules.model_validate(read_yaml(data))
    except NotYaml as error:
        raise ConfigFault(str(path), [error.error]) from None
    except ValidationError as error:
        raise ConfigFault(str(path), mistakes(error)) from None


def mistakes(error: ValidationError) -> list[ConfigError]:
    """What pydantic found, as places in the file."""
    return [
        ConfigError(_place(one["loc"]), one["msg"].removeprefix("Value error, "))
        for one in error.errors(include_url=False, include_input=False)
    ]


def _place(steps: tuple[int | str, ...]) -> str:
    text = ""
    for step in steps:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text
