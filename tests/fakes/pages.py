"""A whole web side with status pages on a real socket, over a store in memory and a past that is told."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import httpx
from prometheus_client import CollectorRegistry
from starlette.middleware import Middleware

from fakes.alerts import TRIGGER
from fakes.past import Past
from prober.clock import MovedClock
from prober.config import Loaded
from prober.model import Condition, Incident, Reason
from prober.sinks.prometheus import Exposition
from prober.store import Store
from prober.web import Health, Row, View, WebServer, create_app
from prober.web.auth import Access
from prober.web.status import Offer

KEY = b"k" * 32

PAGE = """
checks:
  - {id: private-web, kind: http, url: "https://internal-web.example/", tags: [private-tag]}
  - {id: private-web-2, kind: http, url: "https://internal-web-2.example/", tags: [private-tag]}
  - {id: private-pay, kind: http, url: "https://internal-pay.example/", tags: [other-tag]}
  - {id: private-other, kind: http, url: "https://internal-other.example/"}
channels:
  letters: {kind: email, host: mail.internal.example, from: "Status <status@example.com>", to: nobody@example.com}
web:
  public_url: https://status.example
  status_pages:
    main:
      title: Example status
      description: How our services are
      link: https://www.example.com
      groups:
        - name: Shop
          components:
            - {name: Website, checks: [private-web, private-web-2], description: Where you buy}
            - {name: Payments, checks: private-pay, latency: true}
      regions: {eu-west-1: Europe}
      announcements: news
      subscribe: {email: letters, webhook: true, private_webhooks: true}
    bare:
      title: Bare
      components: [{name: Payments, id: pay, checks: "private-p*"}]
"""


@dataclass
class World:
    """All of it; tests change it and ask over ``client``."""

    loaded: Loaded
    clock: MovedClock
    past: Past
    store: Store
    rows: list[Row] = field(default_factory=list)
    woken: int = 0
    key: bytes | None = KEY

    @property
    def offer(self) -> Offer:
        web = self.loaded.config.web
        return Offer(
            pages=web.status_pages,
            base=self.loaded.base,
            public_url=web.public_url,
            store=self.store,
            checks=lambda: self.loaded.config.checks,
            windows=lambda: self.loaded.config.maintenance,
            key=lambda: self.key,
            retention_s=lambda: self.loaded.config.store.retention,
            wake=self.wake,
        )

    def view(self) -> View:
        return View(
            region="eu-west-1",
            exposition=Exposition("prober", "eu-west-1"),
            registry=CollectorRegistry(),
            snapshot=lambda: self.rows,
            healthy=lambda: Health(True),
            ready=lambda: Health(True),
            clock=self.clock,
            checks=lambda: self.loaded.config.checks,
            history=self.past,
            status=self.offer,
        )

    def wake(self) -> None:
        self.woken += 1

    def news(self, name: str, text: str) -> None:
        """Write a file of announcements."""
        folder = self.loaded.base / "news"
        folder.mkdir(exist_ok=True)
        (folder / f"{name}.md").write_text(text, encoding="utf-8")

    def pass_time(self, seconds: float = 5.0) -> None:
        """So much that everything is looked at anew."""
        self.clock.advance(seconds)
        self.past.now = self.clock.wall()


def found(check_id: str, opened_at: float, closed_at: float | None = None, **changed: Any) -> Incident:
    """An incident as the alerting side keeps it, full of what is nobody's business."""
    name = f"incident-of-{check_id}-{opened_at:.0f}"
    values: dict[str, Any] = {
        "id": name,
        "check_id": check_id,
        "region": "eu-west-1",
        "condition": Condition.DOWN,
        "reason": Reason.STATUS,
        "message": "503 from the secret backend",
        "opened_at": opened_at,
        "decided_at": opened_at + 60,
        "notice": TRIGGER,
        "closed_at": closed_at,
        "finished": closed_at is not None,
        **changed,
    }
    return Incident(**values)


class served:  # noqa: N801 - reads as what it is
    """The whole application, and a client of it."""

    def __init__(self, world: World, *behind: Middleware, host: str = "127.0.0.1") -> None:
        """``behind`` stands behind the door; on loopback that lets everybody do everything."""
        app = create_app(world.view(), Access(world.loaded.config.web, world.clock))
        app.user_middleware += behind
        self._server = WebServer(app, host, 0)

    def __enter__(self) -> httpx.Client:
        self._server.start()
        self._client = httpx.Client(base_url=f"http://127.0.0.1:{self._server.port}", timeout=10)
        return self._client

    def __exit__(self, *_: object) -> None:
        self._client.close()
        self._server.stop(5.0)
