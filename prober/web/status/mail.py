"""Letters to subscribers by email, each with a way out that needs one click (RFC 8058)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from html import escape

from starlette.concurrency import run_in_threadpool

from prober.faults import Retryable, describe
from prober.log import Log
from prober.model import Notice
from prober.notify import Receipt
from prober.notify.email import RecipientRefused, Sender, Spec
from prober.notify.email.message import address
from prober.store import Store
from prober.web.status.letters import CONFIRM, WITHIN_S, link
from prober.web.status.marking import marked_up

SUBJECT_CHARS = 200
LINE_CHARS = 990
"""The longest line of a header; RFC 5322 has 998."""

_log = Log(__name__)


class MailLetters:
    """Sends letters of one page through a channel's server; a Notifier."""

    def __init__(
        self, page: str, title: str, spec: Spec, store: Store, public_url: str, key: Callable[[], bytes | None]
    ) -> None:
        self._page = page
        self._title = title
        self._sender = Sender(spec)
        self._from = address(spec.from_)
        self._store = store
        self._public_url = public_url
        self._key = key

    async def send(self, notice: Notice, earlier: str = "") -> Receipt:
        """Send it to whom it is for, if they are still to be told. Raises Retryable or Permanent."""
        key = self._key()
        if key is None:
            raise Retryable("the store has not been in reach since the start")
        reader = await run_in_threadpool(self._store.subscriber, notice.tags[0])
        if reader is None or (notice.step != CONFIRM and reader.confirmed_at is None):
            return Receipt(204, "no longer subscribed")
        to = address(reader.address)
        message = letter(notice, self._title, self._from, to, self._public_url, key, self._page)
        try:
            return await self._sender.mail(message, [to])
        except RecipientRefused as fault:
            _log.warning("a subscriber's address is refused, and forgotten", page=self._page, error=describe(fault))
            await run_in_threadpool(self._store.unsubscribe, reader.id)
            return Receipt(550, f"refused: {describe(fault)}")
        except Retryable as fault:
            if await run_in_threadpool(self._store.now) - notice.at > WITHIN_S:
                return Receipt(504, f"given up: {describe(fault)}")
            raise

    async def close(self) -> None:
        """Nothing is kept open."""


def letter(
    notice: Notice, title: str, sender: Address, to: Address, public_url: str, key: bytes, page: str
) -> EmailMessage:
    """The email. The same notice makes the same Message-ID, so that one that was sent twice is shown once."""
    reader = notice.tags[0]
    leave = link(public_url, key, page, reader, "unsubscribe")
    # What reads List-Unsubscribe takes it as it stands: it must neither be folded nor encoded.
    message = EmailMessage(policy=SMTP.clone(max_line_length=LINE_CHARS))
    message["From"], message["To"] = sender, to
    message["Date"] = datetime.fromtimestamp(notice.at, UTC)
    message["Message-ID"] = f"<{_hash(notice.id)}@{sender.domain}>"
    message["Auto-Submitted"] = "auto-generated"
    message["X-Auto-Response-Suppress"] = "All"
    if notice.step == CONFIRM:
        confirm = link(public_url, key, page, reader, "confirm")
        message["Subject"] = _one_line(f"Confirm: news of {title}")
        said = f"Somebody, hopefully you, asked for news of {title} to be sent to this address."
        way = "If it was not you, do nothing: you will not hear from us again."
        message.set_content(f"{said}\n\nTo confirm, open:\n{confirm}\n\n{way}\n", cte="quoted-printable")
        body = f'<p>{escape(said)}</p><p><a href="{escape(confirm)}">Confirm</a></p><p>{way}</p>'
    else:
        message["References"] = f"<{_hash(notice.incident_id)}.thread@{sender.domain}>"
        message["List-Unsubscribe"] = f"<{leave}>"
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
        message["Subject"] = _one_line(f"{notice.reason}: {notice.title}")
        where = notice.evidence[0][1]
        text = f"{notice.title}\n{notice.reason}\n\n{notice.message}\n\n{where}\n\nTo be told no more, open:\n{leave}\n"
        message.set_content(text, cte="quoted-printable")
        body = (
            f"<h2>{escape(notice.title)}</h2><p><b>{escape(notice.reason)}</b></p>{marked_up(notice.message)}"
            f'<p><a href="{escape(where)}">{escape(title)}</a></p>'
            f'<p><small><a href="{escape(leave)}">Unsubscribe</a></small></p>'
        )
    page_of = f'<!doctype html><html><body style="font-family:sans-serif">{body}</body></html>\n'
    message.add_alternative(page_of, subtype="html", cte="quoted-printable")
    message.set_boundary(f"prober-{_hash(notice.id)}")
    return message


def _one_line(text: str) -> str:
    return " ".join(text.split())[:SUBJECT_CHARS]


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:32]
