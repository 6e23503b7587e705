"""What the buttons of a check do: run it now, or let nothing be told of it for a while. By forms of our own only."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from prober.faults import Retryable, UserFault
from prober.model import Hush, HushKind
from prober.web.auth import Scope, Who, who_asks
from prober.web.auth.forms import checked_form
from prober.web.auth.who import Answer
from prober.web.making import one_line
from prober.web.pages.frame import Pages
from prober.web.view import Actions

SILENCES_S: Mapping[str, float] = {"1h": 3_600.0, "4h": 4 * 3_600.0, "24h": 86_400.0}
RUN_WAIT_S = 5.0
"""A run that takes longer is left to itself: the page shows it once it is there."""

Do = Callable[[Actions, str, Mapping[str, str], Who, float], Awaitable[str]]


async def _run(actions: Actions, check_id: str, form: Mapping[str, str], who: Who, now: float) -> str:
    running = asyncio.wrap_future(await run_in_threadpool(actions.run_now, check_id))
    try:
        return f"../../runs/{await asyncio.wait_for(asyncio.shield(running), RUN_WAIT_S)}"
    except TimeoutError:
        return f"../{check_id}#runs"
    except asyncio.CancelledError:
        if running.cancelled():
            raise Retryable("the prober is stopping") from None
        raise


async def _silence(actions: Actions, check_id: str, form: Mapping[str, str], who: Who, now: float) -> str:
    seconds = SILENCES_S.get(form.get("for", ""))
    if seconds is None:
        raise HTTPException(400, f"for how long? One of {', '.join(SILENCES_S)}")
    by, reason = who.name or one_line(form.get("by", "")) or "somebody", one_line(form.get("reason", ""), 200)
    hush = Hush(secrets.token_hex(8), HushKind.SILENCE, now, now + seconds, (check_id,), (), reason, by)
    await run_in_threadpool(actions.hush, hush)
    return f"../{check_id}?done=silenced"


DOINGS: Mapping[str, tuple[Scope, Do]] = {"run": (Scope.RUN, _run), "silence": (Scope.ACK, _silence)}


def check_action(pages: Pages) -> Answer:
    """The route of ``POST /checks/{check_id}/{action}``."""

    async def answer(request: Request) -> Response:
        check_id, found = request.path_params["check_id"], DOINGS.get(request.path_params["action"])
        actions = pages.view.actions
        if found is None or actions is None or pages.view.row(check_id) is None:
            raise HTTPException(404)
        (scope, do), who = found, who_asks(request)
        if not who.may(scope):
            raise HTTPException(403 if who.name else 401)
        form = await checked_form(request)
        try:
            return RedirectResponse(await do(actions, check_id, form, who, pages.view.clock.wall()), 303)
        except UserFault as fault:
            raise HTTPException(409, str(fault)) from None
        except Retryable:
            raise HTTPException(503, "it could not be done just now: nothing was changed") from None

    return answer
