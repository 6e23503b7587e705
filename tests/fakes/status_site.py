"""A status page that somebody would look at: groups, an outage under way, news, maintenance, a past with scars."""

from __future__ import annotations

from pathlib import Path

from fakes.pages import World, found
from fakes.past import DAY_S, Past
from prober.clock import MovedClock
from prober.config import load
from prober.history import Stretch
from prober.model import Hush, HushKind
from prober.store import Announced, Announcement, Store, Update

NOW = 1_796_083_200.0 + 9 * 3_600 + 12 * 60  # 2026-12-01 09:12 UTC
LOGO = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 40" width="40" height="40">
<rect width="40" height="40" rx="9" fill="#7a1fa2"/>
<path d="M10 15h20v3a3 3 0 0 0 0 6v3H10v-3a3 3 0 0 0 0-6z" fill="#fff"/></svg>"""
CONFIG = """
checks:
  - {id: web, kind: http, url: "https://web.internal.example/"}
  - {id: search, kind: http, url: "https://search.internal.example/"}
  - {id: pay-card, kind: http, url: "https://pay.internal.example/card"}
  - {id: pay-bank, kind: http, url: "https://pay.internal.example/bank"}
  - {id: api, kind: http, url: "https://api.internal.example/"}
  - {id: hooks, kind: http, url: "https://hooks.internal.example/"}
  - {id: new, kind: http, url: "https://new.internal.example/"}
channels:
  letters: {kind: email, host: mail.example, from: "Status <status@example.com>", to: nobody@example.com}
web:
  public_url: https://status.tickets.example
  status_pages:
    tickets:
      title: Tickets status
      description: How buying and scanning tickets works right now
      logo: logo.svg
      link: https://www.tickets.example
      link_text: tickets.example
      colours: {light: {accent: "#7a1fa2", ground: "#faf7fb"}, dark: {accent: "#d9a6f2", ground: "#151217"}}
      groups:
        - name: Shop
          description: What buyers see
          components:
            - {name: Website, checks: web, description: "Events, seats and the basket"}
            - {name: Search, checks: search}
            - {name: Payments, checks: "pay-*", description: Cards and bank transfers}
        - name: Partners
          components:
            - {name: Partner API, checks: api}
            - {name: Webhooks, checks: hooks}
            - {name: Resale, checks: new, description: New this week}
      subscribe: {email: letters, webhook: true}
    calm:
      title: Example status
      components: [{name: Website, checks: web}, {name: Search, checks: search}]
"""


def site(folder: Path) -> World:
    """All of it, below ``folder``."""
    (folder / "probes.yaml").write_text(CONFIG)
    (folder / "logo.svg").write_text(LOGO)
    clock = MovedClock(NOW)
    world = World(load(folder / "probes.yaml", {}, lenient=False), clock, Past(NOW), Store.in_memory(clock))
    _remember(world.past)
    _announce(world.store)
    return world


def _remember(past: Past) -> None:
    today = NOW - NOW % DAY_S
    for back, hours in ((61, 1.2), (33, 0.3), (9, 2.5)):
        past.was("pay-card", Stretch.DOWN, today - back * DAY_S + 30_000, today - back * DAY_S + 30_000 + hours * 3_600)
    past.was("pay-card", Stretch.DOWN, NOW - 47 * 60, NOW)
    past.was("search", Stretch.DEGRADED, today - 20 * DAY_S + 40_000, today - 20 * DAY_S + 52_000)
    past.was("search", Stretch.DEGRADED, today - 19 * DAY_S + 40_000, today - 19 * DAY_S + 42_000)
    past.was("api", Stretch.DOWN, today - 5 * DAY_S + 1_000, today - 5 * DAY_S + 4_000)
    past.was("api", Stretch.NO_DATA, today - 72 * DAY_S, today - 70 * DAY_S)
    past.was("hooks", Stretch.MAINTENANCE, today - 15 * DAY_S, today - 14 * DAY_S)
    past.was("hooks", Stretch.MAINTENANCE, NOW - 600, NOW)
    past.was("new", Stretch.NO_DATA, today - 90 * DAY_S, today - 6 * DAY_S)
    past.kept = [
        found("pay-card", NOW - 47 * 60),
        found("api", today - 5 * DAY_S + 1_000, today - 5 * DAY_S + 4_000),
        found("pay-card", today - 9 * DAY_S + 30_000, today - 9 * DAY_S + 39_000),
    ]


def _announce(store: Store) -> None:
    store.announce(
        Announcement(
            "1",
            "tickets",
            "Some cards are declined",
            Announced.WARNING,
            NOW - 40 * 60,
            text="A few banks decline cards. **Bank transfers work**; please use them meanwhile.",
            components=("payments",),
            updates=(
                Update(NOW - 31 * 60, "Investigating", "We are looking into it with our provider."),
                Update(NOW - 12 * 60, "Identified", "A certificate of our provider has expired. They are renewing it."),
            ),
        )
    )
    store.add_hush(
        Hush("h1", HushKind.MAINTENANCE, NOW - 600, NOW + 1_800, ("hooks",), public="Webhooks are delivered later.")
    )
    store.announce(
        Announcement(
            "2",
            "tickets",
            "Faster search",
            Announced.MAINTENANCE,
            NOW + 2 * DAY_S,
            NOW + 2 * DAY_S + 7_200,
            text="Search may return fewer results while we rebuild its index.",
            components=("search",),
        )
    )
