"""A real gRPC server with the standard health service."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

STATUS = health_pb2.HealthCheckResponse


@contextmanager
def healthy(
    services: dict[str, int], *, implemented: bool = True, tls: tuple[bytes, bytes] | None = None
) -> Iterator[tuple[int, list[dict[str, object]]]]:
    """The port of a server whose ``services`` have these states, and the metadata of what it was asked."""
    heard: list[dict[str, object]] = []

    class Listening(grpc.ServerInterceptor):  # type: ignore[misc]
        def intercept_service(self, continuation: object, details: object) -> object:
            metadata: dict[str, object] = {}
            for key, value in details.invocation_metadata:  # type: ignore[attr-defined]
                metadata[key] = [*metadata.get(key, []), value]  # type: ignore[misc]
            heard.append(metadata)
            return continuation(details)  # type: ignore[operator]

    with ThreadPoolExecutor(2) as pool:
        server = grpc.server(pool, interceptors=(Listening(),))
        if implemented:
            servicer = health.HealthServicer()
            for name, status in services.items():
                servicer.set(name, status)
            health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
        if tls:
            port = server.add_secure_port("localhost:0", grpc.ssl_server_credentials([tls]))
        else:
            port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        try:
            yield port, heard
        finally:
            server.stop(None).wait()
