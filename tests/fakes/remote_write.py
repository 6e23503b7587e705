"""A remote write receiver as strict as the specification, on protobuf's own decoder, and a real Prometheus."""

from __future__ import annotations

import re
import struct
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cramjam
import httpx
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from fakes.receiver import Answer, Posted, Receiver, receiver

STALE = 0x7FF0000000000002
COMMAND = "prometheus"
Labels = tuple[tuple[str, str], ...]


def _write_request() -> Any:
    field = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="prompb.proto", package="prometheus", syntax="proto3")
    for name, fields in {
        "Label": [("name", 1, field.TYPE_STRING, ""), ("value", 2, field.TYPE_STRING, "")],
        "Sample": [("value", 1, field.TYPE_DOUBLE, ""), ("timestamp", 2, field.TYPE_INT64, "")],
        "TimeSeries": [("labels", 1, field.TYPE_MESSAGE, "Label"), ("samples", 2, field.TYPE_MESSAGE, "Sample")],
        "WriteRequest": [("timeseries", 1, field.TYPE_MESSAGE, "TimeSeries")],
    }.items():
        message = file.message_type.add(name=name)
        for one, number, kind, of in fields:
            label = field.LABEL_REPEATED if of else field.LABEL_OPTIONAL
            told = message.field.add(name=one, number=number, type=kind, label=label)
            if of:
                told.type_name = f".prometheus.{of}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("prometheus.WriteRequest"))


WriteRequest = _write_request()


class Store(Receiver):
    """Every series' samples in the order they came: time in milliseconds and value, None for the end of a series."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.series: dict[Labels, list[tuple[int, float | None]]] = {}
        self._stored = threading.Condition()

    def take(self, posted: Posted) -> Answer:
        answer = super().take(posted)
        if answer is not self.always:
            return answer
        with self._stored:
            self._stored.notify_all()
            try:
                self._store(posted)
            except AssertionError as error:
                return Answer(400, str(error).encode())
        return Answer(204, b"")

    def wait_until(self, seen: Callable[[], Any], timeout_s: float = 20.0) -> None:
        """Wait for what was written to be as ``seen`` wants it."""
        with self._stored:
            assert self._stored.wait_for(seen, timeout_s), "it never came"

    def _store(self, posted: Posted) -> None:
        assert posted.headers["Content-Encoding"] == "snappy"
        assert posted.headers["Content-Type"] == "application/x-protobuf"
        assert posted.headers["X-Prometheus-Remote-Write-Version"] == "0.1.0"
        assert posted.headers["User-Agent"].startswith("prober/")
        request = WriteRequest.FromString(bytes(cramjam.snappy.decompress_raw(posted.raw)))
        assert request.timeseries, "nothing in it"
        for one in request.timeseries:
            labels = tuple((label.name, label.value) for label in one.labels)
            names = [name for name, _ in labels]
            assert names == sorted(set(names)), f"labels not sorted, or twice: {names}"
            assert "__name__" in names, "no name"
            assert all(value for _, value in labels), "an empty label"
            for sample in one.samples:
                known = self.series.setdefault(labels, [])
                assert not known or known[-1][0] < sample.timestamp, "out of order"
                bits = struct.unpack("<Q", struct.pack("<d", sample.value))[0]
                known.append((sample.timestamp, None if bits == STALE else sample.value))

    def named(self, name: str, **wanted: str) -> list[tuple[int, float | None]]:
        """The samples of the one series called ``name`` with ``wanted`` labels; empty when there is none."""
        asked = {"__name__": name, **wanted}.items()
        found = [samples for labels, samples in self.series.items() if asked <= dict(labels).items()]
        assert len(found) <= 1, f"{len(found)} series"
        return found[0] if found else []


@contextmanager
def store() -> Iterator[Store]:
    """A running fake on loopback."""
    with receiver(Store) as running:
        yield running


class Prometheus:
    """What it holds, by its API."""

    def __init__(self, url: str) -> None:
        self.url = url

    def query(self, text: str) -> list[dict[str, Any]]:
        """The instant vector of ``text``."""
        answer = httpx.get(f"{self.url}/api/v1/query", params={"query": text}, timeout=10).raise_for_status()
        found: list[dict[str, Any]] = answer.json()["data"]["result"]
        return found

    def exemplars(self, text: str, since: float, until: float) -> list[dict[str, Any]]:
        """The exemplars of the series of ``text``."""
        params: dict[str, str | float] = {"query": text, "start": since, "end": until}
        answer = httpx.get(f"{self.url}/api/v1/query_exemplars", params=params, timeout=10).raise_for_status()
        return [exemplar for series in answer.json()["data"] for exemplar in series["exemplars"]]


@contextmanager
def prometheus(folder: Path, config: str = "{}") -> Iterator[Prometheus]:
    """A real one (Debian's prometheus) that takes remote write, on a free port."""
    (folder / "prometheus.yml").write_text(config)
    arguments = [
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        "--web.listen-address=127.0.0.1:0",
        "--web.enable-remote-write-receiver",
        "--enable-feature=exemplar-storage",
    ]
    with subprocess.Popen([COMMAND, *arguments], stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            address = ""
            for line in process.stderr:
                if found := re.search(r"Listening on\D* address=(127\.0\.0\.1:\d+)", line):
                    address = found[1]
                if "Server is ready to receive web requests" in line:
                    break
            yield Prometheus(f"http://{address}")
        finally:
            process.terminate()
            process.communicate()
