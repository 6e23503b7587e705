"""Events: small, only what is worth telling, one reckoning for all, and no more streams than the prober can bear."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
from fakes.plans import NOW
from fakes.site import Site, admitted, warmed

from prober.model import Verdict
from prober.web import Row, WebServer, create_app
from prober.web.pages import live


class Stage:
    """A site whose rows tests change, and that counts how often it is looked at."""

    def __init__(self) -> None:
        self.site = Site()
        self.rows = [plan.row for plan in self.site.plans]
        self.looks = 0
        self.moved = threading.Event()

    def snapshot(self) -> list[Row]:
        self.looks += 1
        return self.rows


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    monkeypatch.setattr(live, "LOOK_S", 0.02)
    return Stage()


@pytest.fixture
def server(stage: Stage) -> Iterator[WebServer]:
    view = stage.site.view()
    clock = stage.site.clock

    class Running(type(clock)):  # type: ignore[misc]
        """Goes on fast enough for the board to look each time it is asked."""

        def monotonic(self) -> float:
            self.advance(1.5)
            return super().monotonic()

        def wall(self) -> float:
            return NOW

    server = WebServer(admitted(create_app(replace(view, snapshot=stage.snapshot, clock=Running(NOW)))), "127.0.0.1", 0)
    server.start()
    yield server
    server.stop(5.0)


def url(server: WebServer, path: str) -> str:
    return f"http://127.0.0.1:{server.port}{path}"


def version(server: WebServer) -> str:
    with httpx.Client(base_url=url(server, "")) as client:
        page = warmed(client)
    return page.split("events?seen=")[1].split('"')[0]


def messages(lines: Iterator[str]) -> Iterator[dict[str, Any]]:
    for line in lines:
        if line.startswith("data: "):
            yield json.loads(line.removeprefix("data: "))


def test_a_change_comes_as_its_row_alone(stage: Stage, server: WebServer) -> None:
    seen = version(server)
    with httpx.stream("GET", url(server, f"/events?seen={seen}"), timeout=10) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = answer.iter_lines()
        assert next(lines) == f"retry: {live.RETRY_MS}"
        stage.rows = [replace(row, state=Verdict.DOWN) if row.check_id == "zone" else row for row in stage.rows]
        message = next(messages(lines))
    assert list(message["rows"]) == ["zone"]
    assert 'class="r down"' in message["rows"]["zone"]
    assert message["title"] == "3 down"
    assert "<b>3</b> down" in message["counts"]
    assert "incidents" not in message
    assert len(json.dumps(message)) < 3_000


def test_another_run_of_a_check_that_is_well_is_not_worth_telling(stage: Stage, server: WebServer) -> None:
    seen = version(server)
    with httpx.stream("GET", url(server, f"/events?seen={seen}"), timeout=10) as answer:
        lines = answer.iter_lines()
        next(lines)
        stage.rows = [replace(row, last_run_at=NOW, duration_s=0.5) for row in stage.rows]
        looks = stage.looks
        while stage.looks < looks + 3:
            time.sleep(0.005)
        stage.rows = [replace(stage.rows[0], undecided="failing 1 of 3"), *stage.rows[1:]]
        assert list(next(messages(lines))["rows"]) == [stage.rows[0].check_id]


@pytest.mark.parametrize("headers", [{}, {"last-event-id": "17"}])
def test_who_has_missed_something_is_told_to_look_again(server: WebServer, headers: dict[str, str]) -> None:
    with httpx.stream("GET", url(server, "/events?seen=3"), headers=headers, timeout=10) as answer:
        assert next(messages(answer.iter_lines())) == {"again": True}


def test_a_check_that_comes_is_not_squeezed_in(stage: Stage, server: WebServer) -> None:
    seen = version(server)
    with httpx.stream("GET", url(server, f"/events?seen={seen}"), timeout=10) as answer:
        lines = answer.iter_lines()
        next(lines)
        stage.rows = stage.rows[1:]
        assert next(messages(lines)) == {"again": True}


def test_when_most_has_changed_the_page_is_asked_for_instead(
    stage: Stage, server: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "MOST_ROWS", 3)
    seen = version(server)
    with httpx.stream("GET", url(server, f"/events?seen={seen}"), timeout=10) as answer:
        lines = answer.iter_lines()
        next(lines)
        stage.rows = [replace(row, undecided="failing 1 of 3") for row in stage.rows]
        assert next(messages(lines)) == {"again": True}


def test_many_who_look_on_cost_one_look(stage: Stage, server: WebServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "MOST_STREAMS", 20)
    seen = version(server)
    with httpx.Client(timeout=10, limits=httpx.Limits(max_connections=40)) as client:
        streams = [client.stream("GET", url(server, f"/events?seen={seen}")) for _ in range(20)]
        answers = [stream.__enter__() for stream in streams]
        lines = [answer.iter_lines() for answer in answers]
        for each in lines:
            next(each)
        refused = client.get(url(server, "/events"))
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "60")
        before = stage.looks
        stage.rows = [replace(stage.rows[0], undecided="failing 2 of 3"), *stage.rows[1:]]
        found = [next(messages(each)) for each in lines]
        assert all(message == found[0] for message in found)
        assert stage.looks - before < 40  # not one for each of twenty at each look
        for stream in streams:
            stream.__exit__(None, None, None)
        deadline = time.monotonic() + 20
        while status(client, url(server, "/events")) != 200:
            assert time.monotonic() < deadline, "who has left still counts"


def status(client: httpx.Client, address: str) -> int:
    with client.stream("GET", address) as answer:
        return answer.status_code


def test_streams_end_with_the_server_and_hold_nothing_up(server: WebServer) -> None:
    with httpx.stream("GET", url(server, "/events"), timeout=10) as answer:
        lines = answer.iter_lines()
        next(lines)
        began = time.perf_counter()
        server.stop(5.0)
        assert time.perf_counter() - began < 2.0
        list(lines)  # it has an end
    assert "web" not in {thread.name for thread in threading.enumerate()}
