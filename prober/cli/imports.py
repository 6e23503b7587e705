"""``prober import``: what other tools are told to watch, as checks."""

from __future__ import annotations

from pathlib import Path

import click

from prober.faults import UserFault


@click.group("import")
def import_() -> None:
    """Turn another tool's configuration into probes.yaml."""


@import_.command("blackbox")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--prometheus",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="The Prometheus configuration whose jobs scrape /probe; without it there are no targets.",
)
@click.option(
    "-o", "--out", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Where to; standard output."
)
def blackbox(file: Path, prometheus: Path | None, out: Path | None) -> None:
    """Turn modules of blackbox_exporter, and what Prometheus asks of them, into checks.

    What cannot be carried over stands above its check as a comment, and on stderr. Secrets are not copied: the checks
    refer to variables instead.
    """
    from prober.blackbox import read_modules
    from prober.blackbox.importing import document, drafts, read_jobs

    modules = read_modules(file)
    jobs = read_jobs(prometheus) if prometheus else None
    made = drafts(modules, jobs)
    for job in jobs or ():
        if job.module not in modules.modules:
            click.echo(f"{prometheus}: warning: job {job.name}: no such module: {job.module}", err=True)
        elif not job.targets:
            notes = "; ".join(job.notes) or "it has no targets"
            click.echo(f"{prometheus}: warning: job {job.name}: nothing to carry over: {notes}", err=True)
    for one in made:
        for note in one.notes:
            click.echo(f"{file}: warning: {one.values['id']}: not carried over: {note}", err=True)
    text = document(made)
    if out is None:
        click.echo(text, nl=False)
        return
    try:
        with out.open("x", encoding="utf-8") as written:
            written.write(text)
    except FileExistsError:
        raise UserFault(f"{out}: is there already; name another by -o") from None
    except OSError as error:
        raise UserFault(f"{out}: cannot be written: {error.strerror}") from None
    click.echo(f"{out}: written; look it through, then: prober validate {out}", err=True)
