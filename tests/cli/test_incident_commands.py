"""``prober incidents`` and ``prober ack``, beside a prober that holds the store."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fakes.alerts import AT, REGION
from fakes.commanding import Command
from fakes.storing import decided, incident

from prober.model import Condition
from prober.store import Store

OPEN = "5f2b0000aaaa1111"
OVER = "77aa0000bbbb2222"


def filled(store: Store, **changed: Any) -> None:
    over = incident(OVER, "checkout-card", closed_at=AT + 300, finished=True)
    decided(store, incidents=(incident(OPEN, **changed), over))


def test_what_is_open_is_listed_with_who_was_told(prober: Command, store: Store) -> None:
    filled(store)
    done = prober("incidents")
    assert done.code == 0, done.err
    for part in ("5f2b0000", "shop", "down", REGION, "2023-11-14 22:13:20Z", "told to ops, hook", "503"):
        assert part in done.out
    assert "77aa0000" not in done.out
    assert OPEN not in done.out


def test_all_lists_what_is_over_too_and_a_limit_keeps_the_latest(prober: Command, store: Store) -> None:
    filled(store, opened_at=AT + 1)
    everything = prober("incidents", "--all").out
    assert ("77aa0000" in everything, "over" in everything, "5m" in everything) == (True, True, True)
    assert [one["id"] for one in prober("incidents", "--all", "--limit", "1", "--json").json] == [OPEN]


@pytest.mark.parametrize(
    ("changed", "state"),
    [
        ({"told_at": None, "channels": ()}, "open; waiting to be told"),
        ({"held": "maintenance: new switches", "channels": ()}, "open; held: maintenance: new switches"),
        ({"acked_at": AT + 70, "acked_by": "ada"}, "open; acknowledged by ada; told to ops, hook"),
        ({"led_by": OVER}, "open; told with 77aa0000"),
        ({"closed_at": AT + 90, "held": "flapping", "flapping": True}, "over, not told yet; held: flapping; flapping"),
    ],
)
def test_a_state_says_why_nobody_knows_and_who_does(
    prober: Command, store: Store, changed: dict[str, Any], state: str
) -> None:
    filled(store, **changed)
    (shown,) = prober("incidents", "--json").json
    assert shown["state"].startswith(state)


def test_one_that_only_some_regions_see_says_which(prober: Command, store: Store) -> None:
    notice = replace(incident(OPEN).notice, regions_down=("eu", "us"), regions_up=("ap",))
    decided(store, incidents=(incident(OPEN, region="", condition=Condition.PARTIAL, notice=notice),))
    out = prober("incidents").out
    assert ("partial" in out, "eu, us" in out) == (True, True)
    (shown,) = prober("incidents", "--json").json
    assert (shown["region"], shown["regions_down"], shown["regions_up"]) == (None, ["eu", "us"], ["ap"])


def test_nothing_open_is_said_in_words_and_is_an_empty_list_in_json(prober: Command, store: Store) -> None:
    assert "no incident is open" in prober("incidents").out
    assert prober("incidents", "--json").json == []


def test_what_a_target_said_moves_no_cursor_and_is_no_markup(prober: Command, store: Store) -> None:
    filled(store, message="[red]\x1b[2J\x07 boom")
    out = prober("incidents").out
    assert ("[red]" in out, "\x1b" in out, "\x07" in out) == (True, False, False)


def test_an_acknowledgement_by_a_prefix_is_kept_with_the_name(prober: Command, store: Store) -> None:
    filled(store)
    done = prober("ack", "5f2b")
    assert done.code == 0, done.err
    assert "5f2b0000 (shop, down) is acknowledged by ada" in done.out
    known = store.incident(OPEN)
    assert known is not None
    assert known.acked_by == "ada"
    again = prober("ack", OPEN, "--by", "Grace, from the train")
    assert (again.code, "acknowledged already by ada" in again.out) == (0, True)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("77aa0000", "is over since"),
        ("5f", "no incident '5f': there are 5f2b0000 (shop)"),
        ("shop", "'shop' is no incident: do you mean 5f2b0000 (shop)?"),
        ("ffff", "no incident 'ffff'"),
        ("5f2%", "no incident '5f2%'"),
    ],
)
def test_what_cannot_be_acknowledged_is_one_line(prober: Command, store: Store, given: str, said: str) -> None:
    filled(store)
    done = prober("ack", given)
    assert (done.code, done.out, len(done.err.splitlines())) == (2, "", 1)
    assert said in done.err


def test_a_prefix_of_two_is_refused_with_both(prober: Command, store: Store) -> None:
    decided(store, incidents=(incident("5f2b0000"), incident("5f2b1111", "checkout-card")))
    done = prober("ack", "5f2b")
    assert (done.code, "begins 2 ids" in done.err, "5f2b1111 (checkout-card)" in done.err) == (2, True, True)


def test_who_has_no_name_is_asked_for_one(prober: Command, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    filled(store)
    monkeypatch.setattr("getpass.getuser", lambda: {}["nobody"])
    done = prober("ack", "5f2b")
    assert (done.code, "--by NAME" in done.err) == (2, True)


@pytest.mark.parametrize(
    "command",
    [
        ("incidents",),
        ("ack", "5f2b"),
        ("outbox",),
        ("outbox", "retry", "--all"),
        ("silence", "list"),
        ("maintenance", "add", "--for", "1h", "--all", "--reason", "x"),
    ],
)
def test_a_store_that_is_not_there_is_said_and_not_made(
    prober: Command, config: Path, command: tuple[str, ...]
) -> None:
    done = prober(*command)
    assert (done.code, "there is no store at" in done.err) == (2, True)
    assert not list(config.parent.glob("prober.db*"))


def test_a_store_that_is_none_is_one_line(prober: Command, config: Path) -> None:
    (config.parent / "prober.db").write_text("this is no database, though it is a file of some length" * 20)
    done = prober("incidents")
    assert (done.code, len(done.err.splitlines()), "cannot be used" in done.err) == (2, 1, True)


def test_a_database_whose_address_is_not_known_here_is_named(prober: Command, config: Path) -> None:
    config.write_text(config.read_text() + 'store: {url: "${PLANTED_URL}"}\n')
    done = prober("incidents")
    assert (done.code, "PLANTED_URL" in done.err) == (2, True)


def test_without_a_configuration_there_is_no_store_to_look_at(prober: Command) -> None:
    done = prober("incidents")
    assert (done.code, "name one by --config" in done.err) == (2, True)
