"""The pages behind the links in notices: they ask, and only their form does anything."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import httpx
import pytest
from fakes.alerts import AT
from fakes.storing import incident
from prometheus_client import CollectorRegistry

from prober.clock import MovedClock
from prober.faults import Retryable
from prober.model import Incident
from prober.sinks.prometheus import Exposition
from prober.web import Health, Matter, View, WebServer, create_app, holds, incident_links

KEY = b"k" * 32
NASTY = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"


class Desk:
    """One incident, and what was done about it."""

    def __init__(self) -> None:
        self.incident: Incident | None = incident()
        self.others: tuple[str, ...] = ()
        self.away = False
        self.asked = 0
        self.silences: list[tuple[float, str]] = []

    def verify(self, action: str, incident_id: str, signature: str) -> bool:
        return holds(KEY, action, incident_id, signature)

    def matter(self, incident_id: str) -> Matter | None:
        self.asked += 1
        if self.away:
            raise Retryable("the store is away")
        return Matter(self.incident, self.others) if self.incident and self.incident.id == incident_id else None

    def ack(self, incident_id: str, by: str) -> Matter | None:
        if self.incident is not None:
            self.incident = replace(self.incident, acked_at=AT + 120, acked_by=by)
        return self.matter(incident_id)

    def silence(self, incident_id: str, seconds: float, by: str) -> Matter | None:
        self.silences.append((seconds, by))
        return self.matter(incident_id)


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def client(desk: Desk) -> Iterator[httpx.Client]:
    view = View(
        region="eu-west-1",
        exposition=Exposition("prober", "eu-west-1"),
        registry=CollectorRegistry(),
        snapshot=list,
        healthy=lambda: Health(True),
        ready=lambda: Health(True),
        clock=MovedClock(AT + 300),
        replies=desk,
    )
    server = WebServer(create_app(view), "127.0.0.1", 0)
    server.start()
    with httpx.Client(base_url=f"http://127.0.0.1:{server.port}", timeout=10) as client:
        yield client
    server.stop(5.0)


def link(action: str, incident_id: str = "5f2b") -> str:
    """The link as a notice has it, without the host."""
    ack, silence = (url for _, url in incident_links("https://status.example", KEY, incident_id))
    return (ack if action == "ack" else silence).removeprefix("https://status.example")


class Page(HTMLParser):
    """The tags of a page, and the form as a browser would send it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.fields: dict[str, list[str]] = {}
        self.handlers: list[str] = []
        self.method = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        values: dict[str, Any] = dict(attrs)
        self.handlers += [name for name in values if name.startswith("on")]
        if tag == "form":
            assert "action" not in values  # sent to where it came from, signature and all
            self.method = values["method"]
        if tag == "input":
            self.fields.setdefault(values["name"], []).append(values.get("value", ""))


@pytest.mark.parametrize("action", ["ack", "silence"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_opening_a_link_asks_and_does_nothing(desk: Desk, client: httpx.Client, action: str, method: str) -> None:
    before = desk.incident
    for _ in range(3):
        assert client.request(method, link(action)).status_code == 200
    assert (desk.incident, desk.silences) == (before, [])


def test_the_page_says_what_it_is_about_since_when_and_what_was_seen(desk: Desk, client: httpx.Client) -> None:
    desk.others = ("checkout", "login")
    text = client.get(link("ack")).text
    for part in (
        "storefront",
        "down",
        "for 5m, since",
        "2023-11-14 22:13 UTC",
        "503",
        "checkout, login",
        "Acknowledge",
    ):
        assert part in text
    form = Page(text)
    assert (form.method, set(form.fields)) == ("post", {"by"})


def test_sending_the_form_acknowledges_by_that_name(desk: Desk, client: httpx.Client) -> None:
    done = client.post(link("ack"), data={"by": "  Ada\r\nLovelace "})
    assert done.status_code == 200
    assert "Acknowledged by <b>Ada Lovelace</b>" in done.text
    assert "form" not in Page(done.text).tags
    assert desk.incident is not None
    assert desk.incident.acked_by == "Ada Lovelace"


def test_what_is_acknowledged_or_over_offers_nothing_more_to_acknowledge(desk: Desk, client: httpx.Client) -> None:
    desk.incident = incident(acked_at=AT + 60, acked_by="Grace")
    text = client.get(link("ack")).text
    assert ("Acknowledged by <b>Grace</b>" in text, "form" in Page(text).tags) == (True, False)
    desk.incident = incident(closed_at=AT + 120, finished=True)
    text = client.get(link("ack")).text
    assert ("nothing to acknowledge" in text, "after 2m" in text, "form" in Page(text).tags) == (True, True, False)


@pytest.mark.parametrize(
    ("choice", "seconds", "until"),
    [
        ("1h", 3600.0, "2023-11-14 23:18 UTC"),
        ("4h", 14_400.0, "2023-11-15 02:18 UTC"),
        ("tomorrow", 34_900.0, "2023-11-15 08:00 UTC"),
    ],
)
def test_a_silence_lasts_as_long_as_was_chosen(
    desk: Desk, client: httpx.Client, choice: str, seconds: float, until: str
) -> None:
    form = Page(client.get(link("silence")).text)
    assert form.fields["for"] == ["1h", "4h", "tomorrow"]
    done = client.post(link("silence"), data={"by": "Ada", "for": choice})
    assert (done.status_code, f"Silenced until {until}" in done.text) == (200, True)
    assert desk.silences == [(pytest.approx(seconds), "Ada")]


@pytest.mark.parametrize(
    ("action", "data", "complaint"),
    [
        ("ack", {}, "Say who you are"),
        ("ack", {"by": " \x00\n"}, "Say who you are"),
        ("silence", {"by": "Ada"}, "Choose for how long"),
        ("silence", {"by": "Ada", "for": "99h"}, "Choose for how long"),
    ],
)
def test_a_form_that_lacks_something_is_asked_again(
    desk: Desk, client: httpx.Client, action: str, data: dict[str, str], complaint: str
) -> None:
    answer = client.post(link(action), data=data)
    assert (answer.status_code, complaint in answer.text, Page(answer.text).method) == (400, True, "post")
    assert desk.incident is not None
    assert (desk.incident.acked_at, desk.silences) == (None, [])


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    "path",
    [
        "/incidents/5f2b/ack",
        "/incidents/5f2b/ack?sig=",
        "/incidents/5f2b/ack?sig=" + "0" * 64,
        "/incidents/77aa/ack?sig=" + link("ack").rpartition("=")[2],
        "/incidents/5f2b/silence?sig=" + link("ack").rpartition("=")[2],
        "/incidents/5f2b/ack?sig=%ff%00",
    ],
)
def test_a_link_that_was_not_sent_is_refused_before_anything_is_asked(
    desk: Desk, client: httpx.Client, method: str, path: str
) -> None:
    answer = client.request(method, path, content=b"by=Eve" if method == "POST" else None)
    assert (answer.status_code, desk.asked) == (403, 0)
    assert "Take it from the alert again" in answer.text


def test_what_is_not_there_is_404_and_an_absent_store_503(desk: Desk, client: httpx.Client) -> None:
    assert client.get(link("ack", "77aa")).status_code == 404
    assert client.get("/incidents/5f2b/delete?sig=x").status_code == 404
    assert client.get("/incidents/5f2b?sig=x").status_code == 404
    desk.away = True
    for method in ("GET", "POST"):
        answer = client.request(method, link("ack"))
        assert (answer.status_code, "Nothing was changed" in answer.text) == (503, True)


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
def test_no_other_method_is_known(client: httpx.Client, method: str) -> None:
    answer = client.request(method, link("ack"))
    assert (answer.status_code, set(answer.headers["allow"].split(", "))) == (405, {"GET", "HEAD", "POST"})


def test_a_body_that_is_no_form_or_too_long_does_nothing(desk: Desk, client: httpx.Client) -> None:
    assert client.post(link("ack"), content=b"by=" + b"a" * 5_000).status_code == 413
    assert client.post(link("ack"), content=b"&".join(b"a%d=1" % number for number in range(50))).status_code == 400
    assert client.post(link("ack"), content=b"\xff\xfe{}").status_code == 400
    assert desk.incident is not None
    assert desk.incident.acked_at is None


def test_a_body_that_never_ends_is_cut_off_and_others_are_answered(client: httpx.Client) -> None:
    host, port = client.base_url.host, client.base_url.port
    assert port is not None
    with socket.create_connection((host, port), timeout=5) as endless:
        endless.sendall(f"POST {link('ack')} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
        endless.sendall(b"400\r\n" + b"a" * 1024 + b"\r\n")
        assert client.get(link("ack")).status_code == 200
        endless.sendall(b"800\r\n" + b"a" * 2048 + b"\r\n")
        assert endless.recv(1000).startswith(b"HTTP/1.1 413")


def test_nothing_that_a_target_or_a_person_wrote_becomes_markup(desk: Desk, client: httpx.Client) -> None:
    subject = replace(incident().notice, title=NASTY, regions_down=(NASTY,), regions_up=(NASTY,))
    desk.incident = incident(check_id=NASTY, message=NASTY, held=NASTY, region=NASTY, notice=subject)
    desk.others = (NASTY,)
    pages = [client.get(link("ack")), client.get(link("silence")), client.post(link("ack"), data={"by": NASTY})]
    for answer in pages:
        page = Page(answer.text)
        assert not {"script", "img", "style", "iframe"} & set(page.tags)
        assert page.handlers == []


def test_a_page_may_send_its_form_to_us_and_load_nothing_but_our_style(client: httpx.Client) -> None:
    for answer in (client.get(link("ack")), client.get("/incidents/5f2b/ack?sig=no")):
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'; style-src 'self'" in policy
        assert ("form-action 'self'" in policy, "frame-ancestors 'none'" in policy) == (True, True)
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "same-origin"  # what signs it is told to nobody else
        assert 'href="../../prober.css"' in answer.text
        assert 'content="noindex"' in answer.text
