"""Whose fault it is that a name does not resolve: one name's, or the resolver's."""

from __future__ import annotations

WINDOW_S = 60.0


class Outages:
    """Remembers which unrelated names no resolver answered for lately, with no answer to anybody since."""

    def __init__(self) -> None:
        self._failed_at: dict[str, float] = {}

    def failed(self, host: str, now: float) -> bool:
        """Note that ``host`` got no answer at ``now``; whether unrelated names share its fate."""
        self._failed_at[_kin(host)] = now
        self._failed_at = {kin: at for kin, at in self._failed_at.items() if now - at <= WINDOW_S}
        return len(self._failed_at) > 1

    def worked(self) -> None:
        """Note that a resolver answered, be it that there is no such name."""
        self._failed_at.clear()


def _kin(host: str) -> str:
    """Names under one registered domain share its servers; two labels come close enough to that."""
    return ".".join(host.lower().rstrip(".").split(".")[-2:])
