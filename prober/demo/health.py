"""The documents behind `/health` and `/health/detailed`, in the shape the platform's monitoring document gives them."""

from __future__ import annotations

import platform
import resource
import time
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import psutil

from prober.demo.dials import SERVICES, Service


class Health:
    """Looks after one shop: `ping_database` raises or returns, `service_down` names the service a dial took away."""

    def __init__(self, ping_database: Callable[[], bool], service_down: Callable[[], Service | None]) -> None:
        self._started_s = time.monotonic()
        self._ping_database = ping_database
        self._service_down = service_down

    def services(self) -> dict[str, str]:
        """Each service as `connected` or `disconnected`."""
        down = {self._service_down()} if self._ping_database() else {self._service_down(), "database"}
        return {service: "disconnected" if service in down else "connected" for service in SERVICES}

    def document(self) -> dict[str, Any]:
        """The basic health: `ok` or, when any service is away, `degraded`."""
        services = self.services()
        return {
            "status": "degraded" if "disconnected" in services.values() else "ok",
            "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "uptime": self._uptime_s(),
            "memory": _memory(),
            "services": services,
        }

    def details(self) -> dict[str, Any]:
        """The detailed health; each service tells its own state."""
        services = self.services()
        return {
            "application": {
                "name": "EventChain Backend",
                "version": version("prober"),
                "environment": "demo",
                "pythonVersion": platform.python_version(),
            },
            "system": {
                "uptime": self._uptime_s(),
                "memory": _memory(),
                "cpu": _cpu(),
                "platform": platform.system().lower(),
            },
            "database": _database(services["database"]),
            "redis": {"status": services["redis"]},
            "external": {"stripe": {"status": services["stripe"]}},
        }

    def _uptime_s(self) -> float:
        return round(time.monotonic() - self._started_s, 3)


def _database(status: str) -> dict[str, Any]:
    if status == "connected":
        return {"status": status, "activeConnections": 1, "maxConnections": 1}
    return {"status": status, "error": "connection refused"}


def _memory() -> dict[str, int]:
    # Node's names, as the document has them; the values are the nearest that Linux knows of any process.
    memory = psutil.Process().memory_info()
    return {
        "rss": memory.rss,
        "heapTotal": memory.data,
        "heapUsed": memory.rss - memory.shared,
        "external": memory.shared,
    }


def _cpu() -> dict[str, int]:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return {"user": round(usage.ru_utime * 1e6), "system": round(usage.ru_stime * 1e6)}
