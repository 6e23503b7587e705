"""Where results are copied to: the sinks, and the archive of evidence, as the configuration has them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from prober.app.artifacts import Archive
from prober.app.assemble import open_sink
from prober.config import Loaded
from prober.model import Result
from prober.sinks import Sink, SinkSpec
from prober.sinks.prometheus import Exposition

FLUSH_S = 5.0


class Outlets:
    """The sinks and the archive in use; what a reload puts out of use is closed aside."""

    def __init__(self, loaded: Loaded, exposition: Exposition) -> None:
        self._exposition = exposition
        self.archive = _open_archive(loaded)
        self._sinks: dict[str, tuple[SinkSpec, Sink]] = {}
        self._closing: set[asyncio.Task[None]] = set()

    @property
    def sinks(self) -> Mapping[str, Sink]:
        """The sinks by name."""
        return {name: sink for name, (_, sink) in self._sinks.items()}

    def adopt(self, loaded: Loaded) -> None:
        """Have what ``loaded`` says from now on."""
        self._adopt_sinks(loaded.config.sinks)
        if loaded.config.artifacts != self.archive.spec:
            before, self.archive = self.archive, _open_archive(loaded)
            self._close_aside(before)

    def linked(self, result: Result) -> Result:
        """``result`` with the addresses of its evidence."""
        return self.archive.linked(result)

    def offer(self, result: Result) -> None:
        """Take ``result``; never blocks, never raises."""
        for _, sink in self._sinks.values():
            sink.offer(result)
        self.archive.offer(result)

    async def close(self) -> None:
        """Let go what was queued, for a while."""
        for task in self._closing:
            task.cancel()
        await asyncio.gather(*self._closing, return_exceptions=True)
        await asyncio.to_thread(self.archive.close, FLUSH_S)
        await asyncio.gather(*(asyncio.to_thread(sink.close, FLUSH_S) for _, sink in self._sinks.values()))

    def _adopt_sinks(self, specs: Sequence[SinkSpec]) -> None:
        wanted = {f"{spec.kind}-{index}" if index else spec.kind: spec for index, spec in enumerate(specs)}
        before, self._sinks = self._sinks, {}
        for name, spec in wanted.items():
            known = before.get(name)
            if known is not None and known[0] == spec:
                self._sinks[name] = before.pop(name)
            else:
                self._sinks[name] = (spec, open_sink(spec, self._exposition))
        for _, sink in before.values():
            self._close_aside(sink)

    def _close_aside(self, outlet: Sink | Archive) -> None:
        task: asyncio.Task[Any] = asyncio.ensure_future(asyncio.to_thread(outlet.close, FLUSH_S))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)


def _open_archive(loaded: Loaded) -> Archive:
    config = loaded.config
    archive = Archive(loaded.base / config.artifacts.dir, config.artifacts, config.web.public_url)
    archive.start()
    return archive
