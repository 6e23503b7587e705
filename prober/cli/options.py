"""What several commands ask for, and how the configuration they mean is found."""

from __future__ import annotations

import gc
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from prober.faults import ConfigError, UserFault

DEFAULT_CONFIG = Path("probes.yaml")

config_option = click.option(
    "--config",
    "config_path",
    type=click.Path(path_type=Path, dir_okay=False),
    envvar="PROBER_CONFIG",
    help="The configuration; ./probes.yaml when it is there.",
)
out_option = click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="The file to write; by default one in ./checks, or here.",
)
region_option = click.option("--region", metavar="NAME", help="The region this prober runs in, else PROBER_REGION.")
json_option = click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
by_option = click.option("--by", metavar="NAME", help="Who does it; the name you are logged in with when missing.")


class DurationType(click.ParamType[float]):
    """A duration with a unit, as in the configuration, in seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        from prober.model import parse_duration

        try:
            return parse_duration(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


def config_file(path: Path | None) -> Path:
    """The configuration named, or the one that is here."""
    if path is None and not DEFAULT_CONFIG.is_file():
        raise UserFault("no configuration: there is no ./probes.yaml, name one by --config FILE")
    return path or DEFAULT_CONFIG


def load_config(path: Path | None, *, lenient: bool, needed: bool) -> Any:
    """The configuration; an empty one where there is none and none is needed."""
    gc.disable()  # all that is built here stays
    try:
        from prober.config import Config, Loaded, load

        if path is None and not needed and not DEFAULT_CONFIG.is_file():
            return Loaded(Config(), warnings=(), digest="", secrets=(), base=Path.cwd(), unresolved={})
        return load(config_file(path), os.environ, lenient=lenient)
    finally:
        gc.freeze()  # nor need it be looked through again, not even at the end
        gc.enable()


def warn(source: Path, warnings: Sequence[ConfigError]) -> None:
    """Say what the configuration makes one wonder about."""
    for warning in warnings:
        click.echo(f"{source}: warning: {warning}", err=True)
