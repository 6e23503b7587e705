"""Checks spread over engine processes: the same to everybody who looks, and proof against what becomes of one."""

import asyncio
import re
import signal
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import psutil
import pytest
from fakes.process import Prober, prober
from fakes.receiver import Answer, Receiver, receiver
from fakes.results import Target, browser_result, http_result, result, tcp_result

from prober.app.running.forks import Forks, open_environment
from prober.app.running.process import STUCK_S, EngineProcess
from prober.app.running.spread import part_of
from prober.app.running.wire import Report, facts_of, hear, packed, result_of
from prober.app.running.worker import FULL_BYTES, Outbox
from prober.app.service.flow import Flow
from prober.clock import MovedClock
from prober.model import Check, Reason, Result, Verdict
from prober.schedule import fraction
from prober.secret import Secret
from prober.shard import owner


@pytest.fixture
def steady() -> Iterator[Receiver]:
    with receiver() as service:
        yield service


@pytest.fixture
def frail() -> Iterator[Receiver]:
    with receiver() as service:
        yield service


@pytest.fixture
def slack() -> Iterator[Receiver]:
    with receiver() as service:
        yield service


CONFIG = """
engine: {{processes: {processes}}}
defaults: {{interval: 500ms, timeout: 500ms}}
channels: {{ops: {{kind: slack, webhook_url: "{slack}/services/T0/B0/x"}}}}
routes: [{{channels: [ops]}}]
checks:
  - {{id: frail, kind: http, url: "{frail}/"}}
  - {{id: port, kind: tcp, address: "{port}"}}
"""
STEADY = '  - {{id: steady-{number}, kind: http, url: "{steady}/"}}\n'


def written(folder: Path, processes: int, steady: Receiver, frail: Receiver, slack: Receiver, extra: str = "") -> Path:
    folder.mkdir(exist_ok=True)
    port = steady.url.removeprefix("http://")
    text = CONFIG.format(processes=processes, slack=slack.url, frail=frail.url, port=port)
    text += "".join(STEADY.format(number=number, steady=steady.url) for number in range(4))
    path = folder / "probes.yaml"
    path.write_text(text + extra)
    return path


def serving(config: Path, **environ: str) -> Any:
    return prober("serve", "--config", config, "--listen", "127.0.0.1:0", environ=environ)


def url_of(process: Prober) -> str:
    return process.wait_for(r'"url": "(http://[^"]+)".*"event": "serving"')[1]


def engines(process: Prober, count: int = 2) -> dict[int, int]:
    """The pids of the engine processes by their numbers, once all of them run."""
    found = [
        process.wait_for(rf'"engine": ({n}), "pid": (\d+), "event": "an engine process runs"') for n in range(count)
    ]
    return {int(match[1]): int(match[2]) for match in found}


def get(url: str) -> str:
    return httpx.get(url, trust_env=False).text


def until(holds: Callable[[], bool], within_s: float = 50.0) -> None:
    """Ask every tenth of a second until it holds: what another process does has no event here."""
    end = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < end, "it never came to hold"
        time.sleep(0.1)  # another process's progress, not time passing


def sample(metrics: str, name: str) -> float | None:
    return next((float(line.rpartition(" ")[2]) for line in metrics.splitlines() if line.startswith(name)), None)


def states(metrics: str) -> dict[str, float]:
    found = re.findall(r'^prober_check_state\{check="([^"]+)"[^}]*\} (\S+)$', metrics, re.MULTILINE)
    return {name: float(value) for name, value in found}


def watched_through_an_outage(
    folder: Path, processes: int, steady: Receiver, frail: Receiver
) -> tuple[set[str], dict[str, float], list[str]]:
    """The families shown, the states during the outage, and the first words of what was told."""
    with receiver() as slack, serving(written(folder, processes, steady, frail, slack)) as process:
        url = url_of(process)
        until(lambda: list(states(get(url + "/metrics")).values()) == [0.0] * 6)
        frail.always = Answer(500)
        slack.wait_for(1)
        until(lambda: states(get(url + "/metrics"))["frail"] == 2)
        down = states(get(url + "/metrics"))
        frail.always = Answer(200, b"ok")
        slack.wait_for(2)
        until(lambda: states(get(url + "/metrics"))["frail"] == 0)
        text = get(url + "/metrics")
        assert httpx.get(url + "/healthz", trust_env=False).status_code == 200
        assert sample(text, "prober_engine_restarts_total") == 0
        web, forks = 1, (0 if processes == 1 else processes + 1)
        assert len(psutil.Process(process.pid).children(recursive=True)) == web + forks
        process.send(signal.SIGTERM)
        assert process.end() == 0
        told = [posted.body["text"].partition(" ")[0] for posted in slack.posted]
    return set(re.findall(r"^# TYPE \S+ \S+$", text, re.MULTILINE)), down, told


def test_two_processes_show_the_same_families_states_and_alerts_as_one(
    tmp_path: Path, steady: Receiver, frail: Receiver
) -> None:
    one = watched_through_an_outage(tmp_path / "one", 1, steady, frail)
    assert len(one[2]) == 2
    assert watched_through_an_outage(tmp_path / "two", 2, steady, frail) == one


def test_a_killed_process_is_back_at_once_and_what_it_ran_is_counted_and_never_down(
    tmp_path: Path, steady: Receiver, frail: Receiver, slack: Receiver
) -> None:
    slow = min((f"slow-{number}" for number in range(100)), key=fraction)  # so that its first run comes soon
    frail.hung_paths.add("/hung")
    extra = f'  - {{id: {slow}, kind: http, url: "{frail.url}/hung", interval: 60s, timeout: 50s}}\n'
    config = written(tmp_path, 2, steady, frail, slack, extra)
    with serving(config) as process:
        url = url_of(process)
        number = part_of(slow, 2)
        victim = engines(process)[number]
        until(lambda: any(posted.path == "/hung" for posted in frail.posted))
        until(lambda: list(states(get(url + "/metrics")).values()).count(0.0) == 6)
        lines, killed_at = len(process.lines), time.monotonic()
        psutil.Process(victim).kill()
        again = process.wait_for(rf'"engine": {number}, "pid": (\d+), "event": "an engine', after=lines)
        assert time.monotonic() - killed_at < 3.0  # a second, and what else the machine may be busy with
        assert int(again[1]) != victim
        text = get(url + "/metrics")
        assert sample(text, "prober_engine_restarts_total") == 1
        assert sample(text, f'prober_check_cancelled_total{{check="{slow}"') == 1
        names = [name for name in states(text) if part_of(name, 2) == number and name != slow]
        runs = {name: sample(text, f'prober_check_runs_total{{check="{name}"') or 0 for name in names}
        assert runs, "the process that was killed had no other checks"

        def go_on() -> bool:
            now = get(url + "/metrics")
            return all((sample(now, f'prober_check_runs_total{{check="{n}"') or 0) > was + 1 for n, was in runs.items())

        until(go_on)
        assert 'verdict="down"' not in get(url + "/metrics")
        assert not slack.posted
        frail.open.set()
        process.send(signal.SIGTERM)
        assert process.end() == 0


def test_a_reload_moves_checks_and_leaves_the_processes_and_the_other_checks_alone(
    tmp_path: Path, steady: Receiver, frail: Receiver, slack: Receiver
) -> None:
    config = written(tmp_path, 2, steady, frail, slack)
    other = next(name for name in map("moved-{}".format, range(50)) if part_of(name, 2) != part_of("steady-0", 2))
    kept = 'prober_check_runs_total{check="steady-1"'
    with serving(config) as process:
        url = url_of(process)
        before = engines(process)
        until(lambda: (sample(get(url + "/metrics"), kept) or 0) >= 2)
        runs = sample(get(url + "/metrics"), kept) or 0
        config.write_text(config.read_text().replace("id: steady-0", f"id: {other}"))
        process.send(signal.SIGHUP)
        process.wait_for('"event": "reloaded"')
        until(lambda: (sample(get(url + "/metrics"), f'prober_check_runs_total{{check="{other}"') or 0) >= 2)
        text = get(url + "/metrics")
        assert "steady-0" not in text
        assert (sample(text, kept) or 0) >= runs
        assert engines(process) == before
        assert sample(text, "prober_engine_restarts_total") == 0
        process.send(signal.SIGTERM)
        assert process.end() == 0


def test_engine_processes_end_with_the_prober_though_it_was_killed(
    tmp_path: Path, steady: Receiver, frail: Receiver, slack: Receiver
) -> None:
    with serving(written(tmp_path, 2, steady, frail, slack)) as process:
        engines(process)
        below = psutil.Process(process.pid).children(recursive=True)
        assert len(below) == 4, "the web, a fork server and two engines"
        process.send(signal.SIGKILL)
        process.end()
        _, alive = psutil.wait_procs(below, timeout=10)
        assert not [one for one in alive if one.status() != psutil.STATUS_ZOMBIE]


def test_the_interrupt_of_a_terminal_does_not_cut_runs_off(
    tmp_path: Path, steady: Receiver, frail: Receiver, slack: Receiver
) -> None:
    with serving(written(tmp_path, 2, steady, frail, slack)) as process:
        url = url_of(process)
        pids = engines(process)
        for pid in pids.values():
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                psutil.Process(pid).send_signal(number)
        until(lambda: list(states(get(url + "/metrics")).values()) == [0.0] * 6)
        assert engines(process) == pids
        assert sample(get(url + "/metrics"), "prober_engine_restarts_total") == 0
        process.send(signal.SIGINT)
        assert process.end() == 0
    assert not [line for line in process.lines if "cancelled" in line or '"error"' in line]


def test_secrets_reach_the_engine_and_stand_in_no_command_line_environment_or_file(
    tmp_path: Path, steady: Receiver, frail: Receiver, slack: Receiver
) -> None:
    extra = f"""  - id: secretive
    kind: http
    url: "{frail.url}/secretive"
    headers: {{X-Greeting: "${{GREETING}}"}}
    auth: {{bearer: "${{SHOP_TOKEN}}"}}
    expect: {{body: {{contains: never there}}}}
"""
    config = written(tmp_path, 2, steady, frail, slack, extra)
    # In the prober's environment they stand because we put them there.
    with serving(config, GREETING="canary-of-greeting", SHOP_TOKEN="canary-of-token") as process:
        url = url_of(process)
        engines(process)
        until(lambda: any(posted.path == "/secretive" for posted in frail.posted))
        sent = next(posted for posted in frail.posted if posted.path == "/secretive").headers
        assert (sent["X-Greeting"], sent["Authorization"]) == ("canary-of-greeting", "Bearer canary-of-token")
        until(lambda: states(get(url + "/metrics")).get("secretive") == 2)
        below = psutil.Process(process.pid).children(recursive=True)
        assert len(below) == 4, "the web, a fork server and two engines"
        for one in below:
            for name in ("cmdline", "environ"):
                assert b"canary" not in Path(f"/proc/{one.pid}/{name}").read_bytes()
        assert "canary" not in get(url) + get(url + "/metrics")
        process.send(signal.SIGTERM)
        process.end()
    assert "canary" not in "\n".join(process.lines)
    assert not [file for file in tmp_path.rglob("*") if file.is_file() and b"canary" in file.read_bytes()]


def test_a_stuck_process_is_ended_and_followed_by_another() -> None:
    async def main() -> None:
        clock, forks = MovedClock(monotonic=time.monotonic()), Forks(open_environment({}, ()))
        ended = asyncio.Event()
        heard = SimpleNamespace(count_cancelled=lambda _: ended.set())
        process: Any = EngineProcess(0, "local", forks, clock, heard, None)
        keeping = asyncio.create_task(process.keep())
        try:
            await eventually(lambda: process._pid is not None)
            first = process._pid
            process.kill_if_stuck()
            assert process._pid == first
            clock.advance(STUCK_S + 10)
            process.kill_if_stuck()
            await eventually(lambda: process.restarts == 1 and process._pid not in (None, first))
        finally:
            await process.stop(0.0, keeping)
            forks.close()

    asyncio.run(main())


async def eventually(holds: Callable[[], bool]) -> None:
    for _ in range(2_500):
        if holds():
            return
        await asyncio.sleep(0.02)  # another process's progress
    raise TimeoutError("it never came to hold")


def test_a_shard_has_its_checks_spread_over_all_its_processes() -> None:
    ids = [name for name in map("check-{}".format, range(4_000)) if owner(name, 2) == 0]
    parts = Counter(part_of(name, 2) for name in ids)
    assert min(parts.values()) > 0.45 * len(ids)


@pytest.mark.parametrize("make", [http_result, tcp_result, browser_result])
def test_a_result_crosses_the_line_as_it_is(make: Callable[[Check], Result]) -> None:
    check = Target(id="a")
    sent = make(check)

    async def main() -> Report:
        reader = asyncio.StreamReader()
        reader.feed_data(packed(Report(1, results=[("a", facts_of(sent))])))
        told: Report = await hear(reader)
        return told

    [(check_id, facts)] = asyncio.run(main()).results
    assert check_id == "a"
    assert result_of(check, sent.region, facts) == sent


def test_half_a_message_is_none() -> None:
    async def main() -> None:
        reader = asyncio.StreamReader()
        reader.feed_data(packed(Report(1))[:-1])
        reader.feed_eof()
        assert await hear(reader) is None

    asyncio.run(main())


def test_an_engine_begins_no_more_than_is_read_of_it() -> None:
    async def main() -> None:
        ours, theirs = socket.socketpair()
        reader, answering = await asyncio.open_unix_connection(sock=ours)
        _, writer = await asyncio.open_unix_connection(sock=theirs)
        outbox = Outbox(writer)
        assert await outbox.room(0.0)
        writer.write(bytes(2 * FULL_BYTES))
        assert outbox.full
        assert not await outbox.room(time.monotonic() + 0.02)
        reading = asyncio.create_task(reader.readexactly(2 * FULL_BYTES))
        assert await outbox.room(time.monotonic() + 50)
        await reading
        for end in (answering, writer):
            end.close()
            await end.wait_closed()

    asyncio.run(main())


def test_of_the_environment_only_what_the_machinery_reads_is_kept_and_no_secret_of_that() -> None:
    environ = {"PATH": "/bin", "API_TOKEN": "x", "GREETING": "hello", "TZ": "geheim", "LC_ALL": "C"}
    assert open_environment(environ, [Secret("geheim"), Secret("")]) == {"PATH": "/bin", "LC_ALL": "C"}


def test_results_of_a_check_stay_in_order_while_somebody_vouches_for_one() -> None:
    check, published = Target(id="a"), []
    doubtful, good = result(check, Verdict.DOWN, Reason.CONNECT, at=1.0), result(check, at=2.0)

    async def main() -> None:
        answered = asyncio.Event()

        async def vouch(seen: Result) -> Result:
            await answered.wait()
            return seen

        egress: Any = SimpleNamespace(doubts=lambda seen: seen is doubtful, vouch=vouch)
        quiet: Any = SimpleNamespace(
            take=lambda _: None, offer=lambda _: None, add=lambda _: None, linked=lambda seen: seen, put=lambda _: None
        )
        alarm: Any = SimpleNamespace(recorder=quiet)
        flow = Flow(quiet, quiet, lambda: alarm, lambda: egress, quiet, lambda *_: None, published.append)
        flow.adopt((check,))
        ended: list[int] = []
        flow.take(check, doubtful, lambda: ended.append(1))
        flow.take(check, good, lambda: ended.append(2))
        await asyncio.sleep(0)
        assert not published
        answered.set()
        await eventually(lambda: len(ended) == 2)
        assert ended == [1, 2]

    asyncio.run(main())
    assert published == [doubtful, good]
