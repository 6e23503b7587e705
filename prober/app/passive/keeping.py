"""What a restart must not forget beside results and states: runs under way, what stands, and when we last listened."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from prober.app.passive.pulse import OWN, Begun, Pulse, Trouble
from prober.app.passive.rhythm import Rhythm
from prober.faults import describe
from prober.log import Log
from prober.model import Reason, Verdict
from prober.state import State
from prober.store import Store, StoreFault

KEY = "heartbeats"

_log = Log(__name__)


@dataclass(frozen=True, slots=True)
class Kept:
    """As of ``at``, when this prober was listening for the last time as far as is known."""

    at: float | None = None
    pulses: Mapping[str, tuple[str, Pulse]] = field(default_factory=dict)
    """By check id, with the text of the rhythm it had."""


@dataclass
class Keeper:
    """Writes what is known into a store of this prober's own, one write at a time."""

    store: Store
    document: Callable[[], dict[str, Any]]
    """What is to be written, as of now."""
    _writing: asyncio.Task[None] | None = None
    _next: asyncio.Task[None] | None = None

    def read(self) -> Kept:
        """What was written last; nothing where that cannot be read."""
        try:
            document = self.store.recall(KEY)
            return _kept(document) if document else Kept()
        except (StoreFault, KeyError, TypeError, ValueError, AttributeError) as fault:
            _log.error("what was known of heartbeats is not readable, starting anew", error=describe(fault))
            return Kept()

    async def keep(self) -> None:
        """Write what is known now; whoever asks while a write is under way shares the one after it.

        Raises StoreFault.
        """
        if self._next is None:
            self._next = asyncio.create_task(self._write(self._writing))
            self._next.add_done_callback(_forget)
        await asyncio.shield(self._next)

    async def _write(self, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await asyncio.wait({before})
        self._writing, self._next = self._next, None
        await asyncio.to_thread(self.store.remember, KEY, self.document())


def _forget(task: asyncio.Task[None]) -> None:
    if not task.cancelled():
        task.exception()


def document_of(at: float, pulses: Mapping[str, tuple[str, Pulse]]) -> dict[str, Any]:
    """Plain values; what is infinite is null."""
    return {"at": at, "checks": {name: {"rhythm": text, **_plain(one)} for name, (text, one) in pulses.items()}}


def restored(kept: Pulse | None, kept_at: float | None, state: State | None, rhythm: Rhythm) -> Pulse | None:
    """What is known of a check after a restart; None where nothing is.

    The state was committed with every result. Where it is newer than what was kept it says when the check was heard of
    last: a result tells of a run that ended, or of a silence.
    """
    if state is None or not state.last_at or (kept is not None and kept_at is not None and state.last_at <= kept_at):
        return kept
    silent = state.last_reason is Reason.SILENT
    due_at = rhythm.due_again(state.last_at) if silent else rhythm.due_after(state.last_at)
    troubles = {key: one for key, one in (kept.troubles if kept else {}).items() if key != OWN}
    if state.failures and not troubles:
        troubles = {OWN: Trouble(Verdict.DOWN, state.last_reason, state.last_message)}
    before = kept.signal_at if kept else None
    signal_at = before if silent else max(before or 0.0, state.last_at)
    return Pulse(due_at, False, signal_at, kept.runs if kept else {}, troubles)


def _kept(document: Mapping[str, Any]) -> Kept:
    pulses = {check_id: (str(values["rhythm"]), _pulse(values)) for check_id, values in document["checks"].items()}
    return Kept(float(document["at"]), pulses)


def _plain(pulse: Pulse) -> dict[str, Any]:
    return {
        "due_at": _finite(pulse.due_at),
        "lenient": pulse.lenient,
        "signal_at": pulse.signal_at,
        "runs": {rid: [run.at, _finite(run.over_at), run.lenient] for rid, run in pulse.runs.items()},
        "troubles": {
            key: [one.verdict.value, one.reason.value, one.text, _finite(one.until)]
            for key, one in pulse.troubles.items()
        },
    }


def _pulse(values: Mapping[str, Any]) -> Pulse:
    return Pulse(
        _endless(values["due_at"]),
        bool(values["lenient"]),
        values["signal_at"],
        {rid: Begun(at, _endless(over_at), lenient) for rid, (at, over_at, lenient) in values["runs"].items()},
        {
            key: Trouble(Verdict(verdict), Reason(reason), text, _endless(until))
            for key, (verdict, reason, text, until) in values["troubles"].items()
        },
    )


def _finite(at: float) -> float | None:
    return at if at < math.inf else None


def _endless(at: float | None) -> float:
    return math.inf if at is None else float(at)
