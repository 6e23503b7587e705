"""``prober run``: checks once, now, concurrently under the caps; a table for people, JSON and JUnit for machines."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console
from rich.live import Live

from prober.app.artifacts import Archive, kept_of, write_index
from prober.app.assemble import open_engine, open_sink, redactor_for, require_resolved, require_sinks
from prober.app.handover import exposition_of, push, require_pushgateway, require_textfile, write_textfile
from prober.app.logs import configure_logs
from prober.app.settings import parse_settings
from prober.app.targets import choose_region, select
from prober.clock import SystemClock
from prober.config import Loaded
from prober.engine import Engine
from prober.faults import UserFault
from prober.model import Check, Result
from prober.render.junit import junit
from prober.render.results import document, exit_code
from prober.render.terminal import console as open_console
from prober.render.terminal import line, progress, report
from prober.secret import Redactor

PUBLISH_GRACE_S = 15.0


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What the command line of ``prober run`` said."""

    targets: Sequence[str]
    environ: Mapping[str, str]
    region: str | None = None
    tags: Sequence[str] = ()
    settings: Sequence[str] = ()
    """NAME=VALUE for the params of journeys."""
    json_path: str | None = None
    junit_path: Path | None = None
    artifacts: Path | None = None
    report_path: Path | None = None
    trace: str | None = None
    headed: bool = False
    publish: bool = False
    textfile: Path | None = None
    pushgateway: str | None = None


async def run_once(loaded: Loaded, options: RunOptions) -> int:
    """Run what was asked for and report it; returns the exit code. Raises UserFault for what cannot be run."""
    region = choose_region(loaded.config.regions, options.region, options.environ, first=True)
    checks = select(loaded, options.targets, options.tags, region, parse_settings(options.settings))
    checks, told = [one for one in checks if not one.pushed], [one.id for one in checks if one.pushed]
    if not checks:
        raise UserFault(f"nothing to run: {', '.join(told)} is told by others, and only prober serve listens")
    require_resolved(loaded, checks, "browser", *(("sinks",) if options.publish else ()))
    loaded = _as_asked(loaded, options)
    configure_logs(redactor_for(loaded), loaded.config.logs.format, "warning")
    for path in (options.json_path, options.junit_path, options.report_path):
        _require_writable(path)
    if options.textfile:
        require_textfile(options.textfile)
    if options.pushgateway:
        require_pushgateway(options.pushgateway)
    if options.publish:
        require_sinks(loaded.config.sinks)
    clock = SystemClock()
    artifacts = options.artifacts or loaded.base / loaded.config.artifacts.dir
    started = time.monotonic()
    console = open_console(stderr=options.json_path == "-")
    if told:
        console.print(f"left out, since others tell how they are: {', '.join(told)}", markup=False, soft_wrap=True)
    kinds = {check.kind for check in checks}
    # What reads certificates takes a tenth of a second to load.
    tls = any(not check.target.startswith("http://") for check in checks)
    opened = open_engine(loaded, kinds, region, clock, options.environ, artifacts=artifacts, certificates=tls)
    async with opened as engine:
        results = await _run_all(engine, checks, console)
    duration_s = time.monotonic() - started
    for result in results:
        if files := kept_of(result):
            write_index(artifacts / result.check.id / result.run_id, files)
    if options.publish:
        _publish(loaded, region, results, artifacts)
    console.print(report(results, duration_s))
    _write(results, duration_s, options)
    if options.report_path:
        _write_report(results, duration_s, options.report_path, redactor_for(loaded))
    _hand_over(loaded.config.job, region, results, options)
    return exit_code(results)


def _as_asked(loaded: Loaded, options: RunOptions) -> Loaded:
    """``loaded`` with what the command line says of browsers."""
    browser, evidence = loaded.config.browser, dict[str, str]()
    if options.trace:
        evidence["trace"] = options.trace
    if options.report_path:
        evidence["keep"] = "always"
    changes = {
        "headless": browser.headless and not options.headed,
        "evidence": browser.evidence.model_copy(update=evidence),
    }
    return replace(loaded, config=loaded.config.model_copy(update={"browser": browser.model_copy(update=changes)}))


def _require_writable(path: str | Path | None) -> None:
    """Find out before the run, not after it, that its results could not be written."""
    if path in (None, "-"):
        return
    try:
        Path(str(path)).touch()
    except FileNotFoundError:
        raise UserFault(f"{path}: its directory does not exist") from None
    except OSError as error:
        raise UserFault(f"{path}: cannot be written: {error.strerror}") from None
    if Path(str(path)).is_dir():
        raise UserFault(f"{path}: is a directory")


async def _run_all(engine: Engine, checks: Sequence[Check], console: Console) -> list[Result]:
    """Every check once; progress is live on a terminal and a line each elsewhere. In the order of ``checks``."""
    done: dict[str, Result] = {}
    live = Live(progress(checks, done), console=console, transient=True, refresh_per_second=10)

    async def one(check: Check) -> None:
        result = done[check.id] = await engine.run(check)
        if console.is_terminal:
            live.update(progress(checks, done))
        else:
            console.print(line(result), markup=False, soft_wrap=True)

    if console.is_terminal:
        with live:
            await asyncio.gather(*map(one, checks))
    else:
        await asyncio.gather(*map(one, checks))
    return [done[check.id] for check in checks]


def _publish(loaded: Loaded, region: str, results: Sequence[Result], artifacts: Path) -> None:
    exposition = exposition_of(loaded.config.job, region, results)
    for spec in loaded.config.sinks:
        sink = open_sink(spec, exposition)
        for result in results:
            sink.offer(result)
        sink.close(PUBLISH_GRACE_S)
    if loaded.config.artifacts.s3:
        archive = Archive(artifacts, loaded.config.artifacts)
        archive.start()
        for result in results:
            archive.offer(result)
        archive.close(PUBLISH_GRACE_S)


def _hand_over(job: str, region: str, results: Sequence[Result], options: RunOptions) -> None:
    if options.textfile:
        write_textfile(options.textfile, exposition_of(job, region, results))
    if options.pushgateway:
        push(options.pushgateway, job, region, results)


def _write(results: Sequence[Result], duration_s: float, options: RunOptions) -> None:
    if options.json_path:
        text = json.dumps(document(results, duration_s), indent=2) + "\n"
        if options.json_path == "-":
            sys.stdout.write(text)
        else:
            Path(options.json_path).write_text(text, encoding="utf-8")
    if options.junit_path:
        options.junit_path.write_text(junit(results, duration_s), encoding="utf-8")


def _write_report(results: Sequence[Result], duration_s: float, path: Path, redactor: Redactor) -> None:
    from prober.app.exhibits import exhibit_of  # templates are not quick to load, and few runs want a report
    from prober.render.report import html_report

    titles = {result.check.id: result.check.title or "" for result in results}
    exhibits = [exhibit_of(result, redactor) for result in results]
    text = html_report(document(results, duration_s), titles, exhibits)
    path.write_text(text, encoding="utf-8")
