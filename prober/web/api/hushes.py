"""Silences and maintenance: stretches of time in which nothing is told of some checks."""

from __future__ import annotations

import secrets
from functools import partial
from typing import Any, Self

from pydantic import model_validator
from starlette.exceptions import HTTPException

from prober.faults import UserFault
from prober.model import Hush, HushKind
from prober.web.api.models import Given, Lasting, Line, Moment, Names, Patterns, Shown, Stamp, shown_moment
from prober.web.api.operation import Answer, Call, Operation
from prober.web.api.problems import Invalid, Mistake
from prober.web.auth import Scope

AGO_S = 60.0
"""A beginning so long ago is now: clocks differ."""


class HushShown(Shown):
    """A stretch of time in which nothing is told."""

    id: str
    checks: tuple[str, ...]
    """Ids, or patterns with ``*``; with ``tags`` empty too, all checks."""
    tags: tuple[str, ...]
    starts_at: Stamp | None
    ends_at: Stamp | None
    active: bool
    """Whether it is going on."""
    reason: str
    by: str
    public: str
    """What status pages say of it; without it, only when it is and what it concerns."""


class Hushes(Shown):
    """Those that have not ended; the next to begin last."""

    items: tuple[HushShown, ...]


class HushGiven(Given):
    """Of which checks nothing is to be told, and for how long. They are measured and stored all the same."""

    checks: Patterns = ()
    """Ids, or patterns with ``*`` as in a shell."""
    tags: Names = ()
    """Checks with one of these tags."""
    everything: bool = False
    """true for all checks; then neither ``checks`` nor ``tags``."""
    starts_at: Moment | None = None
    """When it begins; now where it is missing."""
    lasts: Lasting
    """For how long, such as ``30m``."""
    reason: Line | None = None
    public: Line | None = None
    """What status pages say of it; without it, only when it is and what it concerns."""
    by: Line | None = None
    """On whose behalf; else who the request comes from."""

    @model_validator(mode="after")
    def _says_which(self) -> Self:
        if self.everything == bool(self.checks or self.tags):
            raise ValueError("say which checks: checks, tags, or everything: true")
        return self


def list_hushes(call: Call, *, kind: HushKind) -> Answer:
    """Those of one kind that have not ended."""
    now = call.view.clock.wall()
    return Answer(Hushes(items=tuple(_shown(hush, now) for hush in call.actions.hushes() if hush.kind is kind)))


def begin_hush(call: Call, body: HushGiven, *, kind: HushKind) -> Answer:
    """Begin one, or plan it."""
    now = call.view.clock.wall()
    starts_at = now if body.starts_at is None else body.starts_at
    if starts_at < now - AGO_S:
        raise Invalid([Mistake(path="body.starts_at", message="has passed; leave it out to begin now")])
    hush = Hush(
        secrets.token_hex(8),
        kind,
        max(now, starts_at),
        max(now, starts_at) + body.lasts,
        body.checks,
        body.tags,
        body.reason or "",
        call.by(body.by),
        body.public or "",
    )
    try:
        call.actions.hush(hush)
    except UserFault as fault:
        raise Invalid([Mistake(path="body", message=str(fault))]) from None
    return Answer(_shown(hush, now), 201)


def end_hush(call: Call, *, kind: HushKind) -> Answer:
    """End it before its time."""
    wanted = call.path["hush_id"]
    known = any(hush.id == wanted and hush.kind is kind for hush in call.actions.hushes())
    if not known or not call.actions.end_hush(wanted):
        raise HTTPException(404, "There is none of this id that has not ended.")
    return Answer(status=204)


def _shown(hush: Hush, now: float) -> HushShown:
    return HushShown(
        id=hush.id,
        checks=hush.checks,
        tags=hush.tags,
        starts_at=shown_moment(hush.starts_at),
        ends_at=shown_moment(hush.ends_at),
        active=hush.starts_at <= now < hush.ends_at,
        reason=hush.reason,
        by=hush.by,
        public=hush.public,
    )


_EXAMPLE: dict[str, Any] = {
    "id": "c0ffee00c0ffee00",
    "checks": ["storefront"],
    "tags": [],
    "starts_at": "2026-12-24T22:00:00.000Z",
    "ends_at": "2026-12-24T22:30:00.000Z",
    "active": True,
    "reason": "deploy 1.4.2",
    "by": "ci",
    "public": "",
}
_SENT = {"checks": ["storefront"], "lasts": "30m", "reason": "deploy 1.4.2"}


def _operations(kind: HushKind, path: str, one: str, several: str, meaning: str) -> tuple[Operation, ...]:
    noun = kind.value.capitalize()
    return (
        Operation(
            "GET",
            path,
            f"list{noun}",
            several,
            Scope.READ,
            partial(list_hushes, kind=kind),
            Hushes,
            example={"items": [_EXAMPLE]},
        ),
        Operation(
            "POST",
            path,
            f"begin{noun}",
            f"Begin {one}, now or later: {meaning}",
            Scope.ACK,
            partial(begin_hush, kind=kind),
            HushShown,
            body=HushGiven,
            status=201,
            example=_EXAMPLE,
            sent=_SENT,
        ),
        Operation(
            "DELETE",
            path + "/{hush_id}",
            f"end{noun}",
            f"End {one} before its time",
            Scope.ACK,
            partial(end_hush, kind=kind),
            status=204,
            problems=(404,),
        ),
    )


OPERATIONS = (
    *_operations(
        HushKind.SILENCE,
        "/silences",
        "a silence",
        "Silences that have not ended",
        "nothing is told, and downtime counts",
    ),
    *_operations(
        HushKind.MAINTENANCE,
        "/maintenance",
        "maintenance",
        "Maintenance that has not ended, beside the windows of the configuration",
        "nothing is told, and none of the time counts",
    ),
)
