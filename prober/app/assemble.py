"""From a Config to live objects: the one place that knows every room."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from importlib import import_module
from inspect import signature
from pathlib import Path
from types import ModuleType
from typing import Any
from weakref import ref

from prober.app.guarded import Guarded
from prober.app.logs import LogFiles, configure_logs
from prober.clock import Clock
from prober.config import Config, Loaded
from prober.curl import Curl, Way
from prober.engine import Engine
from prober.faults import ConfigFault
from prober.model import Check, Observation
from prober.net import Net, prepare
from prober.probes import KINDS, Context, Flight, Landed, Probe, Starter
from prober.secret import Redactor
from prober.sinks import SINKS, Sink, SinkSpec
from prober.sinks.prometheus import Exposition


def redactor_for(loaded: Loaded) -> Redactor:
    """A redactor over every secret of the configuration."""
    return Redactor(loaded.secrets)


def open_logs(loaded: Loaded) -> None:
    """Write the log as the configuration says."""
    logs = loaded.config.logs
    files = LogFiles(loaded.base / logs.dir, logs.max_bytes, logs.keep) if logs.dir else None
    configure_logs(redactor_for(loaded), logs.format, logs.level, files=files)


def require_resolved(loaded: Loaded, checks: Iterable[Check], *sections: str) -> None:
    """Raise ConfigFault where ``checks`` or ``sections`` use references that lead to nothing."""
    lacking = loaded.lacking(checks, *sections)
    if lacking:
        raise ConfigFault(loaded.source, lacking)


@asynccontextmanager
async def open_engine(
    loaded: Loaded,
    kinds: Iterable[str],
    region: str,
    clock: Clock,
    environ: Mapping[str, str],
    *,
    artifacts: Path | None,
    certificates: bool = True,
    stalled_since: Callable[[float], float] = lambda _: 0.0,
    shelf: Mapping[str, str] = KINDS,
) -> AsyncIterator[Engine]:
    """An engine that can run ``kinds`` of ``shelf``; what they need between runs is opened here, closed at the end.

    ``certificates`` is whether some are likely to be read; they are even where that was not expected.
    """
    async with AsyncExitStack() as stack:
        if certificates:
            prepare()
        net = Net()
        stack.push_async_callback(net.close)
        probes, starters = await _open_probes(stack, loaded, {kind: shelf[kind] for kind in kinds}, environ)
        yield Engine(
            region,
            probes,
            _caps(loaded.config),
            net,
            clock,
            artifacts=artifacts,
            stalled_since=stalled_since,
            redactor=redactor_for(loaded),
            starters=starters,
        )


def _caps(config: Config) -> Mapping[str, int]:
    return config.caps()


async def _open_probes(
    stack: AsyncExitStack, loaded: Loaded, kinds: Mapping[str, str], environ: Mapping[str, str]
) -> tuple[dict[str, Probe], dict[str, Starter]]:
    config, base = loaded.config, loaded.base
    curl: Curl | None = None
    probes: dict[str, Probe] = {}
    starters: dict[str, Starter] = {}
    for kind, name in sorted(kinds.items()):
        module = import_module(name)
        if hasattr(module, "open_probe"):
            # A browser has slots of its own; the other kinds with workers are told their cap.
            sized = {"slots": config.concurrency[kind]} if kind in config.concurrency else {}
            opened = module.open_probe(config.browser, environ, base, **sized)
            probes[kind] = await stack.enter_async_context(opened)
        elif hasattr(module, "request"):
            if curl is None:
                curl = Curl()
                stack.callback(curl.close)
            probes[kind] = _on_curl(curl, module)
            starters[kind] = _started_on_curl(curl, module)
        else:
            probes[kind] = module.probe
            if hasattr(module, "start"):
                starters[kind] = module.start
    return probes, starters


def _on_curl(curl: Curl, kind: ModuleType) -> Probe:
    async def probe(check: Any, context: Context) -> Observation:
        exchange = await curl.fetch(kind.request(check, context), context.net, context.deadline)
        observation: Observation = kind.observe(exchange)
        return observation

    return probe


def _started_on_curl(curl: Curl, kind: ModuleType) -> Starter:
    ways: dict[int, tuple[ref[Check], Way]] = {}
    """What a check asks, made once, and gone with it."""

    def way_of(check: Check, context: Context) -> Way:
        key = id(check)
        if key in ways:
            return ways[key][1]
        way = curl.way(kind.request(check, context))
        if not way.request.trace_id:  # a trace is of one run
            ways[key] = ref(check, lambda _: ways.pop(key)), way
        return way

    def start(check: Check, context: Context, landed: Landed) -> Flight | None:
        way = way_of(check, context)
        return curl.start(way, context.net, context.deadline, lambda exchange: landed(lambda: kind.observe(exchange())))

    return start


def require_sinks(specs: Iterable[SinkSpec]) -> None:
    """Raise UserFault where a sink needs what is not installed."""
    for spec in specs:
        require = getattr(import_module(SINKS[spec.kind]), "require", None)
        if require is not None:
            require()


def open_sink(spec: SinkSpec, exposition: Exposition) -> Sink:
    """The sink that ``spec`` describes; its library is imported only now. Raises UserFault."""
    module = import_module(SINKS[spec.kind])
    shared = {"exposition": exposition} if "exposition" in signature(module.open_sink).parameters else {}
    sink: Sink = module.open_sink(spec, **shared)
    return sink if spec.kind in SINKS.built_in else Guarded(sink, spec.kind)
