"""The read side: /metrics, /healthz, /readyz and the status page, served by a thread of its own."""

from prober.web.app import create_app
from prober.web.server import WebServer
from prober.web.signing import incident_links
from prober.web.view import Health, Row, View

__all__ = ["Health", "Row", "View", "WebServer", "create_app", "incident_links"]
