"""The command that shows the overview on a terminal."""

from __future__ import annotations

from pathlib import Path

import click

from prober.cli.options import config_option, load_config


@click.command()
@config_option
@click.option("--url", metavar="URL", help="A prober elsewhere, by the address of its web side.")
@click.option("--token", envvar="PROBER_TOKEN", metavar="TOKEN", help="For --url: a token with the scope read.")
@click.option("--every", "every_s", default=2.0, show_default=True, type=click.FloatRange(0.5, 3600), metavar="SECONDS")
def watch(config_path: Path | None, url: str | None, token: str | None, every_s: float) -> None:
    """Show how everything is, and go on showing it.

    Open incidents come first, then the checks, the worst before the others. Without a terminal it is printed once.
    Keys: q quits, / filters by words, arrows scroll.

    \b
    prober watch                                      the prober that runs on ./probes.yaml
    prober watch --url https://status.example         one elsewhere, with PROBER_TOKEN
    prober watch | head                               once, as plain text
    """
    from prober.app.watch import watch as show

    show(lambda: load_config(config_path, lenient=True, needed=True), url, token, every_s)
