"""Acknowledging, silencing, and who is there."""

from dataclasses import replace

import pytest
from fakes.alerts import AT, REGION
from fakes.storing import always, batch, decided, incident

from prober.clock import MovedClock
from prober.model import Hush, HushKind
from prober.store import Store, StoreFault

HUSH = Hush("h1", HushKind.MAINTENANCE, AT + 60, AT + 120, ("shop",), ("eu", "us"), "deploy", "ann")


def test_an_acknowledgement_is_kept_with_who_gave_it_first_and_when(store: Store) -> None:
    decided(store, incidents=(incident("5f2bcc"),))
    acked = store.ack("5f2b", "ann", AT + 70)
    assert acked == replace(incident("5f2bcc"), acked_at=AT + 70, acked_by="ann", version=2)
    assert store.ack("5f2bcc", "bob", AT + 80) == acked
    assert store.open_incidents() == (acked,)


def test_what_is_not_there_or_over_cannot_be_acknowledged(store: Store) -> None:
    over = replace(incident(), finished=True, closed_at=AT + 60)
    decided(store, incidents=(over,))
    assert store.ack("none", "ann", AT) is None
    assert store.ack("5f2b", "ann", AT) == replace(over, version=1)


def test_who_decides_on_an_incident_from_before_its_acknowledgement_has_to_look_again(store: Store) -> None:
    decided(store, incidents=(incident(),))
    (known,) = store.open_incidents()
    store.ack("5f2b", "ann", AT)
    with pytest.raises(StoreFault, match="has changed"):
        store.commit(batch(), always(incidents=(replace(known, flapping=True),)))
    assert store.open_incidents()[0].acked_by == "ann"


def test_a_hush_lasts_until_it_ends_by_itself_or_by_hand(store: Store) -> None:
    later = replace(HUSH, id="h2", kind=HushKind.SILENCE, starts_at=AT + 90, ends_at=AT + 300)
    store.add_hush(later)
    store.add_hush(HUSH)
    assert store.hushes(AT) == (HUSH, later)
    assert store.hushes(AT + 120) == (later,)
    assert store.end_hush("h2", AT + 130)
    assert not store.end_hush("h2", AT + 140)
    assert not store.end_hush("none", AT)
    assert store.hushes(AT + 129) == (replace(later, ends_at=AT + 130),)
    assert store.hushes(AT + 130) == ()


def test_a_hush_added_again_is_changed(store: Store) -> None:
    store.add_hush(HUSH)
    store.add_hush(replace(HUSH, ends_at=AT + 500))
    assert store.hushes(AT) == (replace(HUSH, ends_at=AT + 500),)


def test_the_signing_key_is_made_once(store: Store) -> None:
    assert len(store.signing_key()) == 32
    assert store.signing_key() == store.signing_key()


def test_a_region_belongs_to_one_instance_until_that_was_not_heard_of_for_its_lease(
    store: Store, clock: MovedClock
) -> None:
    assert store.beat(REGION, "one", 30.0)
    assert store.beat("us", "other", 30.0)
    clock.advance(20)
    assert not store.beat(REGION, "two", 30.0)
    assert store.beat(REGION, "one", 30.0)
    clock.advance(29)
    assert not store.beat(REGION, "two", 30.0)
    assert store.regions() == {REGION: AT + 20, "us": AT}
    clock.advance(2)
    assert store.beat(REGION, "two", 30.0)
    assert not store.beat(REGION, "one", 30.0)
    assert store.regions()[REGION] == AT + 51


def test_shards_of_one_region_are_no_twins_of_each_other_but_of_whoever_takes_all_of_it(
    store: Store, clock: MovedClock
) -> None:
    assert store.beat(REGION, "one", 30.0, shard=f"{REGION}#0/2")
    assert store.beat(REGION, "two", 30.0, shard=f"{REGION}#1/2")
    clock.advance(5)
    assert store.beat(REGION, "one", 30.0, shard=f"{REGION}#0/2")
    assert not store.beat(REGION, "three", 30.0, shard=f"{REGION}#1/2")
    assert store.regions() == {REGION: AT + 5, f"{REGION}#0/2": AT + 5, f"{REGION}#1/2": AT}
    clock.advance(1)
    assert store.beat(REGION, "all", 30.0)
    clock.advance(1)
    assert not store.beat(REGION, "one", 30.0, shard=f"{REGION}#0/2")


def test_only_a_store_of_ones_own_knows_who_one_is(store: Store) -> None:
    if store.shared:
        with pytest.raises(ValueError, match="shared"):
            store.instance_id()
    else:
        assert store.instance_id() == store.instance_id()
