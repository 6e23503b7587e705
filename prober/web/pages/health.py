"""How the prober itself is: figures by section, those that somebody should look into first."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from prober.web.auth.who import Answer
from prober.web.pages.frame import Pages

REFRESH_S = 15


def health_page(pages: Pages) -> Answer:
    """The route of ``/health``."""

    async def answer(request: Request) -> Response:
        sections = pages.view.inner()
        unwell = [(section, figure) for section, found in sections.items() for figure in found if not figure.well]
        return pages.page(
            request,
            "health.html",
            sections=sections,
            unwell=unwell,
            alive=pages.view.healthy(),
            ready=pages.view.ready(),
            refresh_s=REFRESH_S,
        )

    return answer
