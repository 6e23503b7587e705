"""The web side: /metrics, health, the status page and the pages behind links in notices, in a thread of its own."""

from prober.web.app import create_app
from prober.web.server import WebServer
from prober.web.signing import holds, incident_links
from prober.web.view import Actions, Asked, Figure, Health, Marker, Matter, Replies, Row, View

__all__ = [
    "Actions",
    "Asked",
    "Figure",
    "Health",
    "Marker",
    "Matter",
    "Replies",
    "Row",
    "View",
    "WebServer",
    "create_app",
    "holds",
    "incident_links",
]
