"""How the shop says no."""

from __future__ import annotations


class Refusal(Exception):
    """A request the shop turns down: a stable `code`, a `message` a buyer understands, the HTTP `status` that fits."""

    def __init__(self, code: str, message: str, status: int, *, retry_after_s: int | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.retry_after_s = retry_after_s

    @property
    def headers(self) -> dict[str, str]:
        """The response headers that go with it."""
        return {} if self.retry_after_s is None else {"Retry-After": str(self.retry_after_s)}
