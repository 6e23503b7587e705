"""``prober render``: what other systems need, written from the same configuration."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import click

from prober.cli.options import config_file, config_option, load_config, warn
from prober.faults import UserFault
from prober.render import TARGETS, rendered


@click.command()
@click.argument("target", type=click.Choice(tuple(TARGETS)), metavar="TARGET")
@config_option
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Write the files there; what else is there stays.",
)
def render(target: str, config_path: Path | None, out: Path | None) -> None:
    """Write what another system needs to work with this configuration.

    Without -o it is printed where it is one file, and else listed. The same configuration gives the same files, and no
    secret is in them: they name files to read secrets from.

    \b
    TARGET is one of
      prometheus, alertmanager, grafana
      kubernetes, ecs, compose, cloudformation, terraform
      elasticsearch
      setup, maintenance (scripts)

    \b
    Examples:
      prober render alertmanager
      prober render kubernetes -o deploy/kubernetes
    """
    source = config_file(config_path)
    loaded = load_config(source, lenient=True, needed=True)
    warn(source, loaded.warnings)
    files = rendered(target, loaded)
    if out is not None:
        _write(out, files)
    elif len(files) == 1:
        click.echo(next(iter(files.values())), nl=False)
    else:
        click.echo("\n".join(files))
        click.echo(f"{len(files)} files: write them with prober render {target} -o DIR", err=True)


def _write(out: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        place = out / name
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text, encoding="utf-8")
        except OSError as error:
            raise UserFault(f"{place} cannot be written: {error.strerror}") from None
        click.echo(f"{place}: written", err=True)
