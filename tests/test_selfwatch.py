"""The prober's own way out, and what it says is wrong with itself; against real sockets."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from fakes.alerts import AT, check, run
from fakes.receiver import receiver

from prober.app.troubles import Troubles
from prober.clock import MovedClock
from prober.model import Reason, Result, Verdict
from prober.selfwatch import ANSWER_HOLDS_S, Egress


@contextmanager
def listening() -> Iterator[str]:
    """Where somebody takes connections."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield "tcp://{}:{}".format(*server.getsockname())


@pytest.fixture
def nobody() -> str:
    """Where nobody does."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return "tcp://{}:{}".format(*server.getsockname())


def failed(reason: Reason) -> Result:
    return replace(run(check(), Verdict.DOWN), reason=reason, message="no answer")


def vouched(egress: Egress, *results: Result) -> list[Result]:
    async def main() -> list[Result]:
        return list(await asyncio.gather(*map(egress.vouch, results)))

    return asyncio.run(main())


def test_a_failure_on_the_way_is_unknown_when_no_canary_answers_either(nobody: str) -> None:
    egress = Egress((nobody,), MovedClock(AT))
    (seen,) = vouched(egress, failed(Reason.CONNECT_TIMEOUT))
    assert (seen.verdict, seen.reason) == (Verdict.UNKNOWN, Reason.EGRESS_DOWN)
    assert seen.message.endswith("; no answer")
    assert egress.down_since == AT


def test_a_failure_on_the_way_stays_down_when_one_canary_answers(nobody: str) -> None:
    with listening() as somebody:
        result = failed(Reason.DNS_TIMEOUT)
        assert vouched(Egress((nobody, somebody), MovedClock(AT)), result) == [result]


def test_any_answer_of_a_web_server_will_do(nobody: str) -> None:
    with receiver() as service:
        result = failed(Reason.TIMEOUT)
        assert vouched(Egress((service.url,), MovedClock(AT)), result) == [result]


@pytest.mark.parametrize("reason", [Reason.STATUS, Reason.CONNECT_REFUSED, Reason.TLS_EXPIRED, Reason.BODY])
def test_what_the_target_itself_said_is_never_our_own_fault(nobody: str, reason: Reason) -> None:
    egress = Egress((nobody,), MovedClock(AT))
    result = failed(reason)
    assert vouched(egress, result) == [result]
    assert egress.down_since is None


def test_without_canaries_nothing_is_asked() -> None:
    result = failed(Reason.CONNECT_TIMEOUT)
    assert vouched(Egress((), MovedClock(AT)), result) == [result]


def test_all_who_fail_at_once_share_one_answer_and_the_next_asks_again() -> None:
    clock = MovedClock(AT)
    with receiver() as service:
        egress = Egress((service.url,), clock)
        vouched(egress, *[failed(Reason.TIMEOUT)] * 50)
        assert len(service.posted) <= 1
        clock.advance(ANSWER_HOLDS_S)
        vouched(egress, failed(Reason.TIMEOUT))


def test_a_network_that_is_back_is_noticed_by_the_next_failure(nobody: str) -> None:
    clock = MovedClock(AT)
    egress = Egress((nobody,), clock)
    vouched(egress, failed(Reason.TIMEOUT))
    clock.advance(ANSWER_HOLDS_S)
    with listening() as somebody:
        egress.canaries = (somebody,)
        vouched(egress, failed(Reason.TIMEOUT))
    assert egress.down_since is None


def test_the_probers_troubles_are_named_a_line_each_and_end_with_what_caused_them() -> None:
    clock, egress, broken = MovedClock(AT), Egress((), MovedClock(AT)), dict[str, str]()
    troubles = Troubles(clock, lambda: egress, lambda: broken)
    lost = replace(run(check("buy"), Verdict.UNKNOWN), reason=Reason.NO_BROWSER)
    troubles.take(lost)
    troubles.take(lost)
    assert troubles.current() == {}
    troubles.take(lost)
    egress.down_since = AT
    broken["ops"] = "answered 404: no_service"
    assert troubles.current() == {
        "egress": "no canary has answered since 2023-11-14T22:13:20.000Z: failures of the network are not counted",
        "unknown": "checks that could not be run: buy (no_browser)",
        "channel ops": "the channel ops takes no notices: answered 404: no_service",
    }
    troubles.take(run(check("buy"), Verdict.UP))
    egress.down_since = None
    broken.clear()
    assert troubles.current() == {}


def test_many_checks_that_cannot_be_run_are_one_line() -> None:
    troubles = Troubles(MovedClock(AT), lambda: Egress((), MovedClock(AT)), dict)
    for number in range(40):
        for _ in range(3):
            troubles.take(run(check(f"c{number:02}"), Verdict.UNKNOWN))
    (line,) = troubles.current().values()
    assert line.endswith("and 35 more")
    assert len(line) < 300


@pytest.mark.parametrize("canary", [f"tcp://{'a' * 70}.example:443", "https://exa mple.com"])
def test_a_canary_whose_name_cannot_be_one_costs_no_result(canary: str) -> None:
    (seen,) = vouched(Egress((canary,), MovedClock(AT)), failed(Reason.CONNECT_TIMEOUT))
    assert seen.reason is Reason.EGRESS_DOWN
