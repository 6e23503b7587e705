"""The web side: metrics, health, pages, the API, public status pages, and the pages behind links in notices."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from prober.web.app import create_app
    from prober.web.listening import listen
    from prober.web.server import WebServer
    from prober.web.signing import holds, incident_links
    from prober.web.view import Actions, Asked, Figure, Health, Marker, Matter, Replies, Row, Signals, Told, View

__all__ = [
    "Actions",
    "Asked",
    "Figure",
    "Health",
    "Marker",
    "Matter",
    "Replies",
    "Row",
    "Signals",
    "Told",
    "View",
    "WebServer",
    "create_app",
    "holds",
    "incident_links",
    "listen",
]

# Where a process of its own serves, the prober itself loads none of what pages are made with.
_FILES = {
    "app": ("create_app",),
    "listening": ("listen",),
    "server": ("WebServer",),
    "signing": ("holds", "incident_links"),
    "view": (
        *("Actions", "Asked", "Figure", "Health", "Marker", "Matter"),
        *("Replies", "Row", "Signals", "Told", "View"),
    ),
}
_FILE_OF = {name: file for file, names in _FILES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _FILE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"{__name__}.{_FILE_OF[name]}"), name)
    return value
