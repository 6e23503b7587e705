"""The pages: what they share is made here, and a file each has what one is about."""

from prober.web.making import stamp, templates
from prober.web.pages.frame import Pages

__all__ = ["Pages", "stamp", "templates"]
