"""Results for people at a terminal: a table while checks run, a table at the end, plain lines elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import urlsplit

from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from prober.model import Check, Navigation, Result, Verdict
from prober.panels import THRESHOLDS, milliseconds

UNSEEN_WIDTH = 140  # of a log that no terminal bounds

COLOURS = {Verdict.UP: "green", Verdict.DEGRADED: "yellow", Verdict.DOWN: "bold red", Verdict.UNKNOWN: "magenta"}
SIGNS = {Verdict.UP: "●", Verdict.DEGRADED: "◐", Verdict.DOWN: "✖", Verdict.UNKNOWN: "?"}


def console(*, stderr: bool = False) -> Console:
    """Where tables are printed: as wide as the terminal, or as a CI log bears."""
    width = None if Console(stderr=stderr).is_terminal else UNSEEN_WIDTH
    return Console(stderr=stderr, highlight=False, emoji=False, width=width)  # what a target says is no emoji code


def progress(checks: Sequence[Check], done: Mapping[str, Result]) -> RenderableType:
    """What stands on the terminal while checks run: the finished ones, and a spinner at the others."""
    table = Table.grid(padding=(0, 2))
    for check in checks:
        result = done.get(check.id)
        if result is None:
            table.add_row(Spinner("dots", style="cyan"), Text(check.id), Text(check.target, style="dim"))
        else:
            table.add_row(sign(result.verdict), Text(check.id), Text(milliseconds(result.duration_s)))
    return table


def line(result: Result) -> str:
    """One result as one line of plain text."""
    tail = ""
    if result.verdict is not Verdict.UP:
        message, reason = one_line(result.message), result.reason.value
        tail = f"  {message}" if message.startswith(f"{reason}:") else f"  {reason}: {message}"
    return f"{result.verdict.value:<8} {milliseconds(result.duration_s):>9}  {result.check.id}{tail}"


def report(results: Sequence[Result], duration_s: float) -> RenderableType:
    """The table at the end of a run, the journeys' steps below it, and one line that sums up."""
    table = Table(box=None, header_style="dim", padding=(0, 2, 0, 0))
    for heading in ("", "check", "reason", "time"):
        table.add_column(heading, justify="right" if heading == "time" else "left", no_wrap=True)
    table.add_column("phases, vitals or what was wrong", overflow="fold")
    for result in results:
        reason = "" if result.verdict is Verdict.UP else result.reason.value
        name = Text(result.check.id, style="bold" if reason else "")
        table.add_row(sign(result.verdict), name, reason, milliseconds(result.duration_s), detail(result))
    parts: list[RenderableType] = [table]
    for result in results:
        if result.observation.steps:
            parts += [Text(), _steps(result)]
        parts += [Text(f"{a.kind}: {a.path}", style="dim") for a in result.observation.artifacts]
    return Group(*parts, Text(), _summary(results, duration_s))


def sign(verdict: Verdict) -> Text:
    """A verdict in its colour, and with a sign for those who see none."""
    return Text(f"{SIGNS[verdict]} {verdict.value}", style=COLOURS[verdict])


def one_line(text: str) -> str:
    """``text`` without what would move the cursor or colour the rest."""
    return "".join(c if c.isprintable() else " " for c in text)


def detail(result: Result) -> Text:
    """What there is to say of a result in one cell: what was wrong, else its vitals or phases."""
    if result.verdict is not Verdict.UP:
        return Text(one_line(result.message), style=COLOURS[result.verdict])
    worst = dict(_worst_vitals(result))
    if worst:
        return Text("  ").join(vital(name, value) for name, value in worst.items())
    phases = [f"{name} {milliseconds(value)}" for name, value in result.observation.phases.items() if name != "total"]
    return Text("  ".join(phases), style="dim")


def vital(name: str, value: float) -> Text:
    """A vital with its unit, in the field's colour: green good, yellow to be improved, red poor."""
    good, poor = THRESHOLDS.get(name, (float("inf"), float("inf")))
    colour = "green" if value <= good else "yellow" if value <= poor else "red"
    shown = f"{value:.3f}" if name == "cls" else milliseconds(value)
    return Text.assemble((f"{name.upper()} ", "dim"), (shown, colour))


def _vitals(navigation: Navigation) -> Iterator[tuple[str, float]]:
    for name in THRESHOLDS:
        value = getattr(navigation, name if name == "cls" else f"{name}_s")
        if value is not None:
            yield name, value


def _worst_vitals(result: Result) -> Iterator[tuple[str, float]]:
    worst: dict[str, float] = {}
    for step in result.observation.steps:
        for navigation in step.navigations:
            for name, value in _vitals(navigation):
                worst[name] = max(value, worst.get(name, 0.0))
    return ((name, worst[name]) for name in THRESHOLDS if name in worst)


def _steps(result: Result) -> Table:
    table = Table(
        title=f"{escape(result.check.id)}: steps",
        title_style="dim",
        title_justify="left",
        box=None,
        header_style="dim",
        padding=(0, 2, 0, 0),
    )
    for heading in ("", "step", "time", "page", "vitals"):
        table.add_column(
            heading, justify="right" if heading == "time" else "left", no_wrap=heading != "vitals", overflow="ellipsis"
        )
    for step in result.observation.steps:
        head: list[RenderableType] = [sign(step.verdict), Text(step.name), milliseconds(step.duration_s)]
        if not step.navigations:
            table.add_row(*head, "", Text(one_line(step.message), style="red"))
        for navigation in step.navigations:
            vitals = Text("  ").join(vital(name, value) for name, value in _vitals(navigation))
            page = Text(_place(navigation), style="dim")
            table.add_row(*head, page, vitals)
            head = ["", "", ""]
    return table


def _place(navigation: Navigation) -> str:
    """The path of a page: a journey is mostly on one host, and its vitals need the room."""
    parts = urlsplit(navigation.url)
    return f"{parts.path or navigation.url}{' (soft)' if navigation.kind == 'soft' else ''}"


def _summary(results: Sequence[Result], duration_s: float) -> Text:
    text = Text(f"{len(results)} {'check' if len(results) == 1 else 'checks'} in {milliseconds(duration_s)}: ")
    counts = [(verdict, sum(r.verdict is verdict for r in results)) for verdict in Verdict]
    shown = [Text(f"{count} {verdict.value}", style=COLOURS[verdict]) for verdict, count in counts if count]
    return text + Text(", ").join(shown)
