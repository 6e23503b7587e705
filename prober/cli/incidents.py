"""Commands about what people are told: incidents, acknowledgements, silences and maintenance."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from prober.cli.options import DurationType, by_option, config_option, json_option, load_config


@click.command()
@config_option
@click.option("--all", "everything", is_flag=True, help="Also those that are over.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 10_000), help="The latest, at most.")
@json_option
def incidents(config_path: Path | None, everything: bool, limit: int, as_json: bool) -> None:
    """List what is wrong, and who knows of it.

    \b
    prober incidents                 what is open now, held back or acknowledged
    prober incidents --all --json    the latest ones, over or not, as JSON
    """
    from prober.app.incidents import list_incidents

    loaded = load_config(config_path, lenient=True, needed=True)
    list_incidents(loaded, everything=everything, limit=limit, as_json=as_json)


@click.command()
@click.argument("incident")
@config_option
@by_option
def ack(incident: str, config_path: Path | None, by: str | None) -> None:
    """Say that you mind INCIDENT: nobody is reminded of it, and nobody else is called.

    The first characters of its id are enough. A running prober heeds it within seconds.

    \b
    prober ack 3f9c2a1b
    prober ack 3f9c --by "Ada, from the train"
    """
    from prober.app.incidents import acknowledge

    acknowledge(load_config(config_path, lenient=True, needed=True), incident, by)


@click.group()
def silence() -> None:
    """Let nothing be told of some checks for a while; the outage counts all the same.

    \b
    prober silence add --for 2h --check 'checkout-*' --reason "the provider knows"
    prober silence list
    prober silence end 3f9c2a1b
    """


@click.group()
def maintenance() -> None:
    """Plan work on what is checked: nothing is told of it meanwhile.

    \b
    prober maintenance add --for 2h --tag shop --reason "moving the database"
    prober maintenance add --for 1h --at 2026-12-24T22:00 --all --reason "new switches"
    prober maintenance list          with the windows of the configuration
    prober maintenance end 3f9c2a1b
    """


def _choosing(command: Callable[..., None]) -> Callable[..., None]:
    """The options that silences and maintenance have in common."""
    for option in reversed(
        (
            config_option,
            click.option("--for", "for_s", required=True, type=DurationType(), help="How long, such as 30m or 2h."),
            click.option("--check", "checks", multiple=True, metavar="ID", help="Of this check, or a pattern's."),
            click.option("--tag", "tags", multiple=True, metavar="TAG", help="Of checks with this tag."),
            click.option("--all", "everything", is_flag=True, help="Of all checks."),
            click.option("--reason", required=True, help="Why, for the others."),
            by_option,
        )
    ):
        command = option(command)
    return command


@silence.command("add")
@_choosing
def add_silence(config_path: Path | None, **request: Any) -> None:
    """Begin a silence, now."""
    from prober.app.quiet import Request, add
    from prober.model import HushKind

    add(load_config(config_path, lenient=True, needed=True), HushKind.SILENCE, Request(**request))


@maintenance.command("add")
@_choosing
@click.option("--public", default="", metavar="TEXT", help="What status pages say of it; only when it is, without.")
@click.option("--in", "in_s", type=DurationType(), help="When it begins, from now; at once when missing.")
@click.option("--at", metavar="TIME", help="When it begins, such as 2026-12-24T22:00; your time, or +01:00 at its end.")
def add_maintenance(config_path: Path | None, **request: Any) -> None:
    """Begin maintenance, now or later."""
    from prober.app.quiet import Request, add
    from prober.model import HushKind

    add(load_config(config_path, lenient=True, needed=True), HushKind.MAINTENANCE, Request(**request))


def _listing(kind: str) -> Callable[..., None]:
    def command(config_path: Path | None, as_json: bool) -> None:
        from prober.app.quiet import list_hushes
        from prober.model import HushKind

        list_hushes(load_config(config_path, lenient=True, needed=True), HushKind(kind), as_json=as_json)

    return config_option(json_option(command))


def _ending(kind: str) -> Callable[..., None]:
    def command(identity: str, config_path: Path | None) -> None:
        from prober.app.quiet import end
        from prober.model import HushKind

        end(load_config(config_path, lenient=True, needed=True), HushKind(kind), identity)

    return click.argument("identity", metavar="ID")(config_option(command))


silence.command("list", help="List the silences that have not ended.")(_listing("silence"))
silence.command("end", help="End a silence before its time.")(_ending("silence"))
maintenance.command("list", help="List maintenance, planned by hand or in the configuration.")(_listing("maintenance"))
maintenance.command("end", help="End maintenance before its time.")(_ending("maintenance"))
