"""Incidents that the real recorder made of runs, as pages: what happened, the runs that failed, and what people do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from fakes.alerts import AT, HOSTILE_TEXT, Way, check, runs
from fakes.axe import LOOKS, chromium, found_by_axe, looking, too_wide
from fakes.door import Served, auth, bearer, field, log_in, served, view, web
from fakes.markup import Markup, harmless
from fakes.rest import Alarm
from fakes.site import serving
from fakes.storing import decided, incident, send
from playwright.sync_api import Browser

from prober.alerting import Recorder, Roster, Surroundings
from prober.app.actions import StoreActions
from prober.clock import MovedClock
from prober.faults import Retryable
from prober.history import History
from prober.model import Check, Incident
from prober.store import Store
from prober.web.auth import EVERYTHING, Who
from prober.web.incidents.deeds import NOTE_CHARS
from prober.web.incidents.pages import PER_PAGE

NASTY = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>" + HOSTILE_TEXT[:200]
SHOP = check("shop", title="The shop", runbook="https://wiki.example/shop")
LOGIN = check("login")


@dataclass
class Desk:
    """A store that the recorder wrote, and what the web side is made of over it."""

    store: Store
    clock: MovedClock

    @property
    def shown(self) -> dict[str, Any]:
        alarm: Any = Alarm(self.store)
        config: Any = type("Config", (), {"checks": (SHOP, LOGIN)})
        runs: Any = None
        return {
            "history": History(self.store, lambda: (SHOP, LOGIN), clock=self.clock),
            "actions": StoreActions(alarm, runs, lambda: config),
            "checks": lambda: (SHOP, LOGIN),
            "incidents": self.store.open_incidents,
            "clock": self.clock,
        }

    @property
    def open(self) -> Incident:
        (found,) = self.store.open_incidents()
        return found


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """The shop was well, then failed three times; the first channel was told, the second could not be."""
    clock = MovedClock(AT + 90 * 3)
    with closing(Store(tmp_path / "prober.db", clock)) as store:
        recorded(store, clock, [SHOP, LOGIN], "uuddd")
        send(store, "ops")
        row = store.claim("hook", "me", 30.0)
        assert row is not None
        store.park(row.id, "me", "410 gone")
        yield Desk(store, clock)


def recorded(store: Store, clock: MovedClock, checks: list[Check], letters: str, first: int = 0) -> None:
    around = Surroundings(on_state=lambda *_: None, on_notices=lambda _: None, freshness_s=lambda _: 1e12)
    with closing(Store.in_memory(clock)) as spare:
        recorder = Recorder(store, spare, "eu-west-1", around, clock=clock, linger_s=0.0)
        recorder.start(Roster.of(checks, (Way(("ops", "hook")),)))
        for result in runs(SHOP, letters, first):
            recorder.put(result)
        recorder.close(20.0)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@contextmanager
def door(desk: Desk, **shown: Any) -> Iterator[tuple[Served, httpx.Client]]:
    """The web side behind a real door, and Ada, who has logged in."""
    parts = {**desk.shown, **shown}
    clock = parts.pop("clock")
    with served(web(auth=auth()), **parts) as site, site.browser() as ada:
        site.clock.set_wall(clock.wall())
        assert log_in(ada).status_code in (200, 303)
        yield site, ada


def test_an_incident_tells_what_happened_from_the_first_failure_to_the_receipts(desk: Desk) -> None:
    with door(desk) as (_, ada):
        page = Markup(ada.get(f"/incidents/{desk.open.id}").text)
    told = page.text
    for part in (
        "The shop",
        "status 503, expected 200-399",
        "eu-west-1: status: status 503",
        "confirmed eu-west-1: down",
        "ops told of the beginning: 200 ok",
        "told, failed hook could not be told of the beginning, given up: 410 gone",
        "2023-11-14 22:14:20",
        "Told ops, hook",
    ):
        assert part in told, (part, told)
    runs_linked = [link for link in page.values("href") if "/runs/" in link]
    assert runs_linked == [
        link for number in (2, 3, 4) for link in (f"../runs/shop-{number}", f"../runs/shop-{number}?against=last-good")
    ]
    assert "https://wiki.example/shop" in page.values("href")


def test_somebody_who_may_acknowledges_by_the_form_in_their_own_name(desk: Desk) -> None:
    with door(desk) as (_, ada):
        page = ada.get(f"/incidents/{desk.open.id}")
        done = ada.post(f"/incidents/{desk.open.id}", data={"csrf": field(page, "csrf"), "do": "ack"})
        assert (done.status_code, done.headers["location"]) == (303, f"../incidents/{desk.open.id}")
        text = Markup(ada.get(f"/incidents/{desk.open.id}").text).text
    assert desk.open.acked_by == "ada"
    assert "Acknowledged by ada" in text
    assert "Acknowledge as" not in text


def test_a_silence_is_kept_shown_and_told_in_the_timeline(desk: Desk) -> None:
    with door(desk) as (_, ada):
        form = {"csrf": field(ada.get(f"/incidents/{desk.open.id}"), "csrf"), "do": "silence", "for": "4h"}
        assert ada.post(f"/incidents/{desk.open.id}", data=form).status_code == 303
        desk.clock.advance(1)
        text = Markup(ada.get(f"/incidents/{desk.open.id}").text).text
    (hush,) = desk.store.hushes(desk.clock.wall())
    assert (hush.checks, hush.by, hush.ends_at - hush.starts_at) == (("shop",), "ada", 4 * 3_600.0)
    assert "Silenced until 2023-11-15 02:17 UTC , by ada" in text
    assert "silenced by ada until" in text


def test_a_note_stays_as_it_was_written(desk: Desk) -> None:
    note = f"It is the provider's.\n  Ticket 4711. {NASTY}"
    with door(desk) as (_, ada):
        form = {"csrf": field(ada.get(f"/incidents/{desk.open.id}"), "csrf"), "do": "note"}
        sent = {**form, "text": note.encode("utf-8", "replace").decode().replace("\n", "\r\n")}
        assert ada.post(f"/incidents/{desk.open.id}", data=sent).status_code == 303
        answer = ada.get(f"/incidents/{desk.open.id}")
    assert harmless(answer.text)
    assert "ada: It is the provider&#39;s.\n  Ticket 4711. &lt;script&gt;" in answer.text


@pytest.mark.parametrize(
    ("form", "complaint"),
    [
        ({"do": "silence", "for": "forever"}, "Choose for how long."),
        ({"do": "note", "text": "  "}, "Write something down first."),
        ({"do": "note", "text": "x" * (NOTE_CHARS + 1)}, "A note has at most 4000 characters; this one has 4001."),
        ({"do": "dance"}, "Choose one of the forms"),
        ({}, "Choose one of the forms"),
    ],
)
def test_a_form_that_makes_no_sense_does_nothing_and_says_why(desk: Desk, form: dict[str, str], complaint: str) -> None:
    with door(desk) as (_, ada):
        csrf = field(ada.get(f"/incidents/{desk.open.id}"), "csrf")
        answer = ada.post(f"/incidents/{desk.open.id}", data={"csrf": csrf, **form})
    assert (answer.status_code, complaint in Markup(answer.text).text) == (400, True)
    assert (desk.store.hushes(AT + 300), desk.store.notes(desk.open.id)) == ((), ())


def test_a_form_of_another_page_does_nothing(desk: Desk) -> None:
    with door(desk) as (_, ada):
        answer = ada.post(f"/incidents/{desk.open.id}", data={"csrf": "guessed", "do": "ack"})
    assert (answer.status_code, desk.open.acked_at) == (403, None)


def test_who_may_only_read_sees_all_of_it_and_why_there_is_no_form(desk: Desk) -> None:
    with door(desk) as (site, _):
        answer = site.get(f"/incidents/{desk.open.id}", headers=bearer("token-of-read-0123456789"))
        tried = site.post(f"/incidents/{desk.open.id}", headers=bearer("token-of-read-0123456789"), data={"do": "ack"})
        outside = site.get(f"/incidents/{desk.open.id}")
    page = Markup(answer.text)
    assert "take somebody with the scope ack" in page.text
    assert "textarea" not in page.tags
    assert (tried.status_code, outside.status_code, desk.open.acked_at) == (403, 401, None)


def test_where_nothing_can_be_done_it_is_said(desk: Desk) -> None:
    with door(desk, actions=None) as (_, ada):
        assert "Nothing can be done from here" in ada.get(f"/incidents/{desk.open.id}").text


def test_an_end_is_told_and_leaves_only_notes_to_write(desk: Desk) -> None:
    opened = desk.open.id
    recorded(desk.store, desk.clock, [SHOP, LOGIN], "uu", 5)
    desk.clock.advance(600)
    with door(desk) as (_, ada):
        answer = ada.get(f"/incidents/{opened}")
        form = {"csrf": field(answer, "csrf"), "do": "ack"}
        assert ada.post(f"/incidents/{opened}", data=form).status_code == 400
    page = Markup(answer.text)
    assert "recovered eu-west-1: up again" in page.text
    assert "incident over" in page.text
    assert ("Acknowledge as" in page.text, "Write a note" in page.text) == (False, True)


def test_the_list_has_open_ones_first_and_can_be_kept_to_a_check(desk: Desk) -> None:
    over = [
        incident(f"over-{number:03}", "login" if number % 2 else "shop", opened_at=AT - 60.0 * number, closed_at=AT)
        for number in range(1, PER_PAGE + 12)
    ]
    decided(desk.store, "old", incidents=[replace(one, finished=True) for one in over])
    with door(desk) as (_, ada):
        first = Markup(ada.get("/incidents").text)
        (older,) = [link for link in first.values("href") if "before=" in link]
        second = Markup(ada.get(httpx.URL(str(ada.base_url)).join("/incidents").join(older)).text)
        login = Markup(ada.get("/incidents?check=login").text)
        odd = ada.get("/incidents?before=nan~x&check=%22%3E%3Cscript%3E")
    links = [_ids(page) for page in (first, second, login)]
    assert links[0] == [desk.open.id, *(one.id for one in over[:PER_PAGE])]
    assert links[1] == [one.id for one in over[PER_PAGE:]]
    assert links[2] == [one.id for one in over if one.check_id == "login"][:PER_PAGE]
    assert odd.status_code == 200
    assert harmless(odd.text)


def _ids(page: Markup) -> list[str]:
    found = [re.fullmatch(r"(?:\.\./|\./)?incidents/([^/?]+)", link) for link in page.values("href")]
    return [match[1] for match in found if match]


@pytest.mark.parametrize("path", ["/incidents/nope", "/incidents/%3Cscript%3E"])
def test_what_is_not_there_is_said(desk: Desk, path: str) -> None:
    with door(desk) as (_, ada):
        answer = ada.get(path)
    assert (answer.status_code, "There is no such incident" in answer.text) == (404, True)


def test_while_the_store_is_away_it_says_so(desk: Desk) -> None:
    class Away(History):
        def incident(self, incident_id: str) -> Incident | None:
            raise Retryable("the store is away")

    with door(desk, history=Away(desk.store)) as (_, ada):
        answer = ada.get(f"/incidents/{desk.open.id}")
    assert (answer.status_code, "The store is away" in answer.text) == (503, True)


def test_nothing_that_a_target_or_a_person_wrote_becomes_markup(desk: Desk) -> None:
    title = "<b>" + NASTY.encode("utf-8", "replace").decode()
    subject = replace(
        incident().notice,
        title=title,
        message=title,
        step=title,
        severity=title,
        expected=((title, title, title),),
        members=(("other", title, title),),
        regions_down=(title,),
        regions_up=(title,),
        runbook="javascript:alert(1)",
    )
    evil = incident("evil", "login", message=title, held=title, acked_at=AT, acked_by=title, notice=subject)
    decided(desk.store, "evil", incidents=[evil])
    desk.store.add_note("evil", title, title, AT)
    with door(desk) as (_, ada):
        for path in ("/incidents", "/incidents/evil"):
            answer = ada.get(path)
            assert answer.status_code == 200
            assert harmless(answer.text)
            assert "<b><script>" not in answer.text


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_axe_finds_nothing_and_nobody_scrolls_sideways(desk: Desk, browser: Browser, width: int, scheme: str) -> None:
    found: list[str] = []
    ada = Who("ada", EVERYTHING, csrf="s3cret")
    with serving(view(**desk.shown), ada) as client, looking(browser, str(client.base_url), width, scheme) as page:
        for path in ("/incidents", f"/incidents/{desk.open.id}"):
            page.goto(path)
            found += [f"{path}: {line}" for line in found_by_axe(page)]
            assert too_wide(page) <= 0, path
    assert found == []
