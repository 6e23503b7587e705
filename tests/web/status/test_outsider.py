"""What leaves the prober for somebody whom nobody knows: of a configuration full of marks, not one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import httpx
import pytest
from fakes.alerts import AT, TRIGGER
from fakes.pages import World, found, served
from starlette.routing import BaseRoute, Mount, Route

from prober.history import Stretch
from prober.model import Condition, Hush, HushKind, Verdict
from prober.store import Subscriber
from prober.web import Row, create_app

MARK = "zz-private"
MARKED = """
regions: [zz-private-region, zz-private-other]
checks:
  - id: zz-private-check
    title: zz-private title
    kind: http
    url: https://zz-private-host.example/zz-private-path?zz-private-query=1
    tags: [zz-private-tag]
    runbook: https://zz-private-runbook.example/
    regions: [zz-private-region]
    headers: {X-Zz-Private-Header: zz-private-header-value}
  - id: zz-private-hidden
    kind: tcp
    address: zz-private-tcp.example:1
channels:
  zz-private-channel:
    kind: email
    host: zz-private-mail.example
    from: "Zz-private <zz-private@example.com>"
    to: zz-private-to@example.com
  zz-private-hook: {kind: webhook, url: https://zz-private-hook.example/}
routes:
  - {channels: [zz-private-channel, zz-private-hook]}
maintenance:
  - {schedule: "0 3 * * *", duration: 1h, reason: zz-private window, tags: [zz-private-tag]}
web:
  public_url: https://status.example
  status_pages:
    main:
      title: Example status
      logo: zz-private-logo.svg
      announcements: news
      components: [{name: Shop, checks: ["zz-private-c*"], latency: true}]
      groups: [{name: More, components: [{name: Tagged, tags: [zz-private-tag]}]}]
      subscribe: {email: zz-private-channel, webhook: true}
"""
LOGO = f"<svg xmlns='http://www.w3.org/2000/svg'><!-- {MARK} --><metadata>{MARK}</metadata><path d='M0 0'/></svg>"
NEWS = "---\ntitle: Slow\nkind: warning\nstarts: 2023-11-14 22:00\ncomponents: [shop]\n---\nHm."
AUTH = """
  auth:
    tokens: {zz-private-token: {token: zz-private-token-0123456789, scopes: [admin]}}
"""
EVERYWHERE = "0.0.0.0"
PUBLIC = {
    "page": ["main", "nowhere", MARK],
    "component": ["shop", "tagged", "zz-private-check"],
    "kind": ["uptime-7d", "uptime-30d", "uptime-90d", "state", "p95", "nothing"],
    "action": ["confirm", "unsubscribe", "ack", "silence"],
}
"""What a path may be asked with; anything else is asked with what is private."""

Make = Callable[..., World]


def marked(make: Make, more: str = "") -> World:
    """A world in which everything went wrong that can be told of, under names that nobody may hear."""
    base = make("checks: []").loaded.base
    (base / "zz-private-logo.svg").write_text(LOGO)
    world = make(MARKED + more)
    world.news("zz-private-file", NEWS)
    world.past.was("zz-private-check", Stretch.DOWN, AT - 3_600, AT)
    world.past.kept = [
        found(
            "zz-private-check",
            AT - 3_600 * number,
            None if number == 1 else AT - 3_600 * number + 60,
            id=f"zz-private-incident-{number}",
            region="zz-private-region",
            message="zz-private message",
            acked_by="zz-private somebody",
            condition=condition,
            notice=TRIGGER,
        )
        for number, condition in enumerate(Condition, 1)
    ]
    world.store.add_hush(
        Hush("zz-private-hush", HushKind.MAINTENANCE, AT + 60, AT + 90, ("zz-private-*",), (), "zz-private why", MARK)
    )
    world.store.subscribe(Subscriber("zz-private-subscriber", "main", "email", "zz-private@reader.example", AT, AT))
    world.rows = [
        Row(one.id, one.kind, one.target, Verdict.DOWN, "zz-private title", None, "zz-private message")
        for one in world.loaded.config.checks
    ]
    return world


def paths(routes: list[BaseRoute], prefix: str = "") -> Iterator[tuple[str, set[str]]]:
    """Every path there is, with its methods."""
    for route in routes:
        if isinstance(route, Mount):
            yield from paths(list(route.routes), prefix + route.path)
        elif isinstance(route, Route):
            yield prefix + route.path, route.methods or {"GET", "POST", "DELETE"}


def filled(path: str) -> Iterator[str]:
    names = re.findall(r"{(\w+)(?::\w+)?}", path)
    for values in product(*(PUBLIC.get(name, ["zz-private-check", "zz-private-incident-1"]) for name in names)):
        shown = path
        for name, value in zip(names, values, strict=True):
            shown = re.sub(rf"{{{name}(?::\w+)?}}", value, shown)
        yield shown


def told(answer: httpx.Response) -> str:
    """All of an answer, in small letters."""
    return "\n".join([*(f"{name}: {value}" for name, value in answer.headers.items()), answer.text]).lower()


def asked(client: httpx.Client, world: World, where: str = "") -> Iterator[tuple[str, httpx.Response]]:
    """Everything there is below ``where``, asked for in every way there is."""
    bodies: list[dict[str, Any]] = [
        {"json": {"title": "x", "kind": "outage", "about": "zz-private-incident-1", "state": "x"}},
        {"data": {"kind": "email", "address": "a@b.example", "by": "me", "for": "1h"}},
        {"data": {"kind": "email", "address": "zz-private@reader.example"}},
        {"data": {"kind": "webhook", "address": "https://hook.example/"}},
    ]
    for path, methods in paths(list(create_app(world.view()).routes)):
        for url in filled(path):
            if not url.startswith(where):
                continue
            for method in methods:
                for body in bodies if method not in ("GET", "HEAD") else [{}]:
                    yield f"{method} {url}", client.request(method, url, **body)


def test_no_mark_leaves_by_a_status_page_its_badges_its_feeds_or_its_forms(make: Make) -> None:
    world = marked(make)
    count, kinds = 0, set[int]()
    with served(world, host=EVERYWHERE) as client:
        for what, answer in asked(client, world, "/status"):
            assert answer.status_code < 500, what
            assert MARK not in told(answer), what
            count += 1
            kinds.add(answer.status_code)
        page = client.get("/status/main").text
    assert count > 60
    assert {200, 202, 403, 404} <= kinds
    assert "Shop and Tagged: outage" in page
    assert "Slow" in page


@pytest.mark.parametrize("auth", ["", AUTH], ids=["without auth", "with auth"])
def test_no_mark_leaves_by_any_other_route_to_whoever_asks_from_outside(make: Make, auth: str) -> None:
    world = marked(make, auth)
    refused = 0
    with served(world, host=EVERYWHERE) as client:
        for what, answer in asked(client, world):
            # Where to log in, and then to go on, is what was asked for; what Prometheus scrapes is meant for it.
            answer.headers.pop("location", None)
            if "/status/" not in what and "/metrics" not in what:
                assert MARK not in told(answer), what
                refused += answer.status_code in (303, 401)
    assert refused > 100
    assert world.store.announcements("main", 0.0) == ()
    assert world.store.hushes(0.0)[0].id == "zz-private-hush"


def test_nothing_that_is_private_was_in_what_templates_get(make: Make) -> None:
    from prober.web.status.board import Board

    world = marked(make)
    page = Board(world.offer, world.past, world.clock).make("main")
    assert MARK not in repr(page)
    assert len(page.current) + len(page.past) >= 3
    assert len(page.maintenance) > 1
