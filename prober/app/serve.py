"""``prober serve``: everything started in order, reloaded as a whole, stopped in the reverse order."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from prober.app.assemble import open_logs
from prober.app.service import Service
from prober.app.targets import Place, choose_region, choose_shard
from prober.clock import SystemClock
from prober.config import Loaded, load, parse_listen
from prober.faults import ConfigFault, UserFault
from prober.log import Log
from prober.model import Check, Result
from prober.pace import give_way, keep_what_is_there
from prober.selfwatch import raise_descriptor_limit

LOOK_EVERY_S = 2.0

_log = Log(__name__)


@dataclass(frozen=True, slots=True)
class Started:
    """What was started, for who started it."""

    url: str
    checks: tuple[Check, ...]


@dataclass(frozen=True, slots=True)
class ServeOptions:
    """What the command line of ``prober serve`` said, and who wants to look on."""

    environ: Mapping[str, str]
    region: str | None = None
    shard: str | None = None
    """I/N or auto/N."""
    listen: str | None = None
    blackbox_config: Path | None = None
    """The modules file that ``/probe`` probes by."""
    on_started: Callable[[Started], None] = lambda _: None
    on_result: Callable[[Result], None] = lambda _: None


def serve(path: Path, options: ServeOptions) -> None:
    """``serve_until_told`` on a loop of its own."""
    import uvloop  # here: nothing but serving gains from it

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve_until_told(path, options))


async def serve_until_told(path: Path, options: ServeOptions) -> None:
    """Serve until SIGTERM or SIGINT; SIGHUP and a changed file reload. Raises UserFault when it cannot start."""
    gc.disable()  # ten thousand checks are built, of which nothing is garbage
    loaded = load(path, options.environ, lenient=False)
    region = choose_region(loaded.config.regions, options.region, options.environ, first=False)
    place = Place(region, choose_shard(options.shard, socket.gethostname()))
    try:
        host, port = parse_listen(options.listen or loaded.config.web.listen)
    except ValueError as error:
        raise UserFault(f"--listen {options.listen}: {error}") from None
    open_logs(loaded)
    raise_descriptor_limit()
    give_way()
    service = Service(place, options.environ, SystemClock(), options.on_result, options.blackbox_config)
    told, reload = asyncio.Event(), asyncio.Event()
    _listen_to_signals(told, reload)
    try:
        await service.start(loaded, host, port)
        keep_what_is_there()
        reloading = _reload_when_changed(path, loaded, options, service, reload)
        await _until_told(told, reloading, _announce(service, options, place), service.watch())
    finally:
        await service.stop()
    _log.info("stopped")


async def _announce(service: Service, options: ServeOptions, place: Place) -> None:
    """Say that it serves once the web side answers; probing does not wait for that."""
    await service.answering()
    options.on_started(Started(service.url, service.checks))
    _log.info("serving", url=service.url, region=place.name, checks=len(service.checks))
    await asyncio.Event().wait()  # what is awaited until told to end must not end before


def _listen_to_signals(told: asyncio.Event, reload: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()

    def stop() -> None:
        if told.is_set():
            os._exit(128 + signal.SIGTERM)  # asked twice: no more patience
        told.set()

    loop.add_signal_handler(signal.SIGTERM, stop)
    loop.add_signal_handler(signal.SIGINT, stop)
    loop.add_signal_handler(signal.SIGHUP, reload.set)


async def _until_told(told: asyncio.Event, *work: Awaitable[None]) -> None:
    """Let ``work`` go on until ``told``; what fails in it is raised here, never lost."""
    waiter = asyncio.ensure_future(told.wait())
    tasks = [waiter, *map(asyncio.ensure_future, work)]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        if task is not waiter:
            task.result()


async def _reload_when_changed(
    path: Path, loaded: Loaded, options: ServeOptions, service: Service, asked: asyncio.Event
) -> None:
    """Load anew on SIGHUP, and when a file the configuration rests on looks different."""
    digest, files = loaded.digest, _watched(path, loaded, service)
    look = _look(files)
    while True:
        try:
            async with asyncio.timeout(LOOK_EVERY_S):
                await asked.wait()
        except TimeoutError:
            if (now := _look(files)) == look:
                continue
            look = now
        asked.clear()
        try:
            fresh = await asyncio.to_thread(load, path, options.environ, lenient=False)
            choose_region(fresh.config.regions, service.region, {}, first=False)
            await service.reload_modules()
            if fresh.digest != digest:
                await service.reload(fresh)
            service.confirm_reload()
        except UserFault as fault:
            service.refuse_reload()
            errors = fault.errors if isinstance(fault, ConfigFault) else [fault]
            _log.error("reload refused, the old configuration goes on", errors=[str(error) for error in errors])
            continue
        except Exception as error:  # the daemon's boundary: whatever a reload runs into, what runs goes on
            service.refuse_reload()
            _log.error("reload failed, the old configuration goes on", exc_info=error)
            continue
        digest, files = fresh.digest, _watched(path, fresh, service)
        look = _look(files)


def _watched(path: Path, loaded: Loaded, service: Service) -> list[Path]:
    """The files a configuration rests on. Asking ten thousand checks takes 70 ms, so it is asked once."""
    journeys = {getattr(check, "journey", "").partition("::")[0] for check in loaded.config.checks}
    modules = service.modules_file(loaded)
    return [path, *loaded.files, *(loaded.base / name for name in sorted(journeys) if name), *filter(None, [modules])]


def _look(files: Iterable[Path]) -> tuple[object, ...]:
    """What tells that a file may have changed, without reading it."""
    return tuple(_stamp(file) for file in files)


def _stamp(file: Path) -> tuple[int, int, int]:
    try:
        status = file.stat()
    except OSError:
        return (0, 0, 0)
    return (status.st_mtime_ns, status.st_size, status.st_ino)
