"""Public status pages: what everybody may see of what is checked. ``query`` is where private becomes public."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import BaseRoute

from prober.web.status.offer import Offer

if TYPE_CHECKING:
    from prober.web.view import View

__all__ = ["Offer", "status_routes"]


def status_routes(view: View) -> list[BaseRoute]:
    """All routes of status pages; none where no page is configured."""
    if view.status is None or view.history is None or not view.status.pages:
        return []
    from prober.web.status.board import Board
    from prober.web.status.pages import page_routes
    from prober.web.status.subscribing import subscription_routes

    board = Board(view.status, view.history, view.clock)
    return [*page_routes(board), *subscription_routes(board)]
