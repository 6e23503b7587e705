"""What ``checks/*.py`` are written with: ``@journey``, ``step()``, ``measure()`` and ``logged_in()``."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypeVar, overload

if TYPE_CHECKING:
    from prober.journey.run import Run

MARK = "__journey__"
RUN: ContextVar[Run] = ContextVar("prober_run")

Authored = TypeVar("Authored", bound=Callable[..., Awaitable[None]])


@overload
def journey(function: Authored, /) -> Authored: ...


@overload
def journey(
    *,
    id: str | None = None,
    title: str | None = None,
    timeout: str | None = None,
    interval: str | None = None,
    tags: list[str] | None = None,
    env: list[str] | None = None,
    budgets: Mapping[str, str | float] | None = None,
    device: str | None = None,
    viewport: tuple[int, int] | None = None,
    locale: str | None = None,
    timezone: str | None = None,
    idempotent: bool | None = None,
    retries: int | None = None,
    profile: str | None = None,
    block: list[str] | None = None,
    throttle: Mapping[str, str | float] | None = None,
    first_party: list[str] | None = None,
) -> Callable[[Authored], Authored]: ...


def journey(function: Authored | None = None, /, **options: object) -> Authored | Callable[[Authored], Authored]:
    """Make an async function a journey: ``@journey`` or ``@journey(id="purchase", timeout="60s")``.

    The function takes any of ``page`` and ``context`` (Playwright's own), ``http`` (an ``httpx.AsyncClient``) and
    ``params``: a pydantic model of the file where it is annotated with one, else a dict. Options are literals, since
    ``prober validate`` reads them without running the file; times are texts such as ``"30s"``. ``env`` names the
    environment variables the journey needs. ``idempotent=True`` says that it does no harm twice: it is run again
    after its browser crashed, and up to ``retries`` times after a failure. The rest is what a check may say, too.
    """

    def mark(authored: Authored) -> Authored:
        setattr(authored, MARK, options)
        return authored

    return mark if function is None else mark(function)


def step(
    name: str, *, timeout: str | None = None, soft: bool = False, critical: bool = True, always: bool = False
) -> AbstractAsyncContextManager[None]:
    """A named part of a journey, timed and judged by itself: ``async with step("Choose seats"):``.

    ``timeout`` is a text such as ``"5s"`` (30 s without). A failed ``soft`` step fails the journey but lets it go on;
    one with ``critical=False`` lets it go on too and makes the check ``degraded`` instead of ``down``.
    An ``always`` step is clean-up, written in a ``finally``: it is also entered when the journey's time is over, and
    its own failure never hides an earlier one. Raises RuntimeError outside a running journey.
    """
    return _running().step(name, timeout=timeout, soft=soft, critical=critical, always=always)


async def logged_in(
    place: Any, log_in: Callable[[Any], Awaitable[object]], *, for_: str = "30m", name: str | None = None
) -> bool:
    """Be logged in: ``await logged_in(page, log_in)`` calls ``log_in(page)`` only where no log-in is kept.

    ``place`` is a page, a context or ``http``. Its cookies and local storage are kept ``for_`` a while, under the
    function's name or ``name``, in the prober's memory only; a run that fails forgets them. Returns whether it had to
    log in. Raises RuntimeError outside a running journey.
    """
    return await _running().logged_in(place, log_in, name or log_in.__name__, for_)


def measure(name: str, value: float, unit: str = "", **labels: str) -> None:
    """Record a figure of the business itself: ``measure("order_total", 98.0, unit="EUR")``.

    Raises ValueError for a name that is no metric's (letters, digits, underscore) or a value that is no finite number,
    RuntimeError outside a running journey.
    """
    _running().measure(name, value, unit, labels)


def _running() -> Run:
    run = RUN.get(None)
    if run is None:
        raise RuntimeError("this works inside a running journey only: start its file with `prober run FILE`")
    return run
