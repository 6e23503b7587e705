"""Evidence on disk: found by its id alone, kept by age and count, copied to S3; never in the way of a probe."""

from __future__ import annotations

import json
import shutil
import threading
import time
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from prober.config.sections import Artifacts
from prober.faults import describe
from prober.log import Log
from prober.model import Result

INDEX = "index.json"
QUEUED = 200  # runs waiting to be written down and copied; the oldest go first

_log = Log(__name__)


@dataclass(frozen=True, slots=True)
class Kept:
    """One file of one run."""

    id: str
    kind: str
    path: Path


class Archive:
    """The evidence of one ``artifacts`` section; a thread of its own does whatever takes time."""

    def __init__(self, directory: Path, spec: Artifacts, public_url: str | None = None) -> None:
        self.directory = directory
        self.spec = spec
        self._public_url = public_url.rstrip("/") if public_url else None
        self._known: dict[str, Kept] = {}
        self._changed = threading.Condition()
        self._queue: deque[tuple[Path, tuple[Kept, ...]]] = deque()
        self._uploads: Counter[str] = Counter(sent=0, failed=0, dropped=0)
        self._ends_at: float | None = None
        self._thread = threading.Thread(target=self._run, name="artifacts", daemon=True)

    def start(self) -> None:
        """Learn what is there and take what comes."""
        self._thread.start()

    def linked(self, result: Result) -> Result:
        """``result`` with the addresses of its artifacts, where the web side has one that people reach."""
        artifacts = result.observation.artifacts
        if self._public_url is None or not artifacts:
            return result
        told = tuple(replace(one, url=f"{self._public_url}/artifacts/{one.id}") if one.id else one for one in artifacts)
        return replace(result, observation=replace(result.observation, artifacts=told))

    def offer(self, result: Result) -> None:
        """Take the artifacts of ``result``; never blocks, never raises."""
        files = kept_of(result) if result.observation.artifacts else ()
        if not files:
            return
        with self._changed:
            self._known |= {file.id: file for file in files}
            if self._ends_at is not None or len(self._queue) >= QUEUED:
                self._uploads["dropped"] += len(files)
                return
            self._queue.append((self.directory / result.check.id / result.run_id, files))
            self._changed.notify()

    def find(self, identity: str) -> tuple[Path, str] | None:
        """The path and kind of the artifact of that id, while it is kept."""
        found = self._known.get(identity)
        return (found.path, found.kind) if found and found.path.is_file() else None

    def prune(self, now: float) -> int:
        """Remove runs that are too old or, for their check, too many at wall time ``now``; how many went."""
        gone = prune(self.directory, now - self.spec.keep, self.spec.keep_runs)
        with self._changed:
            self._known = {identity: kept for identity, kept in self._known.items() if kept.path.parent.is_dir()}
        return gone

    def close(self, grace_s: float) -> None:
        """Copy what is queued, for at most ``grace_s`` seconds, and stop."""
        with self._changed:
            self._ends_at = time.monotonic() + grace_s
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join(grace_s)
        with self._changed:
            self._uploads["dropped"] += sum(len(files) for _, files in self._queue)
            self._queue.clear()

    @property
    def uploads(self) -> Mapping[str, int]:
        """Files by what became of their copies: ``sent``, ``failed``, ``dropped``; empty without S3."""
        with self._changed:
            return dict(self._uploads) if self.spec.s3 else {}

    def _run(self) -> None:
        found = {file.id: file for file in read_indexes(self.directory)}
        with self._changed:
            self._known = found | self._known
        bucket = None
        if self.spec.s3:
            # boto3 takes half a second to import, which nothing but this thread should wait for.
            from prober.app.bucket import Bucket

            bucket = Bucket(self.spec.s3)
        while (run := self._next()) is not None:
            place, files = run
            write_index(place, files)
            if self.spec.keep_runs:
                prune_count(place.parent, self.spec.keep_runs)
            if bucket:
                self._count(bucket.copy(self.directory, [file.path for file in files]))

    def _next(self) -> tuple[Path, tuple[Kept, ...]] | None:
        with self._changed:
            self._changed.wait_for(lambda: self._queue or self._ends_at is not None)
            late = self._ends_at is not None and time.monotonic() > self._ends_at
            return self._queue.popleft() if self._queue and not late else None

    def _count(self, outcomes: Mapping[str, int]) -> None:
        with self._changed:
            self._uploads.update(outcomes)


def kept_of(result: Result) -> tuple[Kept, ...]:
    """The artifacts of ``result`` that can be asked for."""
    return tuple(Kept(one.id, one.kind, Path(one.path)) for one in result.observation.artifacts if one.id)


def write_index(place: Path, files: Sequence[Kept]) -> None:
    """Write down in a run's directory which id stands for which of its files; what cannot be written is logged."""
    listed = [{"id": f.id, "kind": f.kind, "file": str(f.path.relative_to(place.resolve()))} for f in files]
    try:
        (place / INDEX).write_text(json.dumps(listed, indent=1), encoding="utf-8")
    except OSError as error:
        _log.warning("evidence cannot be listed", place=str(place), error=describe(error))


def read_indexes(directory: Path) -> Iterator[Kept]:
    """Every artifact below ``directory``; an index that lies or cannot be read is passed over."""
    for index in directory.glob(f"*/*/{INDEX}"):
        try:
            listed = [(str(one["id"]), str(one["kind"]), str(one["file"])) for one in json.loads(index.read_text())]
        except (OSError, ValueError, TypeError, KeyError):
            continue
        place = index.parent.resolve()
        for identity, kind, file in listed:
            path = (place / file).resolve()
            if path.is_relative_to(place):
                yield Kept(identity, kind, path)


def prune(directory: Path, before: float, keep_runs: int | None = None) -> int:
    """Remove runs last touched before wall time ``before``, and all but the newest ``keep_runs`` of each check."""
    gone = sum(_remove(run) for run in _runs(directory.glob("*/*")) if _touched(run) < before)
    if keep_runs:
        gone += sum(prune_count(check, keep_runs) for check in directory.glob("*") if check.is_dir())
    return gone


def prune_count(check: Path, keep_runs: int) -> int:
    """Remove all but the newest ``keep_runs`` runs in the directory of one check; how many went."""
    runs = sorted(_runs(check.glob("*")), key=_touched, reverse=True)
    return sum(_remove(run) for run in runs[keep_runs:])


def _runs(found: Iterator[Path]) -> Iterator[Path]:
    return (path for path in found if path.is_dir() and not path.is_symlink())


def _touched(run: Path) -> float:
    try:
        return run.stat().st_mtime
    except OSError:  # removed meanwhile
        return 0.0


def _remove(run: Path) -> bool:
    shutil.rmtree(run, ignore_errors=True)
    return not run.exists()
