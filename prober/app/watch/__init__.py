"""``prober watch``: the overview on a terminal, of the store beside or of a prober elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace

from rich.live import Live

from prober.app.watch.board import Board
from prober.app.watch.keys import Keys
from prober.app.watch.remote import Remote
from prober.app.watch.screen import Asked, chosen, screen
from prober.config import Loaded
from prober.faults import Retryable, UserFault, describe
from prober.render.terminal import console
from prober.secret import Secret

EVERY_S = 2.0


def watch(loaded: Callable[[], Loaded], url: str | None, token: str | None, every_s: float = EVERY_S) -> None:
    """Show it until somebody quits; once, as plain lines, where there is no terminal to show it on.

    Raises UserFault for what has to be mended first.
    """
    with _source(loaded, url, token) as look, ExitStack() as stack:
        out = console()
        try:
            board = look()
        except Retryable as fault:
            raise UserFault(describe(fault)) from None
        if not out.is_terminal:
            out.print(screen(board, Asked(), out.width))
            return
        keys = stack.enter_context(Keys())
        live = stack.enter_context(Live(console=out, screen=True, auto_refresh=False))
        _show(live, keys, look, board, every_s)


def _show(live: Live, keys: Keys, look: Callable[[], Board], board: Board, every_s: float) -> None:
    asked, looked_at = Asked(), time.monotonic()
    while True:
        width, height = live.console.size
        live.update(screen(board, asked, width, height), refresh=True)
        key = keys.wait(max(0.0, looked_at + every_s - time.monotonic()))
        if key is not None:
            answer = answered(asked, key, height)
            if answer is None:
                return
            last = max(0, len(chosen(board, answer.text)) - 1)
            asked = replace(answer, first=min(answer.first, last))
        if time.monotonic() >= looked_at + every_s:
            board, looked_at = _again(look, board), time.monotonic()


def answered(asked: Asked, key: str, height: int) -> Asked | None:
    """What is asked for after ``key``; None to quit."""
    if asked.typing:
        if key in ("enter", "esc"):
            return replace(asked, typing=False, text=asked.text if key == "enter" else "")
        if key == "backspace":
            return replace(asked, text=asked.text[:-1])
        return replace(asked, text=asked.text + key, first=0) if len(key) == 1 and key.isprintable() else asked
    if key == "q":
        return None
    if key == "/":
        return replace(asked, typing=True)
    if key == "esc":
        return Asked()
    steps = {"down": 1, "j": 1, "up": -1, "k": -1, "pagedown": height // 2, " ": height // 2, "pageup": -height // 2}
    return replace(asked, first=max(0, asked.first + steps.get(key, 0)))


def _again(look: Callable[[], Board], board: Board) -> Board:
    """A new board; the one there was, with the reason, while there is none."""
    try:
        return look()
    except (Retryable, UserFault) as fault:
        return replace(board, fault=describe(fault))


@contextmanager
def _source(loaded: Callable[[], Loaded], url: str | None, token: str | None) -> Iterator[Callable[[], Board]]:
    if url is not None:
        with closing(Remote(url, Secret(token) if token else None)) as remote:
            yield remote.look
        return
    from prober.app.beside import store_beside  # here: of another prober no store is needed
    from prober.app.watch.local import Local

    config = loaded()
    with store_beside(config) as store:
        yield Local(config, store).look
