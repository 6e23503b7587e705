"""Commands about notices: those on their way, and the channels they go by."""

from __future__ import annotations

import sys
from pathlib import Path

import click
from click.core import ParameterSource

from prober.cli.options import config_option, json_option, load_config


@click.group(invoke_without_command=True)
@config_option
@click.option("--status", type=click.Choice(("pending", "sent", "parked", "dropped")), help="Only these.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 10_000), help="The latest, at most.")
@json_option
@click.pass_context
def outbox(context: click.Context, config_path: Path | None, status: str | None, limit: int, as_json: bool) -> None:
    """List notices: what waits, what was sent, and what was given up as parked.

    \b
    prober outbox --status parked    what a service refused for good
    prober outbox retry 3f9c2a1b     the parked notices of an incident, once that is mended
    prober outbox retry --all
    """
    if context.invoked_subcommand is not None:
        context.obj = config_path
        return
    from prober.app.mailbox import list_outbox

    loaded = load_config(config_path, lenient=True, needed=True)
    list_outbox(loaded, status=status, limit=limit, as_json=as_json)


@outbox.command()
@click.argument("identity", metavar="[ID]", required=False)
@config_option
@click.option("--all", "everything", is_flag=True, help="All that are parked.")
@click.pass_context
def retry(context: click.Context, identity: str | None, config_path: Path | None, everything: bool) -> None:
    """Put parked notices back to be sent, with what was parked behind them.

    ID is the beginning of an incident's id, or of a notice's as --json tells it. What has been resolved since stays
    where it is.
    """
    from prober.app.mailbox import retry as put_back

    # What was said before the subcommand counts too, and more than the environment.
    said_here = context.get_parameter_source("config_path") is ParameterSource.COMMANDLINE
    chosen = config_path if said_here else context.obj or config_path
    put_back(load_config(chosen, lenient=True, needed=True), identity, everything=everything)


@click.group()
def notify() -> None:
    """Try channels, and see what leads to them.

    \b
    prober notify list               every channel, and the routes that lead there
    prober notify test ops           a marked alert and its resolve, to one channel
    prober notify test --to-all      the same to every channel
    """


@notify.command("list")
@config_option
def list_channels(config_path: Path | None) -> None:
    """List the channels and which routes lead there."""
    from prober.app.trial import list_channels as print_channels

    print_channels(load_config(config_path, lenient=True, needed=True))


@notify.command("test")
@click.argument("channels", nargs=-1, metavar="[CHANNEL]...")
@config_option
@click.option("--to-all", is_flag=True, help="Every channel of the configuration.")
def try_channels(channels: tuple[str, ...], config_path: Path | None, to_all: bool) -> None:
    """Send a marked alert and its resolve, at once and past the outbox, and say what the service answered.

    Exit codes: 0 all of it was taken, 1 something was not, 2 usage or configuration.
    """
    from prober.app.trial import try_channels as send

    sys.exit(0 if send(load_config(config_path, lenient=True, needed=True), channels, to_all=to_all) else 1)
