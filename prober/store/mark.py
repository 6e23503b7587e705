"""How far results are rolled up, as ``meta`` holds it."""

from __future__ import annotations

from dataclasses import dataclass

import orjson

ROLLED_UP = "rolled_up"
"""The key of its row."""


@dataclass(frozen=True, slots=True)
class Mark:
    """How far results are rolled up."""

    seq: int = 0
    seen: tuple[tuple[int, float], ...] = ()
    """(the highest number there was, when that was so): what several write in no order becomes whole after a while."""

    @classmethod
    def read(cls, written: str | None) -> Mark:
        """The mark as it was written; that nothing is rolled up where there is none."""
        if not written:
            return cls()
        values = orjson.loads(written)
        return cls(values["seq"], tuple((seq, at) for seq, at in values["seen"]))

    def written(self) -> str:
        """Itself as text."""
        return orjson.dumps({"seq": self.seq, "seen": self.seen}).decode()
