"""Subscribing over real sockets: a form, a letter by a real mail server, a webhook that is asked first."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import re
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from email.message import EmailMessage
from typing import Any

import httpx
import pytest
from fakes.alerts import AT
from fakes.mail import Mailbox, mail_server
from fakes.pages import KEY, PAGE, World, found, served
from fakes.receiver import Answer, Posted, Receiver, receiver
from fakes.storing import until

from prober.app.status import letter_senders
from prober.clock import MovedClock
from prober.delivery import Delivery
from prober.faults import Permanent, Retryable
from prober.history import Stretch
from prober.notify import Notifier, Receipt
from prober.store import Announced, Announcement, Subscriber, Update
from prober.web.status.board import Board
from prober.web.status.herald import Herald
from prober.web.status.hooks import HookLetters
from prober.web.status.letters import challenge, channel, link, signing_key, to_confirm
from prober.web.status.subscribing import MOST_OF_ONE, checked_email, checked_webhook

Make = Callable[..., World]
EMAIL, WEBHOOK = channel("main", "email"), channel("main", "webhook")
READER = Subscriber("reader-1", "main", "email", "ann@reader.example", AT - 900, AT - 900)


@pytest.fixture
def hook() -> Iterator[Receiver]:
    """A webhook that answers what it is challenged with."""
    with receiver(Answering) as running:
        yield running


class Answering(Receiver):
    def take(self, posted: Posted) -> Answer:
        said = super().take(posted)
        asked = posted.body.get("challenge") if isinstance(posted.body, dict) else None
        return Answer(200, asked.encode()) if asked and said.status == 200 else said


def senders(world: World) -> dict[str, Notifier]:
    found = letter_senders(world.loaded.config, world.store, lambda: world.key)
    return {name: sender for name, (sender, _) in found.items()}


async def delivered(world: World, name: str) -> list[Receipt]:
    """Send all that waits there."""
    receipts, sender = [], senders(world)[name]
    while row := world.store.claim(name, "me", 30.0):
        receipts.append(await sender.send(row.notice))
        assert world.store.mark_sent(row.id, "me", str(receipts[-1].status))
    return receipts


def mailing(make: Make, act: Callable[[World, Mailbox], Awaitable[None]]) -> None:
    """``act`` in a world with a mail server."""

    async def all_of_it() -> None:
        async with mail_server(Mailbox()) as mailbox:
            server = f"host: 127.0.0.1, port: {mailbox.port}, tls: none"
            await act(make(PAGE.replace("host: mail.internal.example", server)), mailbox)

    asyncio.run(all_of_it())


def text_of(message: EmailMessage) -> str:
    part = message.get_body(("plain",))
    assert part is not None
    return str(part.get_content())


def link_in(message: EmailMessage, word: str) -> str:
    (address,) = re.findall(rf"https://status\.example(/\S+/{word}\?sig=\w+)", text_of(message))
    return str(address)


def down(world: World, since: float = AT - 600) -> None:
    world.past.was("private-pay", Stretch.DOWN, since, AT + 3_600)
    world.past.kept = [found("private-pay", since)]


def herald(world: World) -> Herald:
    return Herald(Board(world.offer, world.past, world.clock))


# By email.


def test_who_subscribes_confirms_is_told_and_leaves(make: Make) -> None:
    async def act(world: World, mailbox: Mailbox) -> None:
        with served(world) as client:
            asked = await asyncio.to_thread(
                client.post, "/status/main/subscribe", data={"kind": "email", "address": "ann@reader.example"}
            )
            assert (asked.status_code, world.woken) == (202, 1)
            await delivered(world, EMAIL)
            down(world)
            assert herald(world).look() == 0
            confirm = link_in(mailbox.messages[0], "confirm")
            question = await asyncio.to_thread(client.get, confirm)
            assert "<button" in question.text
            assert world.store.subscribers("main") == ()
            assert "You will be told" in (await asyncio.to_thread(client.post, confirm)).text
            world.pass_time()
            down(world, AT + 1)
            assert herald(world).look() == 1
            await delivered(world, EMAIL)
            letter = mailbox.messages[1]
            assert letter["Subject"] == "Detected: Payments: outage in Europe"
            assert "private" not in mailbox.raw[1].decode()
            assert letter["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
            leave = letter["List-Unsubscribe"].strip("<>").removeprefix("https://status.example")
            assert leave == link_in(letter, "unsubscribe")
            assert f"List-Unsubscribe: <https://status.example{leave}>\r\n".encode() in mailbox.raw[1]
            gone = await asyncio.to_thread(client.post, leave, data={"List-Unsubscribe": "One-Click"})
            assert gone.status_code == 200
        assert mailbox.recipients == [["ann@reader.example"], ["ann@reader.example"]]
        assert world.store.subscribers("main") == ()

    mailing(make, act)


def test_what_was_on_its_way_to_somebody_who_left_is_not_sent(make: Make) -> None:
    async def act(world: World, mailbox: Mailbox) -> None:
        world.store.subscribe(READER)
        down(world)
        assert herald(world).look() == 1
        world.store.unsubscribe(READER.id)
        assert await delivered(world, EMAIL) == [Receipt(204, "no longer subscribed")]
        assert mailbox.messages == []

    mailing(make, act)


def test_an_address_that_is_refused_for_good_is_forgotten_and_breaks_nothing(make: Make) -> None:
    async def act(world: World, mailbox: Mailbox) -> None:
        world.store.subscribe(READER)
        down(world)
        herald(world).look()
        mailbox.refused = {"ann@reader.example": "550 no such user"}
        (receipt,) = await delivered(world, EMAIL)
        assert receipt.status == 550
        assert world.store.subscribers("main") == ()

    mailing(make, act)


def test_a_server_that_is_busy_is_tried_again_for_a_day(make: Make) -> None:
    async def act(world: World, mailbox: Mailbox) -> None:
        world.store.subscribe(READER)
        down(world)
        herald(world).look()
        mailbox.data_answer = "451 later"
        with pytest.raises(Retryable):
            await delivered(world, EMAIL)
        mailbox.data_answer = "554 never"
        world.clock.advance(31.0)
        with pytest.raises(Permanent):
            await delivered(world, EMAIL)
        mailbox.data_answer = "451 later"
        world.clock.advance(90_000.0)
        (receipt,) = await delivered(world, EMAIL)
        assert receipt.status == 504

    mailing(make, act)


def test_every_update_is_told_once_to_each_over_restarts(world: World) -> None:
    for number in range(3):
        world.store.subscribe(replace(READER, id=f"reader-{number}", address=f"a{number}@reader.example"))
    down(world)
    world.store.announce(Announcement("1", "main", "Slow", Announced.WARNING, AT - 60))
    first = herald(world)
    assert (first.look(), first.look()) == (6, 0)
    assert herald(world).look() == 6  # a restart puts all of it down again, and the outbox has it already
    assert world.store.pending() == {EMAIL: 6}
    world.store.add_update("main", "1", Update(AT, "Resolved", "Done."), AT)
    assert first.look() == 3
    assert world.store.pending() == {EMAIL: 9}


def test_an_end_is_told_when_it_has_lasted(world: World) -> None:
    world.store.subscribe(READER)
    world.past.was("private-pay", Stretch.DOWN, AT - 600, AT)
    world.past.kept = [found("private-pay", AT - 600, AT)]
    look = herald(world)
    assert look.look() == 1
    world.pass_time(59.0)
    assert look.look() == 0
    world.pass_time(1.0)
    assert look.look() == 1
    kinds = [row.notice.kind.value for row in world.store.outbox()]
    assert kinds == ["resolve", "trigger"]


def test_nobody_is_told_what_was_said_before_they_came(world: World) -> None:
    world.store.subscribe(replace(READER, confirmed_at=AT - 300))
    down(world)
    assert herald(world).look() == 0


def test_while_the_store_is_away_nothing_is_told_and_all_of_it_later(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.store.subscribe(READER)
    down(world)
    world.past.away = True
    look = herald(world)
    assert look.look() == 0
    assert "subscribers were not told" in caplog.text
    world.past.away = False
    assert look.look() == 1


# What strangers learn.


def test_nobody_learns_who_is_subscribed(world: World, client: httpx.Client) -> None:
    world.store.subscribe(READER)
    answers = [
        client.post("/status/main/subscribe", data={"kind": "email", "address": address})
        for address in ("ann@reader.example", "new@reader.example", "new@reader.example")
    ]
    assert len({(answer.status_code, answer.text) for answer in answers}) == 1
    assert world.store.pending() == {EMAIL: 1}


def test_asking_is_limited_for_one_and_for_all(world: World, client: httpx.Client) -> None:
    def ask(number: int) -> httpx.Response:
        return client.post("/status/main/subscribe", data={"kind": "email", "address": f"a{number}@reader.example"})

    assert {ask(number).status_code for number in range(MOST_OF_ONE)} == {202}
    refused = ask(99)
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "600")
    world.clock.advance(601.0)
    assert ask(99).status_code == 202


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ({"kind": "email", "address": "nobody"}, 422),
        ({"kind": "email", "address": "Ann <ann@reader.example>"}, 422),
        ({"kind": "email", "address": "a@b.example\r\nBcc: c@d.example"}, 422),
        ({"kind": "email", "address": f"{'a' * 250}@b.example"}, 422),
        ({"kind": "email", "address": "root@localhost"}, 422),
        ({"kind": "email", "address": "a..b@c.example"}, 422),
        ({"kind": "email", "address": '"a b"@c.example'}, 422),
        ({"kind": "email", "address": "a,b@c.example"}, 422),
        ({"kind": "email", "address": "a@-c.example"}, 422),
        ({"kind": "email"}, 422),
        ({"kind": "webhook", "address": "ftp://a.example/"}, 422),
        ({"kind": "webhook", "address": "https://user:pass@a.example/"}, 422),
        ({"kind": "sms", "address": "1"}, 404),
        ({}, 404),
        ({"kind": "email", "address": "x" * 5_000}, 413),
    ],
)
def test_what_is_no_address_is_refused(world: World, client: httpx.Client, form: dict[str, str], status: int) -> None:
    assert client.post("/status/main/subscribe", data=form).status_code == status
    assert world.store.pending() == {}


def test_a_page_without_subscriptions_takes_none(client: httpx.Client) -> None:
    assert client.post("/status/bare/subscribe", data={"kind": "email", "address": "a@b.example"}).status_code == 404


def test_links_prove_themselves_and_opening_one_does_nothing(world: World, client: httpx.Client) -> None:
    world.store.subscribe(READER)
    leave = link("", KEY, "main", READER.id, "unsubscribe")
    for wrong in (leave[:-1] + ("0" if leave[-1] != "0" else "1"), leave.partition("?")[0], leave.replace("-1", "-2")):
        assert client.post(wrong).status_code == 403
    assert client.post(leave.replace("unsubscribe", "confirm")).status_code == 403
    assert client.get(leave).status_code == 200
    assert len(world.store.subscribers("main")) == 1
    assert client.post(leave).status_code == 200
    assert client.post(leave).status_code == 200
    world.key = None
    assert client.post(leave).status_code == 503


def test_addresses_are_taken_as_they_are_dialled() -> None:
    assert checked_email("Ann@Reader.EXAMPLE") == "Ann@reader.example"
    assert checked_webhook("https://a.example:8443/x?y=1", private=False)
    for private in (
        "http://127.0.0.1/",
        "http://10.0.0.1/",
        "http://[::1]/",
        "http://169.254.169.254/latest",
        "http://[::ffff:10.0.0.1]/",
        "http://localhost:9115/",
        "http://a.localhost/",
    ):
        with pytest.raises(ValueError, match="public Internet"):
            checked_webhook(private, private=False)
        assert checked_webhook(private, private=True)


# By webhook.


def test_a_webhook_is_asked_first_and_told_when_it_has_answered(
    world: World, client: httpx.Client, hook: Receiver
) -> None:
    assert (
        client.post("/status/main/subscribe", data={"kind": "webhook", "address": f"{hook.url}/in"}).status_code == 202
    )
    (receipt,) = asyncio.run(delivered(world, WEBHOOK))
    assert receipt.detail == "confirmed"
    (asked,) = hook.wait_for(1)
    assert asked.body["type"] == "challenge"
    world.pass_time()
    down(world, AT + 1)
    assert herald(world).look() == 1
    asyncio.run(delivered(world, WEBHOOK))
    told = hook.wait_for(2)[1]
    assert (told.body["type"], told.body["state"], told.body["over"]) == ("update", "Detected", False)
    assert "private" not in json.dumps(told.body)
    signed = f"{told.headers['X-Prober-Timestamp']}.".encode() + told.raw
    expected = hmac.new(asked.body["signing_key"].encode(), signed, hashlib.sha256).hexdigest()
    assert told.headers["X-Prober-Signature"] == f"v1={expected}"
    leave = told.body["unsubscribe_url"].removeprefix("https://status.example")
    assert client.post(leave).status_code == 200
    assert world.store.subscribers("main") == ()


def test_a_webhook_that_does_not_answer_is_asked_for_an_hour(world: World) -> None:
    with receiver() as deaf:
        world.store.subscribe(Subscriber("h", "main", "webhook", f"{deaf.url}/", AT))
        world.store.post([to_confirm(Subscriber("h", "main", "webhook", f"{deaf.url}/", AT), "E", AT)])
        with pytest.raises(Retryable, match="not answered"):
            asyncio.run(delivered(world, WEBHOOK))
        world.clock.advance(3_700.0)
        (receipt,) = asyncio.run(delivered(world, WEBHOOK))
    assert receipt.detail.startswith("given up")
    assert world.store.subscribers("main") == ()


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_what_leads_to_a_private_address_is_never_called(world: World, hook: Receiver, name: str) -> None:
    guarded = HookLetters("main", "E", world.store, "https://status.example", lambda: KEY)
    address = hook.url.replace("127.0.0.1", name)
    world.store.subscribe(Subscriber("h", "main", "webhook", f"{address}/", AT - 900, AT - 900))
    down(world)
    herald(world).look()
    row = world.store.claim(WEBHOOK, "me", 30.0)
    assert row is not None
    receipt = asyncio.run(guarded.send(row.notice))
    assert receipt == Receipt(400, "not an address of the public Internet")
    assert hook.posted == []


def test_a_redirect_is_not_followed_and_a_webhook_that_is_gone_is_forgotten(world: World, hook: Receiver) -> None:
    world.store.subscribe(Subscriber("h", "main", "webhook", f"{hook.url}/in", AT - 900, AT - 900))
    down(world)
    herald(world).look()
    hook.answers.append(Answer(302, b"", {"Location": f"{hook.url}/elsewhere"}))
    with pytest.raises(Retryable, match="answered 302"):
        asyncio.run(delivered(world, WEBHOOK))
    world.clock.advance(31.0)
    hook.answers.append(Answer(410))
    assert asyncio.run(delivered(world, WEBHOOK))[0].status == 410
    assert [posted.path for posted in hook.posted] == ["/in", "/in"]
    assert world.store.subscribers("main") == ()


def test_a_delivery_that_is_restarted_tells_all_of_it_once(world: World, hook: Receiver) -> None:
    for number in range(4):
        world.store.subscribe(Subscriber(f"h{number}", "main", "webhook", f"{hook.url}/{number}", AT - 900, AT - 900))
    down(world)
    for _ in range(2):
        herald(world).look()
        delivery = Delivery(world.store, senders(world), MovedClock(AT), per_minute={WEBHOOK: 600})
        delivery.start()
        try:
            until(lambda: world.store.pending() == {})
        finally:
            delivery.close(1.0)
    assert sorted(posted.path for posted in hook.posted) == ["/0", "/1", "/2", "/3"]
    assert len({posted.headers["Idempotency-Key"] for posted in hook.posted}) == 4


def test_keys_and_challenges_are_each_ones_own() -> None:
    made: list[Any] = [f(KEY, one) for f in (signing_key, challenge) for one in ("a", "b")]
    assert len(set(made)) == 4
