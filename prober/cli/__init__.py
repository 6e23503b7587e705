"""The command line: commands and exit codes, nothing else.

Exit codes: 0 all up or degraded; 1 at least one down; 2 usage or configuration; 3 none down but at least one
unknown, which is the prober's own fault; 130 on Ctrl-C.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

import click

from prober import __version__
from prober.cli.imports import import_
from prober.cli.incidents import ack, incidents, maintenance, silence
from prober.cli.notices import notify, outbox
from prober.cli.options import config_file, config_option, load_config, out_option, region_option, warn
from prober.cli.rendering import render
from prober.cli.watching import watch
from prober.faults import UserFault

USAGE = 2
INTERRUPTED = 130
SHORTEST_PASSWORD = 12
Outcome = TypeVar("Outcome")
BROKEN_PIPE = 141  # as the shell tells it; never 0, which would say that all is up


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="prober")
def cli() -> None:
    """Watch a platform the way its users meet it: HTTP, TCP and real-browser checks.

    \b
    prober run https://example.org          one check, now, from here
    prober run checks/purchase.py           a scripted purchase with its Core Web Vitals
    prober validate probes.yaml             every mistake in a configuration at once
    prober serve --config probes.yaml       the scheduler, /metrics, alerts
    prober demo                             a ticket shop, and serve against it
    prober render prometheus -o DIR         what other systems need, from the same file
    prober watch                            how everything is, on this terminal
    prober incidents                        what is wrong now, and who knows of it
    prober notify test ops                  whether a channel takes alerts
    """


@cli.command()
@click.argument("targets", nargs=-1, metavar="[TARGET]...")
@config_option
@region_option
@click.option("--tag", "tags", multiple=True, metavar="TAG", help="Only checks with this tag; may be repeated.")
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="A journey's parameter; may be repeated.")
@click.option("--json", "json_path", metavar="FILE|-", help="Write the results as JSON; - is standard output.")
@click.option("--junit", "junit_path", type=click.Path(path_type=Path), metavar="FILE", help="Write JUnit XML.")
@click.option(
    "--artifacts", type=click.Path(path_type=Path, file_okay=False), metavar="DIR", help="Keep evidence here."
)
@click.option(
    "--report",
    "report_path",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE.html",
    help="Write a report to look at: one HTML file that needs nothing else.",
)
@click.option(
    "--trace",
    type=click.Choice(("on", "off", "retry")),
    help="Keep a Playwright trace, HAR and video of every run, of none, or of second tries that fail.",
)
@click.option("--headed", is_flag=True, help="Show the browser; needs a display.")
@click.option(
    "--textfile",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE.prom",
    help="Write metrics for node_exporter's textfile collector.",
)
@click.option("--pushgateway", metavar="URL", help="Put metrics on a Prometheus Pushgateway, a group for each check.")
@click.option("--publish", is_flag=True, help="Also feed the configured sinks, as serve does.")
def run(targets: tuple[str, ...], config_path: Path | None, **options: Any) -> None:
    """Run checks once, now, and say how they went.

    TARGET is a check id of the configuration, a journey file (optionally FILE::NAME), a pytest file (test_*.py), or
    a bare URL: https://..., http://... or tcp://HOST:PORT. With no TARGET every check of the configuration runs.

    \b
    prober run                                  everything in ./probes.yaml
    prober run storefront purchase              two checks by id
    prober run checks/purchase.py --json -      a journey, results as JSON
    prober run checks/purchase.py --set seats=3 the same with a parameter of its own
    prober run tcp://db.internal:5432           a port
    prober run --tag smoke --junit report.xml   a gate for a deploy
    prober run --report report.html             a report to look at, in one file

    Exit codes: 0 all up or degraded, 1 something is down, 2 usage or configuration, 3 the prober itself failed.
    """
    from prober.app.once import RunOptions, run_once

    loaded = load_config(config_path, lenient=True, needed=False)
    sys.exit(_run(run_once(loaded, RunOptions(targets=targets, environ=os.environ, **options))))


@cli.command()
@config_option
@region_option
@click.option(
    "--listen", metavar="HOST:PORT", envvar="PROBER_LISTEN", help="Where the web side listens, over web.listen."
)
@click.option(
    "--shard",
    metavar="I/N",
    envvar="PROBER_SHARD",
    help="Run the I-th of N parts of the checks, from 0; auto/N takes I from the host's name, as of a StatefulSet.",
)
@click.option(
    "--blackbox-config",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    envvar="PROBER_BLACKBOX_CONFIG",
    help="Modules of blackbox_exporter that /probe probes by, over web.blackbox_config.",
)
def serve(
    config_path: Path | None, region: str | None, listen: str | None, shard: str | None, blackbox_config: Path | None
) -> None:
    """Run checks on their schedule, with metrics and alerts.

    Several regions in the file need one to be chosen, by --region or PROBER_REGION.
    SIGTERM and Ctrl-C let running checks finish (10 s), flush the queues and exit 0; SIGHUP and a changed file
    reload, and a configuration with mistakes leaves the old one running.
    """
    from prober.app import serve as serving

    path = config_file(config_path)
    serving.serve(
        path,
        serving.ServeOptions(
            region=region, shard=shard, listen=listen, environ=os.environ, blackbox_config=blackbox_config
        ),
    )


@cli.command()
@click.argument("path", required=False, type=click.Path(path_type=Path), metavar="[FILE]")
@config_option
@click.option("--strict", is_flag=True, help="A variable that is not set is a mistake, as it is for serve.")
@click.option("--cost", is_flag=True, help="Also say what its sinks cost a month at AWS's list price.")
def validate(path: Path | None, config_path: Path | None, strict: bool, cost: bool) -> None:
    """Find every mistake in a configuration.

    Nothing is run and no journey is imported. Variables that are not set here are warnings, since they may be set
    where the prober runs; --strict makes them mistakes.
    """
    source = config_file(path or config_path)
    loaded = load_config(source, lenient=not strict, needed=True)
    warn(source, loaded.warnings)
    if modules := loaded.config.web.blackbox_config:
        from prober.blackbox import read_modules

        read_modules(loaded.base / modules)
    kinds = sorted({check.kind for check in loaded.config.checks})
    count, unset = len(loaded.config.checks), sum(map(len, loaded.unresolved.values()))
    but = f", but {unset} not set here: serve would refuse it" if unset else ""
    click.echo(f"{source}: fine: {count} {'check' if count == 1 else 'checks'} ({', '.join(kinds) or 'none'}){but}")
    if cost:
        from prober.app.cost import cost_report
        from prober.app.listing import echo

        echo(cost_report(loaded))


@cli.command()
def schema() -> None:
    """Print the JSON Schema of the configuration, for editors."""
    from prober.config import json_schema

    click.echo(json.dumps(json_schema(), indent=2))


@cli.command()
def password() -> None:
    """Print the hash of a password, for web.auth.users.

    It is asked for twice; from a pipe one line is read.
    """
    from prober.web.auth.passwords import make_hash

    if sys.stdin.isatty():
        text = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    else:
        text = sys.stdin.readline().rstrip("\r\n")
    if len(text) < SHORTEST_PASSWORD:
        raise UserFault(f"a password of {SHORTEST_PASSWORD} characters or more is expected")
    click.echo(make_hash(text))


@cli.command("list")
@click.argument("path", required=False, type=click.Path(path_type=Path), metavar="[FILE]")
@config_option
def list_checks(path: Path | None, config_path: Path | None) -> None:
    """List the checks of a configuration."""
    from prober.app.listing import checks_table, echo

    source = config_file(path or config_path)
    loaded = load_config(source, lenient=True, needed=True)
    warn(source, loaded.warnings)
    echo(checks_table(loaded.config))


@cli.command()
@click.option("--listen", default="127.0.0.1:8000", show_default=True, metavar="HOST:PORT")
def shop(listen: str) -> None:
    """Run the demo ticket shop alone.

    \b
    Its faults are dials; see them all with GET /dials, put them back with DELETE:
      curl -X POST -d '{"service_down": "redis"}' http://127.0.0.1:8000/dials
      curl -X POST -d '{"payment": "refused", "slow_hero_s": 3}' http://127.0.0.1:8000/dials
    """
    from prober.config import parse_listen
    from prober.demo.server import serve as serve_shop

    try:
        serve_shop(*parse_listen(listen))
    except ValueError as error:
        raise UserFault(f"--listen {listen}: {error}") from None
    except OSError as error:
        raise UserFault(f"cannot listen on {listen}: {error.strerror}; choose another by --listen") from None


@cli.command()
@config_option
@region_option
def demo(config_path: Path | None, region: str | None) -> None:
    """Run the demo shop and the prober against it.

    Results and alerts are shown live on the terminal. The shop takes port 8000, or a free one; nothing is kept.
    """
    from prober.app.demo import run_demo

    _run(run_demo(config_file(config_path), region, os.environ))


@cli.command()
@click.argument("wanted", metavar="ARTIFACT|RUN|FILE")
@config_option
@click.option(
    "--artifacts", type=click.Path(path_type=Path, file_okay=False), metavar="DIR", help="Where the evidence is kept."
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Where the trace viewer listens.")
@click.option("--port", default=0, type=click.IntRange(0, 65535), help="Its port; any free one without.")
def show(wanted: str, config_path: Path | None, artifacts: Path | None, host: str, port: int) -> None:
    """Show what a run left behind: serve its trace to any browser, or say where its files are.

    ARTIFACT and RUN are the ids in a run's results, its JSON and its alerts.
    """
    from prober.app.show import show as show_files

    loaded = load_config(config_path, lenient=True, needed=False)
    sys.exit(show_files(artifacts or loaded.base / loaded.config.artifacts.dir, wanted, host, port))


for command in (watch, incidents, ack, silence, maintenance, outbox, notify, render, import_):
    cli.add_command(command)


@cli.group()
def new() -> None:
    """Write a first journey of your own."""


@new.command("journey")
@click.argument("name")
@click.option("--url", metavar="URL", help="The site it visits; the demo shop when missing.")
@out_option
def new_journey(name: str, url: str | None, out: Path | None) -> None:
    """Write a journey that works at once, every part of it explained."""
    from prober.app.new import write_journey

    file = write_journey(name, url, out)
    click.echo(f"{file}: written; try it: prober run {file}")


@cli.command()
@click.argument("url")
@out_option
def record(url: str, out: Path | None) -> None:
    """Record a visit in Playwright's recorder as a journey; needs a display and Playwright's own Chromium."""
    from prober.app.record import record as record_visit

    file = record_visit(url, out, os.environ)
    click.echo(f"{file}: written; try it: prober run {file}")


@cli.command()
@config_option
def doctor(config_path: Path | None) -> None:
    """Say what this machine has and what it lacks.

    The browser is started, a name is resolved; sandbox, clock, disk and descriptors are looked at.
    """
    from prober.app.doctor import examine
    from prober.app.listing import echo

    loaded = load_config(config_path, lenient=True, needed=False)
    table, healthy = _run(examine(loaded, os.environ))
    echo(table)
    sys.exit(0 if healthy else 1)


def _run(work: Coroutine[Any, Any, Outcome]) -> Outcome:
    import asyncio  # here: --help has no need of it

    return asyncio.run(work)


def main() -> None:
    """Entry point: what a user can cause is one clear line on stderr, a traceback is a bug of ours."""
    try:
        cli(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(USAGE)
    except UserFault as error:
        for text in str(error).splitlines():
            click.echo(f"prober: {text}", err=True)
        sys.exit(USAGE)
    except (KeyboardInterrupt, click.Abort):
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        # The reader of our output left, as `head` does; stdout must not be flushed into it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(BROKEN_PIPE)
