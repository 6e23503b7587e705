"""Connecting to the first of several addresses that answers, as RFC 8305 (Happy Eyeballs) has it."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from collections.abc import Sequence

from prober.faults import classify
from prober.model import Failure, Reason
from prober.net.machine import has_route

STAGGER_S = 0.25

Connected = tuple[socket.socket, str]


async def dial(addresses: Sequence[str], port: int) -> Connected:
    """A socket connected to one of ``addresses``, and which; each gets a head start of 250 ms before the next.

    Raises the last address's OSError where none answers. The caller sets the deadline and closes the socket.
    """
    racing: set[asyncio.Task[Connected]] = set()
    waiting = list(addresses)
    try:
        while True:
            if waiting:
                racing.add(asyncio.create_task(_connect(waiting.pop(0), port)))
            done, _ = await asyncio.wait(
                racing, timeout=STAGGER_S if waiting else None, return_when=asyncio.FIRST_COMPLETED
            )
            for task in done:
                if task.exception() is None:
                    racing.remove(task)
                    return task.result()
                if not waiting and len(racing) == 1:
                    return task.result()  # which raises
                racing.remove(task)
    finally:
        await _call_off(racing)


def failed_connect(number: int, place: str, addresses: Sequence[str]) -> Failure:
    """What errno ``number`` of connecting to ``place`` means; without any route the fault is this machine's."""
    reason = classify(OSError(number, ""))
    if number == errno.ENETUNREACH and not any(map(has_route, addresses)):
        reason = Reason.NO_LOCAL_ROUTE
    if reason is Reason.INTERNAL:
        reason = Reason.CONNECT
    return Failure(reason, f"{place}: {os.strerror(number).lower()} (connect)")


async def _connect(address: str, port: int) -> Connected:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    connection = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        await asyncio.get_running_loop().sock_connect(connection, (address, port))
    except BaseException:
        connection.close()
        raise
    return connection, address


async def _call_off(racing: set[asyncio.Task[Connected]]) -> None:
    for task in racing:
        task.cancel()
    for outcome in await asyncio.gather(*racing, return_exceptions=True):
        if not isinstance(outcome, BaseException):
            outcome[0].close()
