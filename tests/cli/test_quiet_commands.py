"""``prober silence`` and ``prober maintenance``: what is asked for is what the store holds."""

import pytest
from fakes.commanding import Command
from fakes.storing import decided, incident

from prober.model import Hush, HushKind
from prober.store import Store

WHY = ("--reason", "the provider knows")


def only(store: Store) -> Hush:
    (hush,) = store.hushes(store.now())
    return hush


def test_a_silence_begins_now_for_what_was_chosen_and_says_what_that_is(prober: Command, store: Store) -> None:
    before = store.now()
    done = prober("silence", "add", "--for", "2h", "--check", "checkout-*", "--tag", "shop", *WHY)
    hush = only(store)
    assert done.code == 0, done.err
    assert (hush.kind, hush.checks, hush.tags) == (HushKind.SILENCE, ("checkout-*",), ("shop",))
    assert (hush.reason, hush.by) == ("the provider knows", "ada")
    assert before <= hush.starts_at <= store.now()
    assert hush.ends_at - hush.starts_at == pytest.approx(7200)
    assert "3 checks (shop, checkout-card, checkout-bank)" in done.out
    assert f"end it by: prober silence end {hush.id[:8]}" in done.out


def test_everything_is_silent_only_where_that_was_said(prober: Command, store: Store) -> None:
    for arguments, said in (
        ((), "of which checks?"),
        (("--check", "*"), "say --all if you mean that"),
        (("--all", "--check", "shop"), "exclude each other"),
    ):
        done = prober("silence", "add", "--for", "1h", *arguments, *WHY)
        assert (done.code, said in done.err) == (2, True)
    assert store.hushes(store.now()) == ()
    assert prober("silence", "add", "--for", "1h", "--all", *WHY).code == 0
    assert (only(store).checks, only(store).tags) == ((), ())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--check", "shpo"), "no check 'shpo': did you mean 'shop'?"),
        (("--check", "nothing-*"), "no check 'nothing-*': the checks are shop, checkout-card"),
        (("--tag", "shpo"), "no check has the tag 'shpo': did you mean 'shop'?"),
        (("--check", "shop", "--for", "0s"), "at most 366d"),
        (("--check", "shop", "--for", "500d"), "at most 366d"),
        (("--check", "shop", "--for", "2"), "expected a duration with a unit"),
        (("--check", "shop", "--by", " "), "--by NAME"),
    ],
)
def test_a_silence_of_nothing_or_of_no_length_is_refused(
    prober: Command, store: Store, arguments: tuple[str, ...], said: str
) -> None:
    done = prober("silence", "add", "--for", "1h", *WHY, *arguments)
    assert (done.code, said in done.err, store.hushes(store.now())) == (2, True, ())


@pytest.mark.parametrize("name", ["prober", "unmonitored", "gone"])
def test_what_is_open_of_no_check_can_be_silenced_by_its_name(prober: Command, store: Store, name: str) -> None:
    decided(store, incidents=(incident(check_id="gone"),))
    done = prober("silence", "add", "--for", "1h", "--check", name, *WHY)
    assert (done.code, name in done.out) == (0, True)


def test_silences_are_listed_and_ended_by_a_prefix(prober: Command, store: Store) -> None:
    assert "no silence now, and none planned" in prober("silence", "list").out
    prober("silence", "add", "--for", "2h", "--check", "shop", *WHY)
    hush = only(store)
    listed = prober("silence", "list").out
    for part in (hush.id[:8], "now, for", "shop", "the provider knows", "ada"):
        assert part in listed
    (shown,) = prober("silence", "list", "--json").json
    assert (shown["id"], shown["checks"], shown["by"]) == (hush.id, ["shop"], "ada")
    assert prober("maintenance", "end", hush.id[:8]).code == 2
    assert "is over now" in prober("silence", "end", hush.id[:6]).out
    assert store.hushes(store.now()) == ()
    done = prober("silence", "end", hush.id[:8])
    assert (done.code, "there is no silence at all" in done.err) == (2, True)


def test_maintenance_begins_later_where_it_is_asked_to(prober: Command, store: Store) -> None:
    done = prober("maintenance", "add", "--for", "1h", "--in", "30m", "--check", "shop", *WHY)
    assert (done.code, "in 30m" in done.out) == (0, True)
    hush = only(store)
    assert hush.kind is HushKind.MAINTENANCE
    assert hush.starts_at - store.now() == pytest.approx(1800, abs=30)


def test_maintenance_begins_at_a_time_of_day_of_the_zone_that_is_given(prober: Command, store: Store) -> None:
    prober("maintenance", "add", "--for", "1h", "--at", "2099-12-24T22:00+02:00", "--check", "shop", *WHY)
    assert only(store).starts_at == 4_101_825_600.0
    assert "2099-12-24 21:00:00Z" in prober("maintenance", "list").out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--at", "2020-12-24T22:00"), "leave it out to begin now"),
        (("--at", "tomorrow"), "expected a date and time"),
        (("--at", "2099-12-24T22:00", "--in", "1h"), "leave one out"),
    ],
)
def test_a_beginning_that_makes_no_sense_is_refused(
    prober: Command, store: Store, arguments: tuple[str, ...], said: str
) -> None:
    done = prober("maintenance", "add", "--for", "1h", "--check", "shop", *WHY, *arguments)
    assert (done.code, said in done.err, store.hushes(store.now())) == (2, True, ())


def test_the_windows_of_the_configuration_are_listed_with_those_planned_by_hand(prober: Command, store: Store) -> None:
    prober("maintenance", "add", "--for", "1h", "--all", "--reason", "new switches")
    listed = prober("maintenance", "list").out
    for part in ("new switches", "all checks", "weekly work", "0 3 * * sun UTC", "checkout-*", "the configuration"):
        assert part in listed
    assert "long ago" not in listed
    by_hand, window = prober("maintenance", "list", "--json").json
    assert (by_hand["reason"], window["id"], window["duration"]) == ("new switches", None, "2h")
