"""The long tail of services, through the library apprise: an extra, in a thread of its own with a deadline."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from importlib.util import find_spec
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from prober.clock import Clock
from prober.faults import DeliveryFault, Permanent, Retryable, UserFault, describe
from prober.judge.texts import listed
from prober.model import Notice
from prober.notify import Channel, Receipt
from prober.notify._plain import plain_text
from prober.notify._texts import cut
from prober.notify._wording import Tone, headline, tone
from prober.secret import Redactor, Secret

DEADLINE_S = 8.0
TITLE_CHARS = 250
BODY_BYTES = 4_000
MISSING = "channels of kind apprise need the extra: pip install 'prober[apprise]'"

# It keeps its plugins' faults to itself; these are what its own arguments and imports may raise.
_RAISED = (ImportError, LookupError, OSError, RuntimeError, TypeError, ValueError, AttributeError)
_TYPES = {Tone.BAD: "failure", Tone.POOR: "warning", Tone.GOOD: "success"}


class Spec(Channel):
    """Sends to any of the services apprise knows; needs the extra prober[apprise]."""

    kind: Literal["apprise"]
    """apprise"""
    urls: Annotated[tuple[Secret, ...], BeforeValidator(listed), Field(strict=False, min_length=1, max_length=20)]
    """Apprise URLs (https://github.com/caronc/apprise/wiki). One that takes a notice is enough, since apprise tells
    too little for trying the others again; a channel for each is the surer way."""


class Sender:
    """Sends notices through apprise. Raises UserFault where it is not installed."""

    def __init__(self, spec: Spec, clock: Clock | None = None) -> None:
        if find_spec("apprise") is None:
            raise UserFault(MISSING)
        self._urls = spec.urls
        self._redactor = Redactor(spec.urls)
        self._thread: threading.Thread | None = None

    async def send(self, notice: Notice, earlier: str = "") -> Receipt:
        """Send ``notice`` to every URL. Raises Retryable or Permanent where none takes it."""
        if self._thread is not None and self._thread.is_alive():
            # It cannot be stopped; another beside it would tell twice, and threads would heap up.
            raise Retryable("the attempt before is still under way")
        loop = asyncio.get_running_loop()
        outcome: asyncio.Future[Receipt | DeliveryFault] = loop.create_future()
        self._thread = threading.Thread(
            target=_run, args=(self._urls, self._redactor, notice, loop, outcome), name="apprise", daemon=True
        )
        self._thread.start()
        try:
            async with asyncio.timeout(DEADLINE_S):
                found = await outcome
        except TimeoutError:
            raise Retryable(f"no outcome within {DEADLINE_S:g} s") from None
        if isinstance(found, DeliveryFault):
            raise found
        return found

    async def close(self) -> None:
        """Nothing is kept open."""


def payload(notice: Notice) -> dict[str, str]:
    """What every service is given."""
    return {
        "title": cut(headline(notice), TITLE_CHARS),
        "body": plain_text(notice, BODY_BYTES),
        "notify_type": _TYPES[tone(notice)],
        "body_format": "text",
    }


def _run(
    urls: tuple[Secret, ...],
    redactor: Redactor,
    notice: Notice,
    loop: asyncio.AbstractEventLoop,
    outcome: asyncio.Future[Receipt | DeliveryFault],
) -> None:
    found: Receipt | DeliveryFault = Retryable("apprise failed")
    try:
        found = _tell(urls, payload(notice))
    except _RAISED as fault:
        found = Retryable(redactor.text(f"{type(fault).__name__}: {describe(fault)}"))
    finally:
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile: nobody waits
            loop.call_soon_threadsafe(_settle, outcome, found)


def _settle(outcome: asyncio.Future[Receipt | DeliveryFault], found: Receipt | DeliveryFault) -> None:
    if not outcome.done():
        outcome.set_result(found)


def _tell(urls: tuple[Secret, ...], message: dict[str, Any]) -> Receipt | DeliveryFault:
    from apprise import Apprise

    known, taken = 0, 0
    for url in urls:
        service = Apprise()
        if service.add(url.reveal()):
            known += 1
            taken += bool(service.notify(**message))
    if taken:
        return Receipt(200, f"taken by {taken} of {len(urls)}")
    if not known:
        return Permanent("apprise knows none of the urls")
    return Retryable(f"taken by none of {len(urls)}; apprise does not tell why")
