"""What every page gets: the templates, the header's values, the way back to the root, digests of assets."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jinja2 import Environment
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from prober.web.auth import Scope, who_asks
from prober.web.making import templates, to_top
from prober.web.view import View

STATIC = Path(__file__).parent.parent / "static"


def _digests() -> dict[str, str]:
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()[:12] for path in STATIC.iterdir() if path.is_file()
    }


@dataclass(frozen=True, slots=True)
class Pages:
    """Made once, and given to whoever makes pages over ``view``."""

    view: View
    environment: Environment = field(default_factory=templates)
    digests: dict[str, str] = field(default_factory=_digests)
    """Of what is in ``static/``, so that browsers may keep it."""

    def page(self, request: Request, template: str, *, status: int = 200, **values: Any) -> Response:
        """``template`` with ``values`` and with what ``layout.html`` needs."""
        # Half surrogate pairs, which a target may send, must not cost the page.
        content = self.text(request, template, **values).encode("utf-8", "replace")
        return HTMLResponse(content, status)

    def text(self, request: Request, template: str, **values: Any) -> str:
        """The same, as text."""
        return self.environment.get_template(template).render(**self._shared(request), **values)

    def _shared(self, request: Request) -> dict[str, Any]:
        # Relative links, so that a proxy may serve all of it below a path of its own.
        return {
            "root": to_top(request),
            "digests": self.digests,
            "region": self.view.region,
            "now": self.view.clock.wall(),
            "who": who_asks(request),
            "Scope": Scope,
        }
