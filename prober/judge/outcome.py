"""One expectation held against what was seen, in words short enough for an alert."""

from __future__ import annotations

import json

from prober.model import Outcome, Reason, Verdict

SHOWN = 200  # characters of a seen value that are kept beside its expectation


def show(value: object) -> str:
    if value.__class__ is int:
        return repr(value)
    text = "nothing" if value is None else value if isinstance(value, str) else json.dumps(value, default=str)
    if len(text) <= SHOWN and text.isprintable():
        return text
    printable = "".join(c if c.isprintable() else " " for c in text)
    return printable if len(printable) <= SHOWN else printable[: SHOWN - 1] + "…"


def outcome(name: str, held: bool, reason: Reason, expected: str, seen: object) -> Outcome:
    return Outcome(name, Verdict.UP if held else Verdict.DOWN, Reason.OK if held else reason, expected, show(seen))
