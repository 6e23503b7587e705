"""Delivery on a real store and real sockets: at least once, in order, and nobody waits for a slow neighbour."""

import itertools
import random
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from fakes.alerts import AT, notice
from fakes.receiver import Answer, Receiver, receiver
from hypothesis import given
from hypothesis import strategies as st

from prober.clock import MovedClock
from prober.delivery import Delivery, backoff_s, next_attempt
from prober.delivery.attempts import LONGEST_WAIT_S
from prober.faults import Permanent, Retryable
from prober.model import Notice, NoticeKind
from prober.notify import Notifier, Receipt, slack
from prober.secret import Secret
from prober.store import Batch, Decision, Scope, Store, StoreFault

TRIGGER, RESOLVE = NoticeKind.TRIGGER, NoticeKind.RESOLVE
TOKENS = itertools.count()


class Hasty(random.Random):
    """Jitter that always comes out at its longest, or at nothing."""

    def __init__(self, share: float) -> None:
        super().__init__(0)
        self._share = share

    def uniform(self, a: float, b: float) -> float:
        return a + (b - a) * self._share


class Watched(Store):
    """A store that tells what delivery does to it, and is away when told to."""

    def __init__(self, path: Path, clock: MovedClock) -> None:
        super().__init__(path, clock)
        self.done: list[tuple[str, str]] = []
        self.away = 0
        self._changed = threading.Condition()

    def mark_sent(self, notice_id: str, owner: str, detail: str, reference: str = "", at: float | None = None) -> bool:
        if self.away:
            self.away -= 1
            raise StoreFault("database is locked")
        return self._note(notice_id, "sent", super().mark_sent(notice_id, owner, detail, reference))

    def postpone(self, notice_id: str, owner: str, due_at: float, error: str) -> bool:
        return self._note(notice_id, "postponed", super().postpone(notice_id, owner, due_at, error))

    def park(
        self, notice_id: str, owner: str, error: str, fallback: str = "", note: str = "", at: float | None = None
    ) -> bool:
        return self._note(notice_id, "parked", super().park(notice_id, owner, error, fallback, note))

    def drop(self, notice_id: str, owner: str, why: str, at: float | None = None) -> bool:
        return self._note(notice_id, "dropped", super().drop(notice_id, owner, why))

    def _note(self, notice_id: str, what: str, done: bool) -> bool:
        with self._changed:
            self.done.append((notice_id, what if done else "refused"))
            self._changed.notify_all()
        return done

    def wait_for(self, *done: tuple[str, str]) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: all(one in self.done for one in done), 20.0), self.done


class Told:
    """A notifier that does as it is told."""

    def __init__(self, behave: Callable[[Notice], Receipt] = lambda _: Receipt(200)) -> None:
        self.notices: list[str] = []
        self.earlier: list[str] = []
        self.closed = threading.Event()
        self._behave = behave

    async def send(self, notice: Notice, earlier: str = "") -> Receipt:
        self.earlier.append(earlier)
        self.notices.append(notice.id)
        return self._behave(notice)

    async def close(self) -> None:
        self.closed.set()


@pytest.fixture
def clock() -> MovedClock:
    return MovedClock()


@pytest.fixture
def store(tmp_path: Path, clock: MovedClock) -> Iterator[Watched]:
    with closing(Watched(tmp_path / "prober.db", clock)) as opened:
        yield opened


@pytest.fixture
def service() -> Iterator[Receiver]:
    with receiver() as running:
        yield running


def sender(service: Receiver, path: str = "/ops") -> Notifier:
    return slack.Sender(slack.Spec(kind="slack", webhook_url=Secret(service.url + path)))


def add(store: Store, incident: str, *kinds: NoticeKind, channel: str = "ops") -> None:
    put(store, *((channel, notice(incident, kind, channel)) for kind in kinds))


def put(store: Store, *rows: tuple[str, Notice]) -> None:
    store.commit(Batch("eu", str(next(TOKENS))), lambda _: Decision(notices=rows), Scope(frozenset()))


def postponed(store: Store, notice_id: str, channel: str, due_at: float) -> None:
    """Somebody has tried it in vain, and it waits."""
    entry = store.claim(channel, "before", 1.0)
    assert entry is not None
    assert entry.id == notice_id
    store.postpone(entry.id, "before", due_at, "503")


@contextmanager
def delivering(
    store: Store, notifiers: Mapping[str, Notifier], clock: MovedClock, share: float = 1.0
) -> Iterator[Delivery]:
    delivery = Delivery(store, notifiers, clock, Hasty(share))
    delivery.start()
    try:
        yield delivery
    finally:
        delivery.close(5.0)
        assert not delivery.alive


def told(service: Receiver) -> list[str]:
    return [posted.body["text"].split(":")[2].partition(" after ")[0].strip() for posted in service.posted]


def test_a_trigger_and_its_resolve_arrive_once_and_in_order(
    store: Watched, service: Receiver, clock: MovedClock
) -> None:
    with delivering(store, {"ops": sender(service)}, clock) as delivery:
        add(store, "1", TRIGGER)
        delivery.wake()
        add(store, "1", RESOLVE)
        delivery.wake()
        store.wait_for(("1-trigger-ops", "sent"), ("1-resolve-ops", "sent"))
    assert told(service) == ["Down", "Up again"]
    assert delivery.sent == {"ops": 2}
    assert delivery.failed == delivery.parked == {}
    assert delivery.pending == {}


def test_what_an_earlier_process_left_is_sent_at_the_start(
    store: Watched, service: Receiver, clock: MovedClock
) -> None:
    add(store, "1", TRIGGER, RESOLVE)
    with delivering(store, {"ops": sender(service)}, clock):
        service.wait_for(2)
    assert told(service) == ["Down", "Up again"]


def test_a_failed_attempt_is_made_again_when_its_wait_is_over_and_not_before(
    store: Watched, service: Receiver, clock: MovedClock
) -> None:
    service.answers.append(Answer(503))
    add(store, "1", TRIGGER, RESOLVE)
    add(store, "2", TRIGGER)
    with delivering(store, {"ops": sender(service)}, clock) as delivery:
        # The other incident does not wait with the first.
        store.wait_for(("1-trigger-ops", "postponed"), ("2-trigger-ops", "sent"))
        assert store.next_due("ops") == AT + 2.0
        delivery.wake()
        clock.advance(2.0)
        delivery.wake()
        store.wait_for(("1-trigger-ops", "sent"), ("1-resolve-ops", "sent"))
    assert told(service) == ["Down", "Down", "Down", "Up again"]
    assert delivery.failed == {"ops": 1}


def test_retry_after_holds_the_whole_channel_and_no_other(store: Watched, service: Receiver, clock: MovedClock) -> None:
    service.answers.append(Answer(429, headers={"Retry-After": "30"}))
    add(store, "1", TRIGGER)
    hook = Told()
    with delivering(store, {"ops": sender(service), "hook": hook}, clock) as delivery:
        store.wait_for(("1-trigger-ops", "postponed"))
        add(store, "2", TRIGGER)
        add(store, "2", TRIGGER, channel="hook")
        clock.advance(29.0)
        delivery.wake()
        store.wait_for(("2-trigger-hook", "sent"))
        assert len(service.posted) == 1
        clock.advance(1.0)
        delivery.wake()
        store.wait_for(("1-trigger-ops", "sent"), ("2-trigger-ops", "sent"))
    assert len(service.posted) == 3


def test_a_permanent_failure_parks_the_notice_and_what_follows_it(
    store: Watched, service: Receiver, clock: MovedClock
) -> None:
    service.answers.append(Answer(404, b"no_service"))
    add(store, "1", TRIGGER)
    with delivering(store, {"ops": sender(service)}, clock) as delivery:
        store.wait_for(("1-trigger-ops", "parked"))
        add(store, "1", RESOLVE)
        add(store, "2", TRIGGER)
        delivery.wake()
        store.wait_for(("1-resolve-ops", "parked"), ("2-trigger-ops", "sent"))
    assert len(service.posted) == 2
    assert delivery.parked == {"ops": 2}
    details = {row.id: row.detail for row in store.outbox(status="parked")}
    assert details["1-trigger-ops"] == "answered 404: no_service"
    assert "never delivered" in details["1-resolve-ops"]


def test_a_hung_service_delays_no_other_channel_and_ends_at_its_deadline(
    store: Watched, service: Receiver, clock: MovedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("prober.delivery.lane.ATTEMPT_S", 2.0)
    service.hung_paths.add("/slow")
    for channel in ("slow", "ops"):
        add(store, "1", TRIGGER, RESOLVE, channel=channel)
    with delivering(store, {"slow": sender(service, "/slow"), "ops": sender(service)}, clock):
        store.wait_for(("1-resolve-ops", "sent"), ("1-trigger-slow", "postponed"))
        assert [row.detail for row in store.outbox() if row.attempts and row.channel == "slow"] == [
            "no answer within 2 s"
        ]


def test_a_defect_in_a_notifier_costs_neither_the_notice_nor_the_lane(store: Watched, clock: MovedClock) -> None:
    calls = itertools.count()

    def fail_once(_: Notice) -> Receipt:
        if next(calls) == 0:
            raise ZeroDivisionError("a defect")
        return Receipt(200)

    add(store, "1", TRIGGER)
    with delivering(store, {"ops": Told(fail_once)}, clock, share=0.0) as delivery:
        store.wait_for(("1-trigger-ops", "postponed"), ("1-trigger-ops", "sent"))
        assert delivery.alive


def test_a_sent_notice_is_marked_as_soon_as_the_store_is_back_and_not_sent_again(
    store: Watched, clock: MovedClock
) -> None:
    store.away = 5
    ops = Told()
    add(store, "1", TRIGGER)
    with delivering(store, {"ops": ops}, clock, share=0.0):
        store.wait_for(("1-trigger-ops", "sent"))
    assert ops.notices == ["1-trigger-ops"]


def test_notices_for_a_channel_that_is_gone_are_parked(store: Watched, clock: MovedClock) -> None:
    for incident in ("1", "2"):
        add(store, incident, TRIGGER, RESOLVE, channel="gone")
    with delivering(store, {"ops": Told()}, clock):
        store.wait_for(*((f"{n}-{kind}-gone", "parked") for n in (1, 2) for kind in ("trigger", "resolve")))


def test_a_reload_hands_over_to_the_new_notifiers_without_losing_or_reordering(
    store: Watched, clock: MovedClock
) -> None:
    old, new, extra = Told(), Told(), Told()
    with delivering(store, {"ops": old}, clock) as delivery:
        add(store, "1", TRIGGER)
        delivery.wake()
        store.wait_for(("1-trigger-ops", "sent"))
        delivery.configure({"ops": new, "extra": extra})
        assert old.closed.wait(20.0)
        add(store, "1", RESOLVE)
        add(store, "1", TRIGGER, channel="extra")
        delivery.wake()
        store.wait_for(("1-resolve-ops", "sent"), ("1-trigger-extra", "sent"))
    assert (old.notices, new.notices, extra.notices) == (["1-trigger-ops"], ["1-resolve-ops"], ["1-trigger-extra"])
    assert new.closed.is_set()


def test_closing_sends_what_is_due_first(store: Watched, clock: MovedClock) -> None:
    ops = Told()
    with delivering(store, {"ops": ops}, clock):
        for number in range(20):
            add(store, str(number), TRIGGER)
    assert len(ops.notices) == 20


def test_closing_does_not_wait_longer_than_its_grace_and_the_notice_stays(
    store: Watched, service: Receiver, clock: MovedClock
) -> None:
    service.hung_paths.add("/slow")
    add(store, "1", TRIGGER, channel="slow")
    delivery = Delivery(store, {"slow": sender(service, "/slow")}, clock)
    delivery.start()
    service.wait_for(1)
    delivery.close(0.05)
    assert not delivery.alive
    assert store.pending() == {"slow": 1}
    delivery.close(0.0)
    delivery.wake()


def test_a_wall_clock_that_is_put_back_does_not_hold_a_notice_for_hours(store: Watched, clock: MovedClock) -> None:
    add(store, "1", TRIGGER)
    postponed(store, "1-trigger-ops", "ops", AT + 300)
    clock.set_wall(AT - 7_200)
    with delivering(store, {"ops": Told()}, clock):
        store.wait_for(("1-trigger-ops", "sent"))


@given(st.integers(1, 100_000), st.randoms(use_true_random=False))
def test_the_wait_grows_to_its_cap_with_full_jitter(failures: int, rng: random.Random) -> None:
    assert 0.0 <= backoff_s(failures, rng) <= min(LONGEST_WAIT_S, 2.0 ** min(failures, 30))
    assert backoff_s(failures, Hasty(1.0)) == min(LONGEST_WAIT_S, 2.0 ** min(failures, 30))


def test_the_next_attempt_is_as_the_service_asks_but_within_five_minutes() -> None:
    rng = Hasty(1.0)
    assert next_attempt(1, Retryable("later", 30.0), AT, rng) == AT + 30.0
    assert next_attempt(1, Retryable("later", 86_400.0), AT, rng) == AT + 300.0
    assert next_attempt(3, Retryable("later"), AT, rng) == AT + 8.0
    assert next_attempt(10_000, Retryable("later"), AT, rng) == AT + 300.0
    assert next_attempt(1, Permanent("never"), AT, rng) is None


def test_a_later_notice_is_told_what_the_service_called_the_first(store: Watched, clock: MovedClock) -> None:
    ops = Told(lambda sent: Receipt(200, reference=f"ref-{sent.kind.value}"))
    add(store, "1", TRIGGER, NoticeKind.UPDATE, RESOLVE)
    with delivering(store, {"ops": ops}, clock):
        store.wait_for(("1-resolve-ops", "sent"))
    assert ops.earlier == ["", "ref-trigger", "ref-trigger"]


def test_a_reminder_with_a_resolve_behind_it_is_dropped(store: Watched, clock: MovedClock) -> None:
    ops = Told()
    add(store, "1", TRIGGER, NoticeKind.REMINDER, RESOLVE)
    with delivering(store, {"ops": ops}, clock):
        store.wait_for(("1-reminder-ops", "dropped"), ("1-resolve-ops", "sent"))
    assert ops.notices == ["1-trigger-ops", "1-resolve-ops"]


def test_what_a_channel_refuses_for_good_goes_to_its_fallback_with_why(store: Watched, clock: MovedClock) -> None:
    def refuse(_: Notice) -> Receipt:
        raise Permanent("answered 404: no_service")

    seen: list[Notice] = []

    def take(sent: Notice) -> Receipt:
        seen.append(sent)
        return Receipt(200)

    first, last = (replace(notice("1", kind, "ops"), fallback="mail") for kind in (TRIGGER, RESOLVE))
    put(store, ("ops", first), ("ops", last))
    with delivering(store, {"ops": Told(refuse), "mail": Told(take)}, clock) as delivery:
        store.wait_for(("1-resolve-ops", "parked"))
        delivery.wake()
        store.wait_for(*((row.id, "sent") for row in store.outbox() if row.channel == "mail"))
        assert delivery.broken == {"ops": "the notice before it was never delivered"}
    assert [one.kind for one in seen] == [TRIGGER, RESOLVE]
    assert "ops could not be told: answered 404: no_service" in seen[0].note


def test_a_channel_keeps_below_the_limit_of_its_service(store: Watched, clock: MovedClock) -> None:
    ops = Told()
    for number in range(5):
        add(store, str(number), TRIGGER)
    delivery = Delivery(store, {"ops": ops}, clock, Hasty(0.0), per_minute={"ops": 2})
    delivery.start()
    store.wait_for(("0-trigger-ops", "sent"), ("1-trigger-ops", "sent"))
    clock.advance(60.0)
    delivery.wake()
    store.wait_for(("3-trigger-ops", "sent"))
    delivery.close(0.2)
    assert len(ops.notices) == 4


def test_a_service_that_forgets_is_told_all_that_stands_again(store: Watched, clock: MovedClock) -> None:
    class Forgetful(Told):
        repeat_every_s = 60.0
        repeat_resolved_s = 300.0

        def __init__(self) -> None:
            super().__init__()
            self.repeated: list[list[str]] = []
            self.again = threading.Semaphore(0)

        async def repeat(self, notices: Sequence[Notice]) -> None:
            self.repeated.append([one.id for one in notices])
            self.again.release()

    alertmanager = Forgetful()
    add(store, "1", TRIGGER)
    add(store, "2", TRIGGER, RESOLVE)
    with delivering(store, {"ops": alertmanager}, clock) as delivery:
        assert alertmanager.again.acquire(timeout=20)
        clock.advance(400.0)
        delivery.wake()
        assert alertmanager.again.acquire(timeout=20)
    assert [sorted(ids) for ids in alertmanager.repeated] == [["1-trigger-ops", "2-resolve-ops"], ["1-trigger-ops"]]


def test_where_others_share_the_outbox_an_unknown_channel_is_left_to_them_for_a_while(
    store: Watched, clock: MovedClock
) -> None:
    fresh = replace(notice("1", TRIGGER, "new"), at=AT)
    put(store, ("new", fresh))
    delivery = Delivery(store, {"ops": Told()}, clock, Hasty(0.0), patient=True)
    delivery.start()
    store.wait_for(("1-trigger-new", "postponed"))
    delivery.close(1.0)
    assert store.pending() == {"new": 1}


def refusing(_: Notice) -> Receipt:
    raise Permanent("answered 401")


def test_what_goes_to_a_fallback_is_sent_at_once(store: Watched, clock: MovedClock) -> None:
    put(store, ("ops", replace(notice("1", TRIGGER, "ops"), fallback="mail")))
    mail = Told()
    with delivering(store, {"ops": Told(refusing), "mail": mail}, clock):
        store.wait_for(("1-trigger-ops", "parked"))
        (instead,) = [row.id for row in store.outbox() if row.channel == "mail"]
        store.wait_for((instead, "sent"))


def test_a_channel_that_is_gone_is_no_trouble_any_more(store: Watched, clock: MovedClock) -> None:
    add(store, "1", TRIGGER)
    with delivering(store, {"ops": Told(refusing)}, clock) as delivery:
        store.wait_for(("1-trigger-ops", "parked"))
        mail = Told()
        delivery.configure({"mail": mail})
        add(store, "2", TRIGGER, channel="mail")
        delivery.wake()
        store.wait_for(("2-trigger-mail", "sent"))
        assert delivery.broken == {}
