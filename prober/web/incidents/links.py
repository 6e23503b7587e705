"""The pages behind the links in notices. They only ask, since chats open every link they show; their form acts."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from jinja2 import Template
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from prober.clock import Clock
from prober.faults import Retryable
from prober.model import format_lasting
from prober.web.auth.forms import read_form
from prober.web.incidents.choices import silences
from prober.web.making import NAME_CHARS, one_line
from prober.web.pages import stamp, templates
from prober.web.signing import ACTIONS
from prober.web.view import Matter, Replies, View

FORM_BYTES = 2_048
MOST_FIELDS = 10
AT_ONCE = 4
"""So many requests ask the store at a time; while it does not answer, the rest of the web side goes on."""

Answer = Callable[[Request], Awaitable[Response]]


def incident_page(view: View) -> Answer:
    """The route of the pages to acknowledge and to silence an incident."""
    turns = asyncio.Semaphore(AT_ONCE)
    environment = templates()
    pages = _Pages(view.clock, environment.get_template("incident.html"), environment.get_template("said.html"))

    async def page(request: Request) -> Response:
        action, incident_id = request.path_params["action"], request.path_params["incident_id"]
        if view.replies is None or action not in ACTIONS:
            raise HTTPException(404)
        try:
            if not view.replies.verify(action, incident_id, request.query_params.get("sig", "")):
                return pages.say(
                    403, "This link is not valid", "It is not as it was sent. Take it from the alert again."
                )
            form = await read_form(request, FORM_BYTES, MOST_FIELDS) if request.method == "POST" else None
            async with turns:
                return await run_in_threadpool(_answer, pages, view.replies, action, incident_id, form)
        except Retryable:
            return pages.say(503, "The store is away", "Nothing was changed. Try again in a minute.")

    return page


def _answer(pages: _Pages, replies: Replies, action: str, incident_id: str, form: dict[str, str] | None) -> Response:
    matter = replies.matter(incident_id)
    if matter is None:
        return pages.say(404, "There is no such incident", "It is over for so long that nothing of it is kept.")
    if form is None:
        return pages.ask(action, matter)
    by, seconds = one_line(form.get("by", "")), pages.choices().get(form.get("for", ""), (0.0, ""))[0]
    if not by:
        return pages.ask(action, matter, "Say who you are.")
    if action == "ack":
        return pages.tell(action, replies.ack(incident_id, by) or matter, "")
    if not seconds:
        return pages.ask(action, matter, "Choose for how long.")
    until = stamp(pages.clock.wall() + seconds)
    return pages.tell(action, replies.silence(incident_id, seconds, by) or matter, f"Silenced until {until}.")


@dataclass(frozen=True, slots=True)
class _Pages:
    """What is answered."""

    clock: Clock
    incident: Template
    said: Template

    def ask(self, action: str, matter: Matter, complaint: str = "") -> Response:
        """What it is about, and the form if there is anything to do."""
        open_to_it = action == "silence" or (matter.incident.closed_at is None and matter.incident.acked_at is None)
        return self._page(400 if complaint else 200, action, matter, complaint=complaint, asking=open_to_it)

    def tell(self, action: str, matter: Matter, done: str) -> Response:
        """What has come of it."""
        return self._page(200, action, matter, done=done)

    def say(self, status: int, title: str, text: str) -> Response:
        """A page of two lines."""
        return _html(self.said.render(title=title, text=text), status)

    def choices(self) -> Mapping[str, tuple[float, str]]:
        """For how long there may be silence."""
        return silences(self.clock.wall())

    def _page(
        self, status: int, action: str, matter: Matter, *, complaint: str = "", done: str = "", asking: bool = False
    ) -> Response:
        incident, now = matter.incident, self.clock.wall()
        ended = incident.closed_at
        text = self.incident.render(
            action=action,
            incident=incident,
            others=matter.others,
            now=now,
            lasted=format_lasting((now if ended is None else ended) - incident.opened_at),
            choices={value: words for value, (_, words) in self.choices().items()},
            name_chars=NAME_CHARS,
            complaint=complaint,
            done=done,
            asking=asking,
        )
        return _html(text, status)


def _html(text: str, status: int) -> Response:
    return HTMLResponse(text, status_code=status)
