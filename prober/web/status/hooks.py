"""Letters to subscribed webhooks: asked first whether they want any, signed, and never to an address that is private.

The name is resolved here and the address that was judged is the one that is dialled, so that a name which answers
differently the next time leads nowhere else. Redirects are not followed.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import socket
from collections.abc import Callable
from importlib.metadata import version
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool

from prober.clock import Clock, SystemClock, iso
from prober.faults import Permanent, Retryable, describe
from prober.model import Notice
from prober.net.guard import is_public
from prober.notify import Receipt
from prober.store import Store
from prober.web.status.letters import CONFIRM, WITHIN_S, challenge, link, signing_key

if TYPE_CHECKING:
    import httpx

PATIENCE_S = 5.0
"""For all of one request: one lane tells all of them, and a slow one must not hold up the others for long."""
REPLY_BYTES = 1_024
ASKED_FOR_S = 3_600.0
"""So long a webhook is asked whether it wants to be told."""
GONE = 410


class HookLetters:
    """Posts letters of one page to webhooks; a Notifier."""

    def __init__(
        self,
        page: str,
        title: str,
        store: Store,
        public_url: str,
        key: Callable[[], bytes | None],
        *,
        private: bool = False,
        clock: Clock | None = None,
    ) -> None:
        """``private`` lets addresses be called that are not public."""
        self._page = page
        self._title = title
        self._store = store
        self._public_url = public_url
        self._key = key
        self._private = private
        self._clock = clock or SystemClock()

    async def send(self, notice: Notice, earlier: str = "") -> Receipt:
        """Post it to whom it is for, if they are still to be told. Raises Retryable."""
        key = self._key()
        if key is None:
            raise Retryable("the store has not been in reach since the start")
        hook = await run_in_threadpool(self._store.subscriber, notice.tags[0])
        if hook is None or (notice.step != CONFIRM and hook.confirmed_at is None):
            return Receipt(204, "no longer subscribed")
        body = json.dumps(self._payload(notice, key), ensure_ascii=False).encode("utf-8", "replace")
        try:
            status, reply = await self._post(hook.address, body, notice.id, signing_key(key, hook.id))
        except Permanent as fault:
            return Receipt(400, describe(fault))
        except Retryable as fault:
            return await self._again(notice, describe(fault))
        if notice.step == CONFIRM:
            return await self._confirmed(notice, status, reply, key)
        if status == GONE:
            await run_in_threadpool(self._store.unsubscribe, hook.id)
            return Receipt(status, "gone: no longer subscribed")
        return Receipt(status) if 200 <= status < 300 else await self._again(notice, f"answered {status}")

    async def close(self) -> None:
        """Nothing is kept open."""

    async def _confirmed(self, notice: Notice, status: int, reply: bytes, key: bytes) -> Receipt:
        expected = challenge(key, notice.tags[0])
        if not (200 <= status < 300 and expected in reply.decode("utf-8", "replace")):
            return await self._again(notice, "the challenge was not answered")
        await run_in_threadpool(self._store.confirm, notice.tags[0], await run_in_threadpool(self._store.now))
        return Receipt(status, "confirmed")

    async def _again(self, notice: Notice, why: str) -> Receipt:
        longest_s = ASKED_FOR_S if notice.step == CONFIRM else WITHIN_S
        if await run_in_threadpool(self._store.now) - notice.at > longest_s:
            return Receipt(504, f"given up: {why}")
        raise Retryable(why)

    def _payload(self, notice: Notice, key: bytes) -> dict[str, Any]:
        reader = notice.tags[0]
        leave = link(self._public_url, key, self._page, reader, "unsubscribe")
        common = {"version": 1, "id": notice.id, "page": self._page, "title": self._title, "unsubscribe_url": leave}
        if notice.step == CONFIRM:
            asked = {"challenge": challenge(key, reader), "signing_key": signing_key(key, reader)}
            return {**common, "type": "challenge", **asked}
        return {
            **common,
            "type": "update",
            "incident": notice.title,
            "state": notice.reason,
            "over": notice.kind.value == "resolve",
            "text": notice.message,
            "at": iso(notice.at),
            "url": notice.evidence[0][1],
        }

    async def _post(self, url: str, body: bytes, identity: str, key: str) -> tuple[int, bytes]:
        import httpx

        stamp = str(int(self._clock.wall()))
        signed = hmac.new(key.encode(), b"%b.%b" % (stamp.encode(), body), hashlib.sha256).hexdigest()
        headers = {
            "Content-Type": "application/json",
            "User-Agent": f"prober/{version('prober')}",
            "Accept-Encoding": "identity",
            "Idempotency-Key": identity,
            "X-Prober-Timestamp": stamp,
            "X-Prober-Signature": f"v1={signed}",
        }
        try:
            async with asyncio.timeout(PATIENCE_S):
                to, host = await self._judged(url)
                headers["Host"] = host
                # Neither proxies of the environment nor redirects: both would dial what was not judged.
                async with httpx.AsyncClient(timeout=PATIENCE_S, trust_env=False, follow_redirects=False) as client:
                    extensions = {"sni_hostname": urlsplit(url).hostname}
                    asked = client.build_request("POST", to, content=body, headers=headers, extensions=extensions)
                    answer = await client.send(asked, stream=True)
                    try:
                        return answer.status_code, await _head(answer)
                    finally:
                        await answer.aclose()
        except (httpx.InvalidURL, httpx.UnsupportedProtocol, httpx.LocalProtocolError) as fault:
            raise Permanent(f"the request cannot be made: {type(fault).__name__}") from None
        except (httpx.RequestError, TimeoutError, OSError) as fault:
            raise Retryable(f"{type(fault).__name__}: {describe(fault)}") from None

    async def _judged(self, url: str) -> tuple[str, str]:
        """``url`` by the address to dial, and its host as it was written. Raises Permanent for a private one."""
        parts = urlsplit(url)
        host = parts.hostname or ""
        port = parts.port or (443 if parts.scheme == "https" else 80)
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        addresses = list(dict.fromkeys(str(one[4][0]) for one in found))
        if not addresses or not (self._private or all(map(is_public, addresses))):
            raise Permanent("not an address of the public Internet")
        address = f"[{addresses[0]}]" if ":" in addresses[0] else addresses[0]
        return parts._replace(netloc=f"{address}:{port}").geturl(), parts.netloc


async def _head(answer: httpx.Response) -> bytes:
    head = b""
    async for piece in answer.aiter_raw(REPLY_BYTES):
        head += piece
        if len(head) >= REPLY_BYTES:
            break
    return head[:REPLY_BYTES]
