"""Email, to a real SMTP server: threads, TLS, logins, refusals, and headers nobody can add to."""

import asyncio
import socket
import ssl
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path
from typing import Any

import pytest
from fakes.alerts import EVERY_KIND, HOSTILE, REMINDER, RESOLVE, TRIGGER
from fakes.authority import Authority
from fakes.channels import GOLDEN, named, open_sender
from fakes.mail import Mailbox, mail_server
from pydantic import ValidationError

from prober.faults import DeliveryFault, Permanent, Retryable
from prober.model import Notice, NoticeKind
from prober.notify import Receipt, email
from prober.notify.email.message import address, email_of

FROM = address("Prober <prober@example.com>")
TO = [address("ops@example.com"), address("Jörg <joerg@example.com>")]
SETTINGS = {
    "kind": "email",
    "host": "localhost",
    "tls": "none",
    "from": "Prober <prober@example.com>",
    "to": ["ops@example.com", "Jörg <joerg@example.com>"],
}


def deliver(
    mailbox: Mailbox, *notices: Notice, server: dict[str, Any] | None = None, earlier: str = "", **more: Any
) -> list[Receipt]:
    async def main() -> list[Receipt]:
        opened: AbstractAsyncContextManager[Mailbox] = mail_server(mailbox, **(server or {}))
        async with opened:
            sender = open_sender({**SETTINGS, "port": mailbox.port, **more})
            receipts = [await sender.send(notice, earlier) for notice in notices]
            await sender.close()
            return receipts

    return asyncio.run(main())


def refusal(mailbox: Mailbox, **more: Any) -> DeliveryFault:
    with pytest.raises(DeliveryFault) as caught:
        deliver(mailbox, TRIGGER, **more)
    assert "canary" not in str(caught.value)
    return caught.value


@pytest.mark.parametrize("notice", EVERY_KIND, ids=lambda notice: notice.kind.value)
def test_an_email_is_what_its_golden_file_says(notice: Notice) -> None:
    golden = GOLDEN / f"email-{named(notice)}.eml"
    assert email_of(notice, FROM, TO).as_bytes() == golden.read_bytes()


def test_an_email_arrives_as_text_and_html_with_the_headers_machines_want() -> None:
    mailbox = Mailbox()
    (receipt,) = deliver(mailbox, TRIGGER)
    (message,) = mailbox.messages
    assert mailbox.recipients == [["ops@example.com", "joerg@example.com"]]
    assert message["Subject"] == "Down: The storefront"
    assert message["From"] == "Prober <prober@example.com>"
    assert str(message["To"]) == "ops@example.com, Jörg <joerg@example.com>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]
    assert "failed 3 times in a row" in part_of(message, "plain")
    assert "&lt;html&gt;down &amp; out&lt;/html&gt;" in part_of(message, "html")
    assert receipt.reference == message["Message-ID"]


def part_of(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    assert part is not None
    return str(part.get_content())


def test_what_follows_refers_to_the_incidents_first() -> None:
    mailbox = Mailbox()
    receipts = deliver(mailbox, TRIGGER, REMINDER, RESOLVE)
    first, *later = mailbox.messages
    assert {receipt.reference for receipt in receipts} == {first["Message-ID"]}
    assert "References" not in first
    for message in later:
        assert message["References"] == message["In-Reply-To"] == first["Message-ID"]
    assert len({message["Message-ID"] for message in mailbox.messages}) == 3


def test_what_was_told_first_here_is_referred_to_where_it_was_no_trigger() -> None:
    mailbox = Mailbox()
    deliver(mailbox, RESOLVE, earlier="<abc.def@example.com>")
    assert mailbox.messages[0]["In-Reply-To"] == "<abc.def@example.com>"


def test_the_same_notice_is_the_same_message_however_often_it_is_sent() -> None:
    assert email_of(TRIGGER, FROM, TO).as_bytes() == email_of(TRIGGER, FROM, TO).as_bytes()


@pytest.mark.parametrize("kind", NoticeKind)
def test_no_text_adds_a_header_or_breaks_the_message(kind: NoticeKind) -> None:
    notice = replace(HOSTILE, kind=kind, id="x\r\nBcc: a@b.example", incident_id="y\r\nBcc: a@b.example")
    raw = email_of(notice, FROM, TO, "<x@y>\r\nBcc: evil@evil.example").as_bytes()
    message: Any = BytesParser(policy=policy.SMTP).parsebytes(raw)
    assert set(message.keys()) <= {
        "From",
        "To",
        "Subject",
        "Date",
        "Message-ID",
        "In-Reply-To",
        "References",
        "Auto-Submitted",
        "X-Auto-Response-Suppress",
        "MIME-Version",
        "Content-Type",
    }
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    assert len(message["Subject"]) <= 200
    assert len(raw) < 400_000
    page = part_of(message, "html")
    assert "<!channel>" not in page
    assert "javascript" not in page
    assert "<https" not in page


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.mark.parametrize("way", ["starttls", "tls"])
def test_it_logs_in_over_an_encrypted_connection(way: str, authority: Authority) -> None:
    mailbox = Mailbox()
    server = {way: authority.good(), "login": way == "starttls"}
    login = {"username": "prober", "password": "canary pass"} if way == "starttls" else {}
    deliver(mailbox, TRIGGER, server=server, tls=way, ca_file=authority.ca_file, **login)
    assert mailbox.encrypted == [True]
    assert len(mailbox.messages) == 1
    if way == "starttls":
        assert [(one.login, one.password) for one in mailbox.logins] == [(b"prober", b"canary pass")]


def test_a_login_that_is_refused_is_permanent_and_not_shown(authority: Authority) -> None:
    mailbox = Mailbox()
    mailbox.accepts_login = False
    login = {"username": "prober-canary", "password": "canary pass"}
    server = {"starttls": authority.good(), "login": True}
    found = refusal(mailbox, server=server, tls="starttls", ca_file=authority.ca_file, **login)
    assert isinstance(found, Permanent)
    assert str(found).startswith("535 ")


@pytest.mark.parametrize("fault", ["expired", "wrong_host", "unknown_authority"])
def test_a_certificate_that_does_not_hold_is_not_spoken_to(fault: str, authority: Authority) -> None:
    mailbox = Mailbox()
    context: ssl.SSLContext = getattr(authority, fault)()
    found = refusal(mailbox, server={"tls": context}, tls="tls", ca_file=authority.ca_file)
    assert isinstance(found, Retryable)
    assert mailbox.messages == []


def test_a_server_without_starttls_gets_no_plain_text() -> None:
    mailbox = Mailbox()
    assert isinstance(refusal(mailbox, tls="starttls"), Permanent)
    assert mailbox.messages == []


@pytest.mark.parametrize(
    ("answer", "kind"),
    [("451 try later", Retryable), ("421 closing", Retryable), ("554 no spam", Permanent), ("552 too big", Permanent)],
)
def test_4xx_passes_and_5xx_stays(answer: str, kind: type[DeliveryFault]) -> None:
    mailbox = Mailbox()
    mailbox.data_answer = answer
    found = refusal(mailbox)
    assert isinstance(found, kind)
    assert answer in str(found)


def test_one_recipient_who_is_taken_is_enough_and_the_other_is_named() -> None:
    mailbox = Mailbox()
    mailbox.refused = {"ops@example.com": "550 no such user"}
    (receipt,) = deliver(mailbox, TRIGGER)
    assert mailbox.recipients == [["joerg@example.com"]]
    assert "ops@example.com was refused: 550 no such user" in receipt.detail


@pytest.mark.parametrize(
    ("answers", "kind"),
    [(("550 no", "550 no"), Permanent), (("450 greylisted", "550 no"), Retryable)],
)
def test_recipients_who_are_all_refused_are_waited_for_if_one_may_be_taken(
    answers: tuple[str, str], kind: type[DeliveryFault]
) -> None:
    mailbox = Mailbox()
    mailbox.refused = dict(zip(("ops@example.com", "joerg@example.com"), answers, strict=True))
    assert isinstance(refusal(mailbox), kind)


def test_nobody_listening_is_retryable() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        sender = open_sender({**SETTINGS, "host": "127.0.0.1", "port": unused.getsockname()[1]})
        with pytest.raises(Retryable):
            asyncio.run(sender.send(TRIGGER))


@pytest.mark.parametrize(
    "changed",
    [
        {"from": "nobody"},
        {"from": "a@b.example\r\nBcc: c@d.example"},
        {"from": "A <a@b.example>, B <b@b.example>"},
        {"to": []},
        {"to": ["a@b@c"]},
        {"to": ["ä@example.com"]},
        {"host": "a b"},
        {"username": "u"},
        {"password": "p"},
        {"username": "u", "password": "p"},  # over a connection that is not encrypted
    ],
)
def test_settings_that_cannot_work_are_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        email.Spec.model_validate({**SETTINGS, **changed})
