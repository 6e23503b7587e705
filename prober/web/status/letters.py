"""What subscribers are sent, as notices of the outbox: one for everything that was said and everybody who is told.

The id of a notice follows from both, so that whoever looks again, after a restart or in another region, puts down
nothing twice.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Iterator

from prober.model import Notice, NoticeKind
from prober.store import Subscriber
from prober.web.signing import signature
from prober.web.status.public import PublicPage

WITHIN_S = 86_400.0
"""What was said earlier is no news; by then whoever could not be told is not told any more."""
SETTLE_S = 60.0
"""An end that the checks found is told when it has lasted."""
TEXT_CHARS = 2_000
CONFIRM, TELL = "confirm", "tell"


def channel(page: str, kind: str) -> str:
    """The outbox's name for those who subscribed to ``page`` by email or webhook; no configured one has a slash."""
    return f"status/{page}/{kind}"


def to_confirm(subscriber: Subscriber, title: str, now: float) -> tuple[str, Notice]:
    """The question whether they want to be told."""
    identity = f"{subscriber.id}-confirm-{subscriber.asked_at:.0f}"
    notice = _notice(identity, identity, NoticeKind.TRIGGER, subscriber, title, now)
    return channel(subscriber.page, subscriber.kind), notice


def to_tell(
    page: PublicPage, subscribers: Iterable[Subscriber], address: str, now: float, within_s: float = WITHIN_S
) -> Iterator[tuple[str, Notice]]:
    """All that was said in the last ``within_s``, to each who had confirmed by then, in the order it was said."""
    everybody = list(subscribers)
    for incident in (*page.current, *page.past):
        for update in reversed(incident.updates):
            settled = incident.kind != "incident" or update.at != incident.until or now - update.at >= SETTLE_S
            if not settled or not now - within_s < update.at <= now:
                continue
            over = incident.until is not None and update.at >= incident.until
            kind = NoticeKind.RESOLVE if over else NoticeKind.TRIGGER
            for one in everybody:
                if one.confirmed_at is not None and one.confirmed_at <= update.at:
                    yield (
                        channel(page.id, one.kind),
                        _notice(
                            f"{update.id}-{one.id}",
                            f"{incident.id}-{one.id}",
                            kind,
                            one,
                            incident.title,
                            update.at,
                            state=update.state,
                            text=update.text,
                            url=f"{address}#{incident.id}",
                        ),
                    )


def _notice(
    identity: str,
    thread: str,
    kind: NoticeKind,
    subscriber: Subscriber,
    title: str,
    at: float,
    *,
    state: str = "",
    text: str = "",
    url: str = "",
) -> Notice:
    return Notice(
        id=identity,
        kind=kind,
        incident_id=thread,
        check_id=channel(subscriber.page, subscriber.kind),
        title=title,
        region="",
        target="",
        severity="info",
        reason=state,
        message=text[:TEXT_CHARS],
        since=at,
        at=at,
        step=TELL if url else CONFIRM,
        tags=(subscriber.id,),
        evidence=(("page", url),) if url else (),
    )


# Links and keys of a subscriber.


def link(public_url: str, key: bytes, page: str, subscriber_id: str, action: str) -> str:
    """The page that asks whether to ``confirm`` or to ``unsubscribe``; it proves itself."""
    base = f"{public_url.rstrip('/')}/status/{page}/subscriptions/{subscriber_id}/{action}"
    return f"{base}?sig={signature(key, f'status-{action}', subscriber_id)}"


def signing_key(key: bytes, subscriber_id: str) -> str:
    """What signs the requests to a webhook; who answers there is told once, with the question."""
    return hmac.new(key, f"status-webhook:{subscriber_id}".encode(), hashlib.sha256).hexdigest()


def challenge(key: bytes, subscriber_id: str) -> str:
    """What a webhook must answer to be told."""
    return signature(key, "status-challenge", subscriber_id)[:32]
