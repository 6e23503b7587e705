"""Status pages of a running prober: what they are offered, who sends letters to subscribers, who looks for news."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from prober.app.alarm import Alarm
from prober.clock import Clock
from prober.config import Config, Loaded
from prober.history import History
from prober.notify import Notifier
from prober.store import Store
from prober.web.status.offer import Offer

if TYPE_CHECKING:
    from prober.web.status.herald import Herald

LETTERS_PER_MINUTE = 600
"""Of each page and kind; a sender that is limited more has it in its own ``per_minute``."""


def offer_of(started: Loaded, loaded: Callable[[], Loaded], alarm: Alarm) -> Offer | None:
    """What the pages of ``started`` get; checks and maintenance are those of ``loaded``. None where there are none."""
    web = started.config.web
    if not web.status_pages:
        return None
    return Offer(
        pages=web.status_pages,
        base=started.base,
        public_url=web.public_url,
        store=alarm.store,
        checks=lambda: loaded().config.checks,
        windows=lambda: loaded().config.maintenance,
        key=lambda: alarm.key,
        retention_s=lambda: loaded().config.store.retention,
        wake=alarm.wake,
    )


def herald_of(offer: Offer | None, history: History | None, clock: Clock) -> Herald | None:
    """Who tells subscribers; None where nobody can subscribe."""
    if offer is None or history is None or all(page.subscribe is None for page in offer.pages.values()):
        return None
    from prober.web.status.board import Board
    from prober.web.status.herald import Herald

    return Herald(Board(offer, history, clock))


def letter_senders(config: Config, store: Store, key: Callable[[], bytes | None]) -> dict[str, tuple[Notifier, int]]:
    """By the outbox's name of a channel: who sends to subscribers, and how many letters a minute."""
    found: dict[str, tuple[Notifier, int]] = {}
    url = config.web.public_url
    for name, page in config.web.status_pages.items():
        if page.subscribe is None or url is None:
            continue
        from prober.notify.email import Spec
        from prober.web.status.hooks import HookLetters
        from prober.web.status.letters import channel
        from prober.web.status.mail import MailLetters

        sender = config.channels.get(page.subscribe.email or "")
        if isinstance(sender, Spec):
            mail = MailLetters(name, page.title, sender, store, url, key)
            found[channel(name, "email")] = (mail, sender.per_minute)
        if page.subscribe.webhook:
            private = page.subscribe.private_webhooks
            hooks = HookLetters(name, page.title, store, url, key, private=private)
            found[channel(name, "webhook")] = (hooks, LETTERS_PER_MINUTE)
    return found
