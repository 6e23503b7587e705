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


_FIELD = descriptor_pb2.FieldDescriptorProto
_SAMPLE = [("value", 1, _FIELD.TYPE_DOUBLE, ""), ("timestamp", 2, _FIELD.TYPE_INT64, "")]
_ONE = {
    "Label": [("name", 1, _FIELD.TYPE_STRING, ""), ("value", 2, _FIELD.TYPE_STRING, "")],
    "Sample": _SAMPLE,
    "TimeSeries": [("labels", 1, _FIELD.TYPE_MESSAGE, "Label"), ("samples", 2, _FIELD.TYPE_MESSAGE, "Sample")],
    "WriteRequest": [("timeseries", 1, _FIELD.TYPE_MESSAGE, "TimeSeries")],
}
_TWO = {
    "Sample": _SAMPLE,
    "Metadata": [("type", 1, _FIELD.TYPE_UINT32, ""), ("help_ref", 3, _FIELD.TYPE_UINT32, "")],
    "TimeSeries": [
        ("labels_refs", 1, _FIELD.TYPE_UINT32, "*"),
        ("samples", 2, _FIELD.TYPE_MESSAGE, "Sample"),
        ("metadata", 5, _FIELD.TYPE_MESSAGE, "Metadata"),
    ],
    "Request": [("symbols", 4, _FIELD.TYPE_STRING, "*"), ("timeseries", 5, _FIELD.TYPE_MESSAGE, "TimeSeries")],
}
_ONCE = ("metadata",)


def _message(package: str, messages: dict[str, list[tuple[str, int, Any, str]]], wanted: str) -> Any:
    """The class of the message ``wanted``, as the specification declares it; ``*`` is a repeated plain field."""
    file = descriptor_pb2.FileDescriptorProto(name=f"{package}.proto", package=package, syntax="proto3")
    for name, fields in messages.items():
        message = file.message_type.add(name=name)
        for one, number, kind, of in fields:
            label = _FIELD.LABEL_REPEATED if of and one not in _ONCE else _FIELD.LABEL_OPTIONAL
            told = message.field.add(name=one, number=number, type=kind, label=label)
            if of and of != "*":
                told.type_name = f".{package}.{of}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{package}.{wanted}"))


WriteRequest = _message("prometheus", _ONE, "WriteRequest")
Request = _message("io.prometheus.write.v2", _TWO, "Request")
KINDS = {0: "unknown", 1: "counter", 2: "gauge", 3: "histogram"}


class Store(Receiver):
    """Every series' samples in the order they came: time in milliseconds and value, None for the end of a series."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.series: dict[Labels, list[tuple[int, float | None]]] = {}
        self.about: dict[str, tuple[str, str]] = {}
        """What 2.0 says of names: their kind, and their help."""
        self.speaks_two = False
        self._stored = threading.Condition()

    def take(self, posted: Posted) -> Answer:
        answer = super().take(posted)
        if answer is not self.always:
            return answer
        with self._stored:
            self._stored.notify_all()
            try:
                if "v2" in posted.headers["Content-Type"]:
                    return self._store_two(posted)
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
            self._keep(labels, one.samples)

    def _store_two(self, posted: Posted) -> Answer:
        if not self.speaks_two:
            return Answer(415)
        assert posted.headers["Content-Type"] == "application/x-protobuf;proto=io.prometheus.write.v2.Request"
        assert posted.headers["X-Prometheus-Remote-Write-Version"] == "2.0.0"
        request = Request.FromString(bytes(cramjam.snappy.decompress_raw(posted.raw)))
        symbols, written = list(request.symbols), 0
        assert symbols[0] == "", "the first symbol is empty"
        assert len(set(symbols)) == len(symbols), "a symbol stands there twice"
        for one in request.timeseries:
            texts = [symbols[ref] for ref in one.labels_refs]
            labels = tuple(zip(texts[::2], texts[1::2], strict=True))
            names = texts[::2]
            assert names == sorted(set(names)), f"labels not sorted, or twice: {names}"
            assert all(texts), "an empty label"
            self.about[dict(labels)["__name__"]] = KINDS[one.metadata.type], symbols[one.metadata.help_ref]
            self._keep(labels, one.samples)
            written += len(one.samples)
        return Answer(204, b"", {"X-Prometheus-Remote-Write-Samples-Written": str(written)})

    def _keep(self, labels: Labels, samples: Any) -> None:
        for sample in samples:
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
