"""Incidents: the list, one with all that happened in it, and the pages behind the links in notices."""

from prober.web.incidents.links import incident_page
from prober.web.incidents.pages import incident_routes

__all__ = ["incident_page", "incident_routes"]
