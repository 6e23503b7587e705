"""Whether a run leaves evidence, and where that goes: files of one directory, within bounds, without its secrets."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

from prober.faults import describe
from prober.journey.run import Emit, Run
from prober.journey.veil import Veil
from prober.journey.wanted import EvidenceSettings
from prober.journey.wire import Job
from prober.judge import BrowserExpect, judge
from prober.model import Judgement, Observation, Verdict

VERSION = 1
"""Of evidence.json; within a version keys are only ever added."""
PIECE_BYTES = 12 << 20
RESERVED_BYTES = 2 << 20  # for evidence.json, which is written last and matters most


class Drawer:
    """Keeps files of one run, with the secrets known by then taken out of their names and contents."""

    def __init__(self, job: Job, emit: Emit) -> None:
        self.wanted = EvidenceSettings.model_validate(job.recording)
        self._job = job
        self._emit = emit
        self._dropped: list[dict[str, Any]] = []
        self._left_bytes = (self.wanted.limit_mib << 20) - _size_of_earlier_tries(job)

    @property
    def open(self) -> bool:
        """Whether anything is kept at all."""
        return self._job.artifacts is not None

    def judge(self, seen: Observation) -> Judgement:
        """What the check's expectations make of ``seen``: the prober's judgement, made here while there are pages."""
        return judge(seen, BrowserExpect.model_validate(dict(self._job.expect)), time.time())

    def wants(self, judgement: Judgement) -> bool:
        """Whether a run so judged is to be explained."""
        return self.open and (judgement.verdict is not Verdict.UP or self.wanted.keep == "always")

    @property
    def veil(self) -> Veil:
        """Made anew each time: a journey learns secrets on the way."""
        return Veil(self._job.secrets)

    def keep(self, kind: str, name: str, content: bytes, *, reserve: int = RESERVED_BYTES) -> bool:
        """Write ``content`` as it is; False where it is too large or the disk does not take it, which is told."""
        if not self.open:
            return False
        if len(content) > min(PIECE_BYTES, self._left_bytes - reserve):
            self._drop(kind, len(content), "over the limit")
            return False
        place = Path(self._job.artifacts or "")
        try:
            place.mkdir(parents=True, exist_ok=True)
            (place / name).write_bytes(content)
        except OSError as error:  # a full disk must not turn a finding into an error of ours
            self._drop(kind, len(content), describe(error))
            return False
        self._left_bytes -= len(content)
        self._emit({"event": "artifact", "kind": kind, "path": str(place / name)})
        return True

    def keep_document(self, document: dict[str, Any]) -> None:
        """Write ``evidence.json``."""
        told = self.veil.value({"version": VERSION, **document})
        self.keep("evidence", "evidence.json", json.dumps(told, indent=1, ensure_ascii=False).encode(), reserve=0)

    def name_of(self, label: str) -> str:
        """``label`` as a file's name, without an ending."""
        return re.sub(r"[^A-Za-z0-9]+", "-", self.veil.text(label)).strip("-").lower()[:60] or "picture"

    def _drop(self, kind: str, size_bytes: int, why: str) -> None:
        self._dropped.append({"kind": kind, "bytes": size_bytes, "why": why})
        self._emit({"event": "facts", "artifacts_dropped": list(self._dropped)})


def describe_run(job: Job, run: Run, judgement: Judgement) -> dict[str, Any]:
    """What evidence.json says of the run itself: its ids, how it failed, and the table of its steps."""
    failure = run.failure
    judged = {"verdict": judgement.verdict.value, "reason": judgement.reason.value, "message": judgement.message}
    return {
        "check": job.check_id,
        "run": job.run_id,
        "attempt": job.attempt,
        "trace_id": job.trace_id or None,
        "failure": {"reason": failure.reason.value, "message": failure.message} if failure else None,
        "judgement": judged,
        "steps": [
            {
                "name": step.name,
                "verdict": step.verdict.value if step.verdict else None,
                "began_s": round(step.began - run.began, 4),
                "duration_s": None if step.duration_s is None else round(step.duration_s, 4),
                "message": step.message,
            }
            for step in run.steps
        ],
    }


def _size_of_earlier_tries(job: Job) -> int:
    if job.artifacts is None or job.attempt == 1:
        return 0
    return sum(file.stat().st_size for file in Path(job.artifacts).parent.rglob("*") if file.is_file())
