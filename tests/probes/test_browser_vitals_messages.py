"""What the host makes of messages that nobody promised to be well-formed."""

import json
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from prober.probes.browser.collector import NAVIGATIONS_KEPT, Collector

TOP = {"frame": SimpleNamespace(parent_frame=None)}
GOOD = {"key": "k", "number": 1, "kind": "hard", "url": "http://shop.example/", "age": 10, "still": 600, "lcp": 1234.5}


def told(*messages: object, source: Mapping[str, Any] = TOP) -> list[dict[str, Any]]:
    events = list[Mapping[str, Any]]()
    collector = Collector(events.append)
    for message in messages:
        collector.take(source, message)
    collector.tell(lambda _: 0)
    return [json.loads(json.dumps(event["navigation"])) for event in events]


def told_of(**fields: object) -> dict[str, Any]:
    (navigation,) = told(json.dumps({**GOOD, **fields}))
    return navigation


def nested(depth: int) -> dict[str, Any]:
    return {"deeper": nested(depth - 1)} if depth else {}


def test_milliseconds_become_seconds_and_what_is_not_measured_stays_null() -> None:
    navigation = told_of(detail={"lcp": {"load_time_ms": 250, "size": 9, "url": "http://a.example/?token=x"}})
    assert (navigation["lcp_s"], navigation["fcp_s"], navigation["cls"]) == (1.2345, None, None)
    assert navigation["final"]
    lcp = navigation["detail"]["lcp"]
    assert (lcp["load_time_s"], lcp["size"]) == (0.25, 9)
    assert "x" not in lcp["url"].partition("token=")[2]


def test_only_the_highest_number_of_a_navigation_is_told() -> None:
    later, earlier = ({**GOOD, "number": number, "lcp": number * 1000.0} for number in (3, 2))
    (navigation,) = told(json.dumps(later), json.dumps(earlier))
    assert navigation["lcp_s"] == 3.0


def test_a_page_that_is_not_yet_still_is_not_final() -> None:
    assert not told_of(still=499.0)["final"]
    assert not told_of(still=None)["final"]


@pytest.mark.parametrize(
    "message",
    [
        "",
        "[" * 100_000,
        "9" * 5000,
        json.dumps([1]),
        json.dumps({"number": 1}),
        json.dumps({**GOOD, "key": "k" * 101}),
        json.dumps({**GOOD, "url": "u" * 100_000}),
        17,
    ],
    ids=["empty", "deep list", "long number", "a list", "no key", "long key", "too long", "not a text"],
)
def test_a_message_that_says_nothing_is_dropped(message: object) -> None:
    assert told(message) == []


def test_a_message_of_a_frame_is_dropped() -> None:
    assert told(json.dumps(GOOD), source={"frame": SimpleNamespace(parent_frame=object())}) == []


@pytest.mark.parametrize("value", ["soon", -1, True, [], {}, 10**400, float("inf")])
def test_a_value_that_is_no_time_is_null(value: object) -> None:
    assert told_of(lcp=value)["lcp_s"] is None


def test_details_are_cut_to_what_is_sensible() -> None:
    wide = {f"field{number}": "t" * 1000 for number in range(90)}
    detail = told_of(detail=wide)["detail"]
    assert len(detail) == 50
    assert {len(text) for text in detail.values()} == {300}
    assert len(json.dumps(told_of(detail=nested(900))["detail"])) < 200


def test_a_page_that_invents_navigations_fills_no_memory() -> None:
    invented = [json.dumps({**GOOD, "key": f"k{number}"}) for number in range(NAVIGATIONS_KEPT + 50)]
    assert len(told(*invented)) == NAVIGATIONS_KEPT
