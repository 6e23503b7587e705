"""``prober outbox`` and ``prober notify``: what became of notices, and whether a channel takes them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes.commanding import Command
from fakes.receiver import Answer, Receiver, receiver
from fakes.storing import RESOLVED, TRIGGERED, tell

from prober.store import Store


def park(store: Store, incident: str, error: str = "answered 410: gone") -> None:
    tell(store, TRIGGERED, incident=incident)
    row = store.claim("ops", "me", 30.0)
    assert row is not None
    assert store.park(row.id, "me", error)


def statuses(store: Store) -> dict[str, str]:
    return {row.id: row.status for row in store.outbox()}


def test_notices_are_listed_with_what_became_of_them(prober: Command, store: Store) -> None:
    park(store, "5f2b0000")
    tell(store, TRIGGERED, RESOLVED, incident="77aa0000")
    out = prober("outbox").out
    for part in ("5f2b0000", "parked", "answered 410: gone", "77aa0000", "pending", "trigger", "resolve"):
        assert part in out
    parked = prober("outbox", "--status", "parked", "--json").json
    assert [(one["id"], one["attempts"], one["detail"]) for one in parked] == [
        ("5f2b0000-trigger-ops", 1, "answered 410: gone")
    ]
    assert "no notice is dropped" in prober("outbox", "--status", "dropped").out
    assert len(prober("outbox", "--limit", "2", "--json").json) == 2


def test_parked_notices_of_an_incident_are_put_back(prober: Command, store: Store) -> None:
    park(store, "5f2b0000")
    park(store, "77aa0000")
    done = prober("outbox", "retry", "5f2b")
    assert (done.code, "1 notice put back" in done.out) == (0, True)
    assert statuses(store) == {"5f2b0000-trigger-ops": "pending", "77aa0000-trigger-ops": "parked"}
    assert "1 notice put back" in prober("outbox", "retry", "--all").out
    assert set(statuses(store).values()) == {"pending"}
    assert "no notice is parked" in prober("outbox", "retry", "--all").out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "or say --all"),
        (("5f2b", "--all"), "or say --all"),
        (("5f",), "too short"),
        (("ffff",), "no parked notice 'ffff'"),
    ],
)
def test_a_retry_of_nothing_says_what_to_do(
    prober: Command, store: Store, arguments: tuple[str, ...], said: str
) -> None:
    park(store, "5f2b0000")
    done = prober("outbox", "retry", *arguments)
    assert (done.code, said in done.err) == (2, True)
    assert statuses(store) == {"5f2b0000-trigger-ops": "parked"}


def test_the_configuration_may_be_named_before_the_subcommand(
    prober: Command, store: Store, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    park(store, "5f2b0000")
    monkeypatch.chdir("/")
    assert prober("outbox", "--config", config, "retry", "--all").code == 0
    monkeypatch.setenv("PROBER_CONFIG", "not-there.yaml")
    assert prober("outbox", "--config", config, "retry", "--all").code == 0
    assert prober("outbox", "retry", "--all", "--config", config).code == 0
    assert "not-there.yaml" in prober("outbox", "retry", "--all").err


def test_channels_are_listed_with_the_routes_that_lead_there(prober: Command, config: Path) -> None:
    lines = {line.split()[0]: line for line in prober("notify", "list").out.splitlines()}
    assert "route 1 (tags shop)" in lines["ops"]
    assert "route 2 where another channel refuses; trouble with the prober itself" in lines["ops"]
    assert "route 1 (tags shop) after 15m without an acknowledgement; route 2 (severity critical)" in lines["hook"]
    assert "no route leads here" in lines["idle"]


@pytest.fixture
def service(config: Path) -> Iterator[Receiver]:
    with receiver() as running:
        config.write_text(config.read_text().replace("https://ops.example/", f"{running.url}/ops"))
        yield running


def test_a_test_sends_a_marked_trigger_and_its_resolve_and_needs_no_store(
    prober: Command, config: Path, service: Receiver
) -> None:
    done = prober("notify", "test", "ops")
    assert done.code == 0, done.err
    assert done.out.splitlines() == ["ops (webhook): trigger taken: 200 ok", "ops (webhook): resolve taken: 200 ok"]
    trigger, resolve = (posted.body for posted in service.posted)
    assert (trigger["kind"], resolve["kind"], trigger["test"], resolve["test"]) == ("trigger", "resolve", True, True)
    assert trigger["incident"] == resolve["incident"]
    assert trigger["id"] != resolve["id"]
    assert not list(config.parent.glob("prober.db*"))


def test_what_the_service_answers_instead_is_told_and_exits_1(prober: Command, service: Receiver) -> None:
    service.answers.append(Answer(403, b"no such token"))
    done = prober("notify", "test", "ops")
    assert (done.code, len(service.posted)) == (1, 1)
    assert "ops (webhook): trigger not taken: answered 403: no such token" in done.out
    service.answers.extend([Answer(200, b"ok"), Answer(503, b"busy")])
    done = prober("notify", "test", "ops")
    assert (done.code, "resolve not taken: answered 503: busy" in done.out) == (1, True)


def test_every_channel_is_tried_though_one_refuses(
    prober: Command, config: Path, service: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOOK_TOKEN", "t")
    text = config.read_text().replace("https://hook.example", service.url).replace("https://idle.example", service.url)
    config.write_text(text)
    service.answers.append(Answer(403, b"no"))
    done = prober("notify", "test", "--to-all")
    assert (done.code, done.out.count(" taken: 200 ok"), done.out.count("not taken")) == (1, 4, 1)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "or say --to-all"),
        (("ops", "--to-all"), "or say --to-all"),
        (("opps",), "no channel 'opps': did you mean 'ops'?"),
        (("hook",), "HOOK_TOKEN"),
    ],
)
def test_a_test_of_what_cannot_be_told_is_a_clear_line(
    prober: Command, config: Path, arguments: tuple[str, ...], said: str
) -> None:
    done = prober("notify", "test", *arguments)
    assert (done.code, said in done.err, done.out) == (2, True, "")


@pytest.mark.parametrize(
    "command",
    [
        "incidents",
        "ack",
        "silence",
        "silence add",
        "maintenance add",
        "maintenance list",
        "outbox retry",
        "notify test",
    ],
)
def test_every_command_explains_itself(prober: Command, command: str) -> None:
    done = prober(*command.split(), "--help")
    assert (done.code, "Usage: " in done.out) == (0, True)
