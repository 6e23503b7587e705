"""What ``checks/*.py`` are written with: ``@journey``, ``step()`` and ``measure()``."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from contextvars import ContextVar
from typing import TYPE_CHECKING, TypeVar, overload

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
) -> Callable[[Authored], Authored]: ...


def journey(function: Authored | None = None, /, **options: object) -> Authored | Callable[[Authored], Authored]:
    """Make an async function a journey: ``@journey`` or ``@journey(id="purchase", timeout="60s")``.

    The function takes any of ``page`` and ``context`` (Playwright's own), ``http`` (an ``httpx.AsyncClient``) and
    ``params`` (a dict from the config). Options are literals, since ``prober validate`` reads them without running
    the file; times are texts such as ``"30s"``. ``env`` names the environment variables the journey needs, and
    ``idempotent=True`` says that it may be run again after its browser crashed.
    """

    def mark(authored: Authored) -> Authored:
        setattr(authored, MARK, options)
        return authored

    return mark if function is None else mark(function)


def step(
    name: str, *, timeout: str | None = None, soft: bool = False, always: bool = False
) -> AbstractAsyncContextManager[None]:
    """A named part of a journey, timed and judged by itself: ``async with step("Choose seats"):``.

    ``timeout`` is a text such as ``"5s"`` (30 s without). A failed ``soft`` step fails the journey but lets it go on.
    An ``always`` step is clean-up, written in a ``finally``: it is also entered when the journey's time is over, and
    its own failure never hides an earlier one. Raises RuntimeError outside a running journey.
    """
    return _running().step(name, timeout=timeout, soft=soft, always=always)


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
