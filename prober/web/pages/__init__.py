"""The pages: what they share is made here, and a file each has what one is about."""

from prober.web.pages.frame import Pages
from prober.web.pages.making import stamp, templates

__all__ = ["Pages", "stamp", "templates"]
