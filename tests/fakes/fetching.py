"""One request, made and answered, for tests that care for nothing else."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any

from prober.curl import Curl, Exchange, Request
from prober.net import Net


def fetch(url: str, *, timeout_s: float = 5.0, nameservers: Sequence[str] = (), **options: Any) -> Exchange:
    """What comes of asking for ``url``."""

    async def main() -> Exchange:
        curl, net = Curl(), Net(nameservers)
        try:
            return await curl.fetch(Request(url, **options), net, time.monotonic() + timeout_s)
        finally:
            curl.close()
            await net.close()

    return asyncio.run(main())
