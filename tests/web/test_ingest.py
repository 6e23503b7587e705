"""Pings and webhooks over real HTTP at a real prober: what is answered, what is kept, what silence becomes."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import sqlite3
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from fakes.process import Prober, prober
from hypothesis import given
from hypothesis import strategies as st

from prober.app.passive.sources import alertmanager, falco
from prober.app.service import Service
from prober.app.targets import Place
from prober.clock import SystemClock
from prober.config import load
from prober.faults import UserFault
from prober.model import Verdict
from prober.probes.heartbeat import FalcoEvents, FiringAlerts
from prober.shard import Shard, owner
from prober.state import State

TOKEN = "9f1c2e0a-5f6b-4a57-9d1e-0d3a5f5a7c11"
EVENTS = "falco-events-token-0001"
ALERTS = "alertmanager-token-0001"
CONFIG = f"""
artifacts: {{dir: artifacts}}
channels: {{ops: {{kind: slack, webhook_url: "http://127.0.0.1:9/services/canary-of-slack"}}}}
routes: [{{channels: [ops]}}]
checks:
  - {{id: backup, kind: heartbeat, token: {TOKEN}, period: 10m, grace: 1m, max_runtime: 5m}}
  - {{id: falco, kind: heartbeat, token: {EVENTS}, sources: {{falco: {{}}}}}}
  - {{id: alerts, kind: heartbeat, token: {ALERTS}, sources: {{alertmanager: {{match: {{team: shop}}}}}}}}
"""
EVENT = {
    "uuid": "b1d1b9a0-0000-4000-8000-000000000001",
    "output": "10:00:00.000000000: Critical A shell was spawned (user=root container=shop-7d9)",
    "priority": "Critical",
    "rule": "Terminal shell in container",
    "time": "2026-03-02T10:00:00.000000000Z",
    "source": "syscall",
    "output_fields": {"container.name": "shop-7d9", "proc.pid": 4711},
    "hostname": "node-1",
    "tags": ["container", "shell"],
}


class AheadClock(SystemClock):
    """The machine's clocks, put on by hand."""

    ahead_s = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.ahead_s

    def wall(self) -> float:
        return super().wall() + self.ahead_s


class World:
    """A prober that serves, and somebody who talks to it."""

    def __init__(self, service: Service, clock: AheadClock, web: httpx.AsyncClient, folder: Path) -> None:
        self.service, self.clock, self.web, self.folder = service, clock, web, folder

    async def ping(self, *parts: str, token: str = TOKEN, body: bytes | None = None, **query: str) -> httpx.Response:
        path = "/".join(("/ping", token, *parts))
        return await self.web.request("GET" if body is None else "POST", path, content=body, params=query)

    async def post(self, source: str, document: Any, token: str | None) -> httpx.Response:
        query = {} if token is None else {"token": token}
        return await self.web.post(f"/ingest/{source}", json=document, params=query)

    async def pass_time(self, seconds: float) -> None:
        """Time goes by, and the prober looks on."""
        while seconds > 0:
            step_s = min(9.0, seconds)
            self.clock.ahead_s += step_s
            seconds -= step_s
            self.service.passive.look()
        await asyncio.sleep(0)

    def results(self, check_id: str = "backup") -> list[tuple[Any, ...]]:
        """(verdict, reason, message, duration) as the store has them now, oldest first."""
        with sqlite3.connect(f"file:{self.folder / 'prober.db'}?mode=ro", uri=True) as database:
            query = "SELECT verdict, reason, message, duration_s FROM results WHERE check_id = ? ORDER BY seq"
            return database.execute(query, (check_id,)).fetchall()

    async def state(self, check_id: str, holds: Callable[[State], bool]) -> State:
        """The check's state once it ``holds``: committed by a thread whose progress has no event here."""
        end = time.monotonic() + 20
        while True:
            known = self.service._flow.states.get(check_id)
            if known is not None and holds(known):
                return known
            assert time.monotonic() < end, known
            await asyncio.sleep(0.01)


@asynccontextmanager
async def serving(
    folder: Path, clock: AheadClock | None = None, config: str = CONFIG, place: Place | None = None
) -> AsyncIterator[World]:
    file, clock = folder / "probes.yaml", clock or AheadClock()
    file.write_text(config)
    service = Service(place or Place("eu"), {}, clock, lambda _: None)
    await service.start(load(file, {}, lenient=False), "127.0.0.1", 0)
    watching = asyncio.create_task(service.watch())
    try:
        async with httpx.AsyncClient(base_url=service.url, trust_env=False, timeout=20) as web:
            yield World(service, clock, web, folder)
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        await service.stop()


def in_a_world(folder: Path, story: Callable[[World], Awaitable[None]], **options: Any) -> None:
    async def told() -> None:
        async with serving(folder, **options) as world:
            await story(world)

    asyncio.run(told())


def test_what_was_answered_ok_is_in_the_store_and_a_failure_is_down_at_once(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        answer = await world.ping()
        assert (answer.status_code, answer.text) == (200, "OK\n")
        assert answer.headers["cache-control"] == "no-store"
        assert world.results() == [("up", "ok", "", 0.0)]
        assert (await world.ping("start", rid="r1")).status_code == 200
        await world.pass_time(90)
        body = b"tar: disk full\n\x1b[31mtoken " + TOKEN.encode() + b"\x00\xff"
        assert (await world.ping("2", rid="r1", body=body)).status_code == 200
        verdict, reason, message, took_s = world.results()[-1]
        assert (verdict, reason) == ("down", "reported")
        assert message.startswith("exit code 2: tar: disk full [31mtoken ***")
        assert TOKEN not in message
        assert 90 <= took_s < 92
        assert (await world.state("backup", lambda state: state.verdict is Verdict.DOWN)).failures == 1
        assert (await world.ping("0", body=b"412 files")).status_code == 200
        assert world.results()[-1][:3] == ("up", "ok", "412 files")
        assert (await world.state("backup", lambda state: state.verdict is Verdict.UP)).successes == 1
        metrics = (await world.web.get("/metrics")).text
        signal_at = next(line for line in metrics.splitlines() if line.startswith("probe_heartbeat_last_signal_times"))
        assert abs(float(signal_at.rpartition(" ")[2]) - world.clock.wall()) < 20
        assert 'prober_check_runs_total{check="backup",region="eu",verdict="down",reason="reported"} 1' in metrics

    in_a_world(tmp_path, story)


def test_every_way_that_healthchecks_clients_ping_is_taken(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        for method in ("HEAD", "GET", "POST"):
            answer = await world.web.request(method, f"/ping/{TOKEN}")
            assert (answer.status_code, answer.text) == (200, "" if method == "HEAD" else "OK\n")
        assert len(world.results()) == 3
        assert (await world.ping("fail")).status_code == 200
        assert (await world.ping("255")).status_code == 200
        assert [row[2] for row in world.results()[3:]] == ["it says that it failed", "exit code 255"]
        for wrong in ("256", "-1", "1.0", "log", "²", "start/fail"):
            assert (await world.ping(wrong)).status_code == 404, wrong
        assert (await world.ping(rid="r" * 101)).status_code == 400
        assert (await world.web.put(f"/ping/{TOKEN}")).status_code == 405
        assert len(world.results()) == 5

    in_a_world(tmp_path, story)


def test_an_unknown_token_is_nobodys(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        for token in (TOKEN[:-1], TOKEN.upper(), "a" * 5_000, "%00", "...", TOKEN + "%20"):
            answer = await world.ping(token=token)
            assert answer.status_code == 404, token
        assert world.results() == []

    in_a_world(tmp_path, story)


def test_one_token_cannot_flood_and_is_told_when_to_come_back(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        answers = [await world.ping("start") for _ in range(32)]
        assert [answer.status_code for answer in answers].count(429) >= 1
        assert answers[-1].headers["retry-after"] in ("1", "2")
        assert (await world.post("falco", EVENT, EVENTS)).status_code == 200, "others are not held back by it"
        world.clock.ahead_s += 5
        assert (await world.ping()).status_code == 200

    in_a_world(tmp_path, story)


def test_a_body_without_end_and_one_that_is_no_json_are_refused(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        assert (await world.ping(body=b"x" * 1_000_001)).status_code == 413
        assert (await world.ping(body=b"x" * 999_999)).status_code == 200
        assert len(world.results()) == 1
        assert len(world.results()[0][2]) == 2_000
        for body in (b"", b"{", b"[" * 100_000, b"\xff", b"[]", b'"text"', b"{}"):
            answer = await world.web.post("/ingest/falco", content=body, params={"token": EVENTS})
            assert (answer.status_code, len(answer.text) < 100) == (400, True)
        assert (await world.post("falco", EVENT, TOKEN)).status_code == 409
        assert (await world.post("alertmanager", {"alerts": [7]}, ALERTS)).status_code == 400

    in_a_world(tmp_path, story)


def test_a_late_job_is_down_once_and_up_with_its_next_signal(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        assert (await world.ping()).status_code == 200
        await world.pass_time(655)
        assert len(world.results()) == 1
        await world.pass_time(10)
        down = await world.state("backup", lambda state: state.verdict is Verdict.DOWN)
        assert down.last_reason == "silent"
        assert [row[:2] for row in world.results()] == [("up", "ok"), ("down", "silent")]
        await world.pass_time(600)
        again = await world.state("backup", lambda state: state.failures == 2)
        assert again.since == down.since, "each further period is one more failed run of the same outage"
        assert (await world.ping()).status_code == 200
        await world.state("backup", lambda state: state.verdict is Verdict.UP)

    in_a_world(tmp_path, story)


def test_a_run_that_does_not_end_in_time_is_down(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        assert (await world.ping("start")).status_code == 200
        await world.pass_time(295)
        assert world.results() == []
        await world.pass_time(10)
        down = await world.state("backup", lambda state: state.verdict is Verdict.DOWN)
        assert down.last_reason == "timeout"
        assert "has not ended within 5m" in down.last_message

    in_a_world(tmp_path, story)


def test_a_restart_invents_no_late_job_and_gives_its_grace_anew_once(tmp_path: Path) -> None:
    clock = AheadClock()

    async def story() -> None:
        async with serving(tmp_path, clock) as world:
            assert (await world.ping()).status_code == 200
        clock.ahead_s += 3_600
        async with serving(tmp_path, clock) as world:
            metrics = (await world.web.get("/metrics")).text
            assert 'probe_success{job="prober",instance="backup",check="backup",region="eu"} 1' in metrics
            await world.pass_time(30)
            assert len(world.results()) == 1
        clock.ahead_s += 3_600
        async with serving(tmp_path, clock) as world:
            await world.pass_time(25)
            assert len(world.results()) == 1
            await world.pass_time(15)
            await world.state("backup", lambda state: state.last_reason == "silent")

    asyncio.run(story())


def test_a_restart_forgets_no_late_job_and_tells_it_no_second_time(tmp_path: Path) -> None:
    clock = AheadClock()

    async def story() -> None:
        async with serving(tmp_path, clock) as world:
            assert (await world.ping()).status_code == 200
            await world.pass_time(665)
            down = await world.state("backup", lambda state: state.verdict is Verdict.DOWN)
        clock.ahead_s += 60
        async with serving(tmp_path, clock) as world:
            await world.pass_time(60)
            assert (await world.state("backup", lambda state: state.verdict is Verdict.DOWN)).since == down.since
            assert len(world.results()) == 2
            metrics = (await world.web.get("/metrics")).text
            assert 'probe_success{job="prober",instance="backup",check="backup",region="eu"} 0' in metrics
            assert (await world.ping()).status_code == 200
        with sqlite3.connect(tmp_path / "prober.db") as database:
            told = database.execute("SELECT before, after FROM transitions WHERE check_id = 'backup' ORDER BY seq")
            assert [row[1] for row in told.fetchall()] == ["up", "down", "up"]

    asyncio.run(story())


def test_a_clock_that_is_put_on_by_hours_makes_nobody_late(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        assert (await world.ping()).status_code == 200

        class Set(AheadClock):
            def wall(self) -> float:
                return super().wall() + 40_000

        world.service.passive.clock = Set()
        await world.pass_time(0)
        world.service.passive.look()
        assert len(world.results()) == 1
        due_s = world.service.passive.due_in_s("backup")
        assert due_s is not None
        assert 600 < due_s <= 660

    in_a_world(tmp_path, story)


def test_events_of_falco_are_down_or_degraded_by_their_priority_and_over_by_themselves(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        assert (await world.post("falco", {**EVENT, "priority": "Notice"}, EVENTS)).status_code == 200
        assert world.results("falco")[-1][:2] == ("up", "ok")
        assert (await world.post("falco", {**EVENT, "priority": "Warning", "rule": "b"}, EVENTS)).status_code == 200
        assert world.results("falco")[-1][:2] == ("degraded", "reported")
        assert (await world.post("falco", EVENT, EVENTS)).status_code == 200
        verdict, reason, message, _ = world.results("falco")[-1]
        assert (verdict, reason) == ("down", "reported")
        assert message.startswith("Terminal shell in container on node-1 (critical): 10:00:00")
        assert message.endswith("(and 1 more)")
        await world.pass_time(840)
        await world.state("falco", lambda state: state.verdict is Verdict.DOWN)
        await world.pass_time(120)
        await world.state("falco", lambda state: state.verdict is Verdict.UP)

    in_a_world(tmp_path, story)


def alert(name: str, severity: str | None = None, status: str = "firing", team: str = "shop") -> dict[str, Any]:
    labels = {"alertname": name, "team": team} | ({"severity": severity} if severity else {})
    return {
        "status": status,
        "labels": labels,
        "annotations": {"summary": f"{name} is not well"},
        "startsAt": "2026-03-02T10:00:00Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus:9090/graph",
        "fingerprint": f"{name}-{team}",
    }


def group(*alerts: dict[str, Any]) -> dict[str, Any]:
    return {
        "version": "4",
        "groupKey": "{}:{}",
        "truncatedAlerts": 0,
        "status": "firing",
        "receiver": "prober",
        "groupLabels": {},
        "commonLabels": {},
        "commonAnnotations": {},
        "externalURL": "http://alertmanager:9093",
        "alerts": list(alerts),
    }


def test_a_check_is_down_while_any_alert_of_its_own_fires_over_a_restart_too(tmp_path: Path) -> None:
    async def story() -> None:
        async with serving(tmp_path) as world:
            told = group(alert("Disk", "critical"), alert("Slow", "warning"), alert("Watchdog", "none"))
            assert (await world.post("alertmanager", told, ALERTS)).status_code == 200
            verdict, _, message, _ = world.results("alerts")[-1]
            assert (verdict, message) == ("down", "Disk is firing (critical): Disk is not well (and 1 more)")
            assert (await world.post("alertmanager", group(alert("Other", team="ops")), ALERTS)).status_code == 200
            assert len(world.results("alerts")) == 1, "what does not fit is not about it"
        async with serving(tmp_path) as world:
            gone = group(alert("Disk", "critical", "resolved"))
            assert (await world.post("alertmanager", gone, ALERTS)).status_code == 200
            assert world.results("alerts")[-1][:2] == ("degraded", "reported")
            gone = group(alert("Slow", "warning", "resolved"))
            assert (await world.post("alertmanager", gone, ALERTS)).status_code == 200
            assert world.results("alerts")[-1][:2] == ("up", "ok")
            assert (await world.post("alertmanager", group(alert("Nameless")), ALERTS)).status_code == 200
            assert world.results("alerts")[-1][0] == "down", "one that does not say how bad it is"

    asyncio.run(story())


GUARDED = """
web:
  auth:
    tokens:
      falcosidekick: {token: "a-bearer-token-of-32-characters-1", scopes: [ingest]}
      grafana: {token: "a-bearer-token-of-32-characters-2", scopes: [read]}
"""


def test_without_a_token_webhooks_are_for_those_who_may_ingest(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        for number, status in ((None, 401), (2, 403), (3, 401), (1, 200)):
            headers = {"authorization": f"Bearer a-bearer-token-of-32-characters-{number}"} if number else {}
            answer = await world.web.post("/ingest/falco", json=EVENT, headers=headers)
            assert answer.status_code == status, number
        assert len(world.results("falco")) == 1
        assert (await world.ping()).status_code == 200, "a ping brings a token of its own"

    in_a_world(tmp_path, story, config=GUARDED + CONFIG)


def test_signals_come_in_by_the_api_too(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        path, said = "/api/v1/checks/backup/signals", {"kind": "fail", "message": "no space", "duration_s": 3}
        ours = {"authorization": "Bearer a-bearer-token-of-32-characters-1"}
        assert (await world.web.post(path, json=said)).status_code == 401
        assert (await world.web.post(path, json=said, headers=ours)).status_code == 202
        assert world.results() == [("down", "reported", "no space", 3.0)]

    in_a_world(tmp_path, story, config=GUARDED + CONFIG)


def test_the_api_hands_signals_in_by_the_id_of_the_check(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        ingest = world.service.intake.ingest
        await asyncio.to_thread(ingest, "backup", {"kind": "success", "duration_s": 12.5, "message": "a\nb"})
        assert world.results() == [("up", "ok", "a b", 12.5)]
        for check_id, wrong in (
            ("nothing", {"kind": "success"}),
            ("backup", {"kind": "maybe"}),
            ("backup", {"kind": "fail", "duration_s": -1}),
            ("backup", {"kind": "fail", "duration_s": float("nan")}),
            ("backup", {"kind": "fail", "message": 7}),
            ("backup", {"kind": "fail", "verdict": "up"}),
        ):
            with pytest.raises(UserFault):
                await asyncio.to_thread(ingest, check_id, wrong)
        assert len(world.results()) == 1

    in_a_world(tmp_path, story)


def test_a_ping_to_another_region_or_shard_is_told_where_to_go(tmp_path: Path) -> None:
    config = "regions: [eu, us]\n" + CONFIG
    other = next(number for number in range(2) if number != owner("backup", 2))

    async def story() -> None:
        async with serving(tmp_path, config=config, place=Place("us")) as world:
            answer = await world.ping()
            assert (answer.status_code, answer.text) == (421, "backup is heard in region eu, and this is us\n")
            assert (await world.ping(token="a" * 36)).status_code == 404
        async with serving(tmp_path, config=config, place=Place("eu", Shard(other, 2))) as world:
            answer = await world.ping()
            assert answer.status_code == 421
            assert f"backup is heard by shard {1 - other}/2 of region eu" in answer.text

    asyncio.run(story())


def test_a_reload_takes_a_check_away_and_another_rhythm_gives_its_grace(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        assert (await world.ping()).status_code == 200
        await world.pass_time(300)
        (tmp_path / "probes.yaml").write_text(CONFIG.replace("period: 10m", "period: 5m"))
        await world.service.reload(load(tmp_path / "probes.yaml", {}, lenient=False))
        await world.pass_time(50)
        assert len(world.results()) == 1
        await world.pass_time(15)
        await world.state("backup", lambda state: state.last_reason == "silent")
        (tmp_path / "probes.yaml").write_text(
            CONFIG.replace(
                f"id: backup, kind: heartbeat, token: {TOKEN}", "id: x, kind: heartbeat, token: another-token-of-16"
            )
        )
        await world.service.reload(load(tmp_path / "probes.yaml", {}, lenient=False))
        assert (await world.ping()).status_code == 404

    in_a_world(tmp_path, story)


SERVED = f"""
artifacts: {{dir: artifacts}}
checks:
  - {{id: backup, kind: heartbeat, token: {TOKEN}, period: 1h, max_runtime: 30m}}
  - {{id: quick, kind: heartbeat, token: quick-token-of-16-chars, period: 1s, grace: 0s}}
  - {{id: brief, kind: heartbeat, token: brief-token-of-16-chars, period: 1h, grace: 0s, max_runtime: 1s}}
"""


def url_of(process: Prober) -> str:
    return process.wait_for(r'"url": "(http://[^"]+)".*"event": "serving"')[1]


def silences(url: str, check_id: str) -> float:
    metrics = httpx.get(f"{url}/metrics", trust_env=False).text.splitlines()
    start = f'prober_check_runs_total{{check="{check_id}",region="local",verdict="down",reason="silent"}} '
    return next((float(line.removeprefix(start)) for line in metrics if line.startswith(start)), 0.0)


def until(holds: Callable[[], bool], within_s: float = 50.0) -> None:
    """Ask every tenth of a second until it holds: what another process does has no event here."""
    end = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < end, "it never came to hold"
        time.sleep(0.1)  # another process's progress, not time passing


def test_a_prober_that_is_killed_right_after_its_answer_has_lost_nothing(tmp_path: Path) -> None:
    config = tmp_path / "probes.yaml"
    config.write_text(SERVED)
    command = ("serve", "--config", config, "--listen", "127.0.0.1:0")
    with prober(*command, cwd=tmp_path) as process:
        url = url_of(process)
        assert httpx.get(f"{url}/ping/{TOKEN}/start", params={"rid": "7"}, trust_env=False).status_code == 200
        assert httpx.post(f"{url}/ping/{TOKEN}/fail", content=b"no space", trust_env=False).text == "OK\n"
        assert httpx.get(f"{url}/ping/brief-token-of-16-chars/start", trust_env=False).status_code == 200
        assert httpx.get(f"{url}/ping/brief-token-of-16-chars", trust_env=False).status_code == 200
        process.send(signal.SIGKILL)
        process.end()
    with prober(*command, cwd=tmp_path) as process:
        url = url_of(process)
        metrics = httpx.get(f"{url}/metrics", trust_env=False).text
        assert 'prober_check_consecutive_failures{check="backup",region="local"} 1' in metrics
        until(lambda: silences(url, "quick") >= 3)  # periods of a second, so that the time of brief is over as well
        assert httpx.get(f"{url}/ping/{TOKEN}/0", params={"rid": "7"}, trust_env=False).status_code == 200
        process.send(signal.SIGTERM)
        assert process.end() == 0
    with sqlite3.connect(tmp_path / "prober.db") as database:
        query = "SELECT verdict, message, duration_s > 0 FROM results WHERE check_id = 'backup' ORDER BY seq"
        assert database.execute(query).fetchall() == [("down", "no space", 0), ("up", "", 1)]
        query = "SELECT verdict FROM results WHERE check_id = 'brief'"
        assert database.execute(query).fetchall() == [("up",)], "a run that ended does not come back"


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=20) | st.integers(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from([*EVENT, *alert("a"), "alerts"]) | st.text(max_size=9), inner, max_size=6)
    ),
)


@given(ANYTHING)
def test_whatever_a_webhook_brings_is_read_or_refused(document: Any) -> None:
    for read, spec in ((falco, FalcoEvents()), (alertmanager, FiringAlerts(match={"team": "*"}))):
        with contextlib.suppress(ValueError):
            reports = read(spec, document)  # type: ignore[operator]
            assert json.dumps([(one.key, one.text, one.verdict) for one in reports or []])
