"""What a job says of itself, read from a ping or from the API. Pure; all of it was written by somebody else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from prober.secret import CUT

BODY_BYTES = 10_000
"""So much of what a ping brings is looked at."""
RID_CHARS = 100
LONGEST_S = 366 * 86_400.0
MOST_EXIT = 255


class Kind(StrEnum):
    """What a signal says of its run."""

    START = "start"
    SUCCESS = "success"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Signal:
    """One word of a job."""

    kind: Kind
    message: str = ""
    rid: str = ""
    """Which run, where several may be under way."""
    exit_code: int | None = None
    duration_s: float | None = None

    @property
    def failure(self) -> str | None:
        """What went wrong, in a line; None where nothing did."""
        if self.kind is not Kind.FAIL:
            return None
        code = f"exit code {self.exit_code}" if self.exit_code is not None else ""
        return ": ".join(part for part in (code, self.message) if part) or "it says that it failed"


def read_ping(action: str, rid: str, body: bytes) -> Signal | None:
    """``action`` is what follows the token in the ping's path. None where there is no such path.

    Raises ValueError.
    """
    message = one_line(body[:BODY_BYTES].decode(errors="replace")) + (CUT if len(body) > BODY_BYTES else "")
    if action.isascii() and action.isdecimal() and len(action) <= 3 and int(action) <= MOST_EXIT:
        code = int(action)
        return Signal(Kind.FAIL if code else Kind.SUCCESS, message, _rid(rid), code)
    kind = {"": Kind.SUCCESS, "start": Kind.START, "fail": Kind.FAIL}.get(action)
    return None if kind is None else Signal(kind, message, _rid(rid))


def read_signal(values: Mapping[str, object]) -> Signal:
    """``kind``, ``message``, ``duration_s``, ``rid`` and ``exit_code``, of which only the first must be there.

    Raises ValueError.
    """
    unknown = values.keys() - {"kind", "message", "duration_s", "rid", "exit_code"}
    if unknown:
        raise ValueError(f"{', '.join(sorted(unknown))}: expected kind, message, duration_s, rid and exit_code only")
    try:
        kind = Kind(str(values.get("kind")))
    except ValueError:
        raise ValueError(f"kind: expected {', '.join(Kind)}") from None
    message, rid = values.get("message") or "", values.get("rid") or ""
    if not isinstance(message, str) or not isinstance(rid, str):
        raise ValueError("message and rid: expected texts")
    took_s, code = values.get("duration_s"), values.get("exit_code")
    if took_s is not None and (isinstance(took_s, bool) or not isinstance(took_s, int | float)):
        raise ValueError("duration_s: expected seconds as a number")
    if took_s is not None and not 0 <= took_s <= LONGEST_S:
        raise ValueError("duration_s: expected seconds from 0 to a year")
    if code is not None and (isinstance(code, bool) or not isinstance(code, int) or not 0 <= code <= MOST_EXIT):
        raise ValueError("exit_code: expected a whole number from 0 to 255")
    text = one_line(message[:BODY_BYTES]) + (CUT if len(message) > BODY_BYTES else "")
    return Signal(kind, text, _rid(rid), code, None if took_s is None else float(took_s))


def _rid(text: str) -> str:
    if len(text) > RID_CHARS or not text.isprintable():
        raise ValueError(f"rid: expected up to {RID_CHARS} printable characters, such as a UUID")
    return text


def one_line(text: str) -> str:
    """``text`` on one line, without control characters."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
