"""Results as lines of JSON: to a file that is rotated and whose disk fills up, and to stdout."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fakes.results import Target, browser_result, http_result

from prober.config import load
from prober.model import Result
from prober.rotation import RotatingFile
from prober.sinks._lane import Lane, Limits
from prober.sinks.ndjson import Spec, _line, _outlet, _ToStream, open_sink

CHECK = Target(id="storefront")
GRACE_S = 20.0
NONE_DROPPED = {"full": 0, "thinned": 0, "old": 0, "rejected": 0, "failed": 0}


def spec(path: Path | str, **more: Any) -> Spec:
    return Spec.model_validate({"kind": "ndjson", "path": str(path), "flush_interval": "50ms", **more})


def runs(count: int) -> list[Result]:
    return [replace(http_result(CHECK), run_id=f"run-{number}") for number in range(count)]


def names(*files: Path) -> list[str]:
    return [json.loads(line)["run_id"] for file in files for line in file.read_text().splitlines()]


def written(spec: Spec, *results: Result) -> dict[str, int]:
    sink = open_sink(spec)
    for one in results:
        sink.offer(one)
    sink.close(GRACE_S)
    assert sink.queued == 0
    return dict(sink.dropped)


@contextmanager
def small_files(size: int) -> Iterator[None]:
    """No file of this process grows beyond ``size``: what a full disk is like, without one."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def test_a_result_is_a_line_with_all_that_run_json_has(tmp_path: Path) -> None:
    file = tmp_path / "new" / "results.ndjson"
    assert written(spec(file), *runs(2), browser_result(Target(id="buy", kind="browser"))) == NONE_DROPPED
    first, _, journey = map(json.loads, file.read_text().splitlines())
    assert (first["check"], first["verdict"], first["phases"]["tls"]) == ("storefront", "up", 0.03)
    assert journey["steps"][0]["navigations"][0]["lcp_s"] == 0.9


def test_the_path_is_relative_to_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "probes.yaml").write_text("sinks: [{kind: ndjson, path: out/results.ndjson}, {kind: ndjson}]\n")
    first, second = load(tmp_path / "probes.yaml", {}, lenient=False).config.sinks
    assert isinstance(first, Spec)
    assert isinstance(second, Spec)
    assert (first.path, second.path) == (str(tmp_path / "out/results.ndjson"), "-")


def test_a_full_file_is_set_aside_and_the_oldest_goes(tmp_path: Path) -> None:
    file = tmp_path / "results.ndjson"
    assert written(spec(file, max_bytes=4096, keep=2), *runs(20)) == NONE_DROPPED
    kept = [tmp_path / "results.ndjson.2", tmp_path / "results.ndjson.1", file]
    assert sorted(tmp_path.iterdir()) == sorted(kept)
    assert all(one.stat().st_size <= 4096 for one in kept)
    found = names(*kept)
    assert found == [f"run-{number}" for number in range(20 - len(found), 20)]


def test_with_none_to_keep_a_full_file_just_begins_anew(tmp_path: Path) -> None:
    file = tmp_path / "results.ndjson"
    written(spec(file, max_bytes=4096, keep=0), *runs(20))
    assert [one.name for one in tmp_path.iterdir()] == ["results.ndjson"]
    assert names(file)[-1] == "run-19"
    assert file.stat().st_size <= 4096


def test_a_file_that_somebody_else_rotated_or_removed_is_made_anew(tmp_path: Path) -> None:
    file = RotatingFile(tmp_path / "log", 1000, 2)
    file.write(b"one\n")
    (tmp_path / "log").rename(tmp_path / "log.old")
    file.write(b"two\n")
    (tmp_path / "log").unlink()
    file.write(b"three\n")
    file.close()
    assert (tmp_path / "log.old").read_text() == "one\n"
    assert (tmp_path / "log").read_text() == "three\n"


def test_a_line_that_a_crash_cut_off_spoils_no_other(tmp_path: Path) -> None:
    file = tmp_path / "results.ndjson"
    file.write_text('{"run_id": "ru')
    written(spec(file), *runs(1))
    assert names_after_first(file) == ["run-0"]


def names_after_first(file: Path) -> list[str]:
    return [json.loads(line)["run_id"] for line in file.read_text().splitlines()[1:]]


def test_several_writers_lose_and_tear_no_line(tmp_path: Path) -> None:
    def write(name: str) -> None:
        file = RotatingFile(tmp_path / "log", 2000, 100)
        for number in range(200):
            file.write(f"{name}-{number:04}-{'x' * 40}\n".encode())
        file.close()

    threads = [threading.Thread(target=write, args=(name,)) for name in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    files = list(tmp_path.iterdir())
    lines = [line for file in files for line in file.read_text().splitlines()]
    assert len(lines) == len(set(lines)) == 600
    assert {len(line) for line in lines} == {len("a-0000-") + 40}
    assert len(files) > 10


def test_on_a_full_disk_nothing_is_torn_and_all_is_written_once_there_is_room(tmp_path: Path) -> None:
    file = RotatingFile(tmp_path / "log", 10_000, 2)
    with small_files(100):
        file.write(b"a" * 49 + b"\n")
        with pytest.raises(OSError, match="File too large"):
            file.write(b"b" * 99 + b"\n")
        assert (tmp_path / "log").stat().st_size == 50
    file.write(b"c" * 99 + b"\n")
    file.close()
    assert [line[0] for line in (tmp_path / "log").read_text().splitlines()] == ["a", "c"]


def test_a_sink_on_a_full_disk_counts_and_goes_on(tmp_path: Path) -> None:
    limits = Limits(queue_bytes=30_000, flush_s=0.01, backoff_base_s=0.01, backoff_cap_s=0.01)
    place = tmp_path / "place"
    place.write_text("a file where a directory is needed")
    lane = Lane("ndjson", _line, lambda: _outlet(spec(place / "results.ndjson")), limits)
    lane.start()
    for one in runs(100):
        lane.offer(one)
    dropped = sum(lane.dropped.values())
    assert dropped > 50
    assert lane.queued + dropped == 100
    place.unlink()  # room again
    lane.close(GRACE_S)
    assert sum(lane.dropped.values()) == dropped
    assert len(names(place / "results.ndjson")) == 100 - dropped


def test_what_cannot_be_written_at_the_end_is_counted(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    sink = open_sink(spec(tmp_path / "file" / "results.ndjson"))
    for one in runs(3):
        sink.offer(one)
    sink.close(0.1)
    assert dict(sink.dropped) == {**NONE_DROPPED, "failed": 3}
    sink.offer(runs(1)[0])
    assert sink.dropped["full"] == 1


def test_stdout_takes_lines_until_nobody_reads_it() -> None:
    reads, writes = os.pipe()
    outlet = _ToStream(writes)
    batch = [entry(one) for one in runs(2)]
    assert outlet.put(batch).problem == ""
    assert [json.loads(line)["run_id"] for line in os.read(reads, 1 << 16).splitlines()] == ["run-0", "run-1"]
    os.close(reads)
    taken = outlet.put(batch)
    assert (list(taken.again), taken.rejected) == ([], 2)
    assert "nobody reads stdout" in taken.problem
    os.close(writes)


def test_a_line_on_stdout_that_was_cut_off_is_ended_before_the_next(tmp_path: Path) -> None:
    with (tmp_path / "out").open("wb") as out:
        outlet = _ToStream(out.fileno())
        first, second = (entry(one) for one in runs(2))
        with small_files(len(first.body) + 11):
            taken = outlet.put([first, second])
        assert list(taken.again) == [second]
        assert outlet.put([second]).again == ()
    whole, torn, again = (tmp_path / "out").read_bytes().splitlines()
    assert (whole, torn, again) == (first.body, second.body[:10], second.body)


def entry(result: Result) -> Any:
    from prober.sinks._lane import Entry

    return Entry(*_line(result), 0.0)


def test_prober_run_publishes_lines_on_stdout(tmp_path: Path) -> None:
    (tmp_path / "probes.yaml").write_text("""
sinks: [{kind: ndjson}]
checks: [{id: closed, kind: tcp, address: "127.0.0.1:1"}]
""")
    command = [sys.executable, "-m", "prober", "run", "--publish", "--json", "whole.json"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert lines == json.loads((tmp_path / "whole.json").read_text())["results"]
