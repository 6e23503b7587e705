"""The board as it stands on a terminal: as wide and as high as that is, colours with letters beside them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.text import Text

from prober.app.watch.board import Board, Line, Trouble
from prober.model import format_lasting
from prober.panels import milliseconds
from prober.render.terminal import one_line

STYLES = {"down": "bold red", "partial": "red", "degraded": "yellow", "unknown": "magenta", "up": "green"}
SIGNS = {"down": "✖", "partial": "◪", "degraded": "◐", "unknown": "?", "up": "●"}
BLOCKS = "▁▂▃▄▅▆▇█"
GAP = " "
NARROW, POINTS = 100, 12
"""Below so many cells there is room for half of a sparkline only, which is of so many points."""
HINT = "q quit   / filter"


@dataclass(frozen=True, slots=True)
class Asked:
    """What the person at the terminal has asked for."""

    text: str = ""
    typing: bool = False
    first: int = 0
    """How many checks were scrolled past."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column; ``width`` in cells."""

    name: str
    width: int
    right: bool = False


def screen(board: Board, asked: Asked, width: int, height: int | None = None) -> RenderableType:
    """All of it; without a ``height`` every check, else what there is room for."""
    found = chosen(board, asked.text)
    head = [_head(board, len(found), width)]
    if board.fault:
        head.append(_cut(Text(one_line(board.fault), style="bold red"), width))
    room = None if height is None else max(1, (height - len(head) - 4) // 3)
    troubles = _troubles(board, width, room)
    columns = columns_for(width, found)
    body = [*head, *([Text(), *troubles] if troubles else []), Text(), _names(columns)]
    if height is None:
        return Group(*body, *(_row(line, columns, board.now) for line in found))
    fits = max(1, height - len(body) - 1)
    first = max(0, min(asked.first, len(found) - fits))
    shown = found[first : first + fits]
    filler = [Text()] * (fits - len(shown))
    return Group(
        *body,
        *(_row(line, columns, board.now) for line in shown),
        *filler,
        _foot(asked, first, len(shown), len(found), width),
    )


def chosen(board: Board, text: str) -> Sequence[Line]:
    """The lines that ``text`` chooses."""
    words = text.lower().split()
    return [line for line in board.lines if line.has(words)]


def columns_for(width: int, lines: Sequence[Line]) -> list[Column]:
    """The columns that fit: what is wide takes what is left."""
    state, since, ran = Column("state", 10), Column("since", 7, right=True), Column("last run", 9, right=True)
    latency, spark = (
        Column("latency", 8, right=True),
        Column("", POINTS if width >= NARROW else POINTS // 2, right=True),
    )
    fixed = [state, since, ran, latency, spark, Column("uptime", 8, right=True)]
    longest = max((len(line.check_id) for line in lines), default=5)
    left = width - sum(column.width + 1 for column in fixed)
    name = min(max(longest, 5), max(12, left if left < 40 else left // 2))
    note = left - name - 2
    return [*fixed[:1], Column("check", min(name, left)), *fixed[1:], *([Column("seen", note)] if note >= 12 else [])]


def _head(board: Board, found: int, width: int) -> Text:
    head = Text(one_line(board.source), style="bold")
    head.append(f"   {found} of {len(board.lines)}" if found < len(board.lines) else f"   {found}", style="dim")
    head.append(" check" if len(board.lines) == 1 else " checks", style="dim")
    for state, count in board.counts.items():
        if count:
            head.append("   ")
            head.append(f"{SIGNS[state]} {count} {state}", style=STYLES[state])
    return _cut(head, width)


def _troubles(board: Board, width: int, room: int | None) -> list[Text]:
    listed = list(board.troubles if room is None else board.troubles[:room])
    lines = [_cut(_trouble(one, board.now), width) for one in listed]
    more = len(board.troubles) - len(listed)
    return [*lines, *([Text(f"  and {more} more", style="dim")] if more else [])]


def _trouble(one: Trouble, now: float) -> Text:
    text = Text("! " if one.critical else "· ", style="bold red" if one.critical else "yellow")
    text.append(one_line(one.check_id), style="bold")
    text.append(f" {one.condition.replace('_', ' ')} for {format_lasting(now - one.opened_at)}", style="default")
    if one.message:
        text.append(f"  {one_line(one.message)}", style="default")
    text.append(f"  ({one_line(one.state)})", style="dim")
    return text


def _names(columns: Sequence[Column]) -> Text:
    names = Text(" ").join(_fitted(Text(column.name), column) for column in columns)
    names.stylize("dim")
    return names


def _row(line: Line, columns: Sequence[Column], now: float) -> Text:
    spark = next(column.width for column in columns if not column.name)
    cells = {
        "state": Text(f"{SIGNS[line.state]} {line.state}", style=STYLES[line.state]),
        "check": Text(one_line(line.check_id), style="" if line.state == "up" else "bold"),
        "since": Text(_for(line.since, now)),
        "last run": Text(_ago(line.last_at, now), style="dim"),
        "latency": Text("" if line.latency_s is None else milliseconds(line.latency_s)),
        "": Text(sparkline(line.spark, spark), style="cyan"),
        "uptime": Text(percent(line.uptime)),
        "seen": Text(one_line(line.note), style="dim"),
    }
    row = Text(" ").join(_fitted(cells[column.name], column) for column in columns)
    row.rstrip()
    return row


def _foot(asked: Asked, first: int, shown: int, found: int, width: int) -> Text:
    if asked.typing:
        return _cut(Text(f"/{asked.text}▏", style="bold"), width)
    left = f"filter: {asked.text}   esc clears it   q quit" if asked.text else HINT
    right = f"{first + 1}–{first + shown} of {found}   ↑↓ scroll" if shown < found else ""
    return _cut(Text(left + " " * max(2, width - len(left) - len(right)) + right, style="dim"), width)


def sparkline(values: Sequence[float | None], points: int) -> str:
    """``values`` as blocks, against the highest of them; a gap where there was nothing."""
    shown = values[-points:]
    top = max((value for value in shown if value is not None), default=0.0)
    if top <= 0:
        return ""
    return "".join(GAP if v is None else BLOCKS[min(len(BLOCKS) - 1, int(v / top * len(BLOCKS)))] for v in shown)


def percent(share: float | None) -> str:
    """An uptime as people read it: never 100 % where there was downtime."""
    if share is None:
        return "–"
    return "100 %" if share >= 1 else f"{min(share * 100, 99.99):.2f} %"


def _for(since: float | None, now: float) -> str:
    if since is None:
        return ""
    return format_lasting(_coarse(now - since)) if now - since >= 1 else "now"


def _ago(at: float | None, now: float) -> str:
    return "never" if at is None else f"{format_lasting(now - at)} ago" if now - at >= 1 else "now"


def _coarse(seconds: float) -> float:
    """To the minute from a minute on: what is read is not to change with each look."""
    unit = 86_400 if seconds >= 10 * 86_400 else 3_600 if seconds >= 86_400 else 60
    return seconds if seconds < 60 else seconds // unit * unit


def _fitted(text: Text, column: Column) -> Text:
    fitted = text.copy()
    fitted.truncate(column.width, overflow="ellipsis")
    fitted.align("right" if column.right else "left", column.width)
    return fitted


def _cut(text: Text, width: int) -> Text:
    text.truncate(width, overflow="ellipsis")
    text.no_wrap = True
    return text
