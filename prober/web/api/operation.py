"""What can be asked for, as values: the routes and the OpenAPI document are both made of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel
from starlette.exceptions import HTTPException

from prober.history import History
from prober.web.api.models import Given, Query
from prober.web.auth import Scope, Who
from prober.web.view import Actions, View


@dataclass(frozen=True, slots=True)
class Answer:
    """What is answered: ``content`` as JSON."""

    content: BaseModel | Mapping[str, Any] | None = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Call:
    """Who asks for what; handed to the function of an operation, before its query and its body."""

    view: View
    who: Who
    path: Mapping[str, str]

    @property
    def history(self) -> History:
        """The past, where there is somebody who keeps it."""
        if self.view.history is None:
            raise HTTPException(501, "This prober keeps no past.")
        return self.view.history

    @property
    def actions(self) -> Actions:
        """What may be done, where anything may."""
        if self.view.actions is None:
            raise HTTPException(501, "Nothing can be done at this prober from here.")
        return self.view.actions

    def by(self, said: str | None) -> str:
        """Who does it: as they say, and as the door knows them."""
        known = self.who.name
        return f"{said} ({known})" if said and known and said != known else said or known or "somebody"


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing that can be asked for. Its function is called with the Call, then the query and the body it has."""

    method: str
    path: str
    name: str
    summary: str
    scope: Scope
    function: Callable[..., Answer | Awaitable[Answer]]
    gives: type[BaseModel] | None = None
    query: type[Query] | None = None
    body: type[Given] | None = None
    bare: bool = False
    """Whether it may be sent without its body."""
    status: int = 200
    also: Mapping[int, tuple[str, type[BaseModel]]] = field(default_factory=dict)
    """Other good answers, by status: when, and with what."""
    problems: tuple[int, ...] = ()
    """Those that may be answered, beside what every operation may answer."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Headers of the answer, and what they say."""
    example: Any = None
    """Of the answer."""
    sent: Any = None
    """An example of the body."""
    at_hand: bool = False
    """Whether all it needs is in memory; else it waits for its turn with the store."""
