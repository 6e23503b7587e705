"""The embedded metric format on a pipe, held against its specification."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from fakes.aws_rules import flaw_of_emf
from fakes.results import Target, browser_result, http_result, result

from prober.clock import SystemClock
from prober.model import Measure, Navigation, Reason, Step, Verdict
from prober.sinks.cloudwatch.emf import Line, Pipe, Spec, feed_of
from prober.sinks.cloudwatch.feed import Backoff, Feed

CHECK = Target(id="storefront")
NONE_DROPPED = {"full": 0, "rejected": 0, "failed": 0}
QUICK = Backoff(base_s=0.01, cap_s=0.02, give_up_s=0.2)


@pytest.fixture
def ends() -> Iterator[tuple[int, int]]:
    """The reading and the writing end of what stands for stdout."""
    reading, writing = os.pipe()
    yield reading, writing
    for end in (reading, writing):
        try:
            os.close(end)
        except OSError:
            continue  # the test has closed it


def feed(descriptor: int, **more: Any) -> Feed[Line]:
    return feed_of(Spec.model_validate({"kind": "emf", **more}), SystemClock(), Pipe(descriptor), QUICK)


def written(ends: tuple[int, int], *results: Any, **more: Any) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """The documents that ``results`` make, and what was dropped."""
    reading, writing = ends
    sink = feed(writing, **more)
    for one in results:
        sink.offer(one)
    sink.start()
    sink.close(10)
    os.close(writing)
    with os.fdopen(os.dup(reading), "rb") as lines:
        documents = [json.loads(line) for line in lines]
    assert [flaw_of_emf(document) for document in documents] == [None] * len(documents)
    return documents, dict(sink.dropped)


def now_result(**changed: Any) -> Any:
    return http_result(CHECK, **{"at": time.time(), **changed})


def test_a_result_is_one_line_with_its_metrics_and_what_explains_them(ends: tuple[int, int]) -> None:
    one = now_result(verdict=Verdict.DOWN, reason=Reason.STATUS)
    (document,), dropped = written(ends, one)
    assert document["_aws"] == {
        "Timestamp": round(one.started_at * 1000),
        "CloudWatchMetrics": [
            {
                "Namespace": "EventChain/Synthetics",
                "Dimensions": [["Check", "Region"]],
                "Metrics": [{"Name": "Success", "Unit": "Count"}, {"Name": "Duration", "Unit": "Seconds"}],
            }
        ],
    }
    assert {name: document[name] for name in ("Check", "Region", "Success", "Duration")} == {
        "Check": "storefront",
        "Region": "eu-west-1",
        "Success": 0.0,
        "Duration": 0.25,
    }
    assert (document["verdict"], document["reason"], document["run_id"]) == ("down", "status", "run-1")
    assert dropped == NONE_DROPPED


def test_every_set_of_dimensions_has_a_line_of_its_own(ends: tuple[int, int]) -> None:
    documents, _ = written(ends, now_result(), metrics=["success", "duration", "phases"])
    assert [document.get("Phase") for document in documents] == [
        None,
        "resolve",
        "connect",
        "tls",
        "processing",
        "transfer",
    ]


def test_a_metric_measured_twice_in_a_step_has_both_values(ends: tuple[int, int]) -> None:
    documents, dropped = written(ends, browser_result(CHECK, at=time.time()), metrics=["vitals"])
    (document,) = documents
    assert (document["LCP"], document["CLS"], document["TTFB"]) == ([0.9, 0.4], [0.05, 0.2], 0.1)
    assert dropped == NONE_DROPPED


def test_a_hundred_metrics_and_values_are_the_most_of_a_line(ends: tuple[int, int]) -> None:
    measures = tuple(Measure(f"m{number}", 1.0) for number in range(250))
    pages = tuple(Navigation("soft", "https://shop.example/", lcp_s=0.5) for _ in range(150))
    steps = (Step("Scroll", Verdict.UP, 1.0, navigations=pages),)
    many = result(CHECK, at=time.time(), measures=measures, steps=steps)
    documents, dropped = written(ends, many, metrics=["measures", "vitals"])
    assert len(documents) == 4
    assert dropped == {**NONE_DROPPED, "rejected": 50}


def test_high_resolution_is_said_of_every_metric(ends: tuple[int, int]) -> None:
    (document,), _ = written(ends, now_result(), high_resolution=True)
    told = document["_aws"]["CloudWatchMetrics"][0]["Metrics"]
    assert [metric["StorageResolution"] for metric in told] == [1, 1]


@pytest.mark.parametrize(
    "bad",
    [
        {"duration_s": math.nan},
        {"measures": (Measure("clash", 1.0, "", {"_aws": "x"}),)},
        {"measures": (Measure("clash", 1.0, "", {"Measure.clash": "x"}),)},
        {"at": 0.0, "measures": ()},
    ],
    ids=["not a number", "a label as the metadata", "a label as the metric", "of 1970"],
)
def test_what_cloudwatch_would_not_understand_is_left_out_and_counted(ends: tuple[int, int], bad: Any) -> None:
    metrics = ["duration", "measures"] if bad.get("measures") else ["duration"]
    documents, dropped = written(ends, result(CHECK, **{"at": time.time(), **bad}), metrics=metrics)
    assert len(documents) == (1 if bad.get("measures") else 0)
    assert dropped == {**NONE_DROPPED, "rejected": 1}


def test_an_unknown_result_writes_nothing(ends: tuple[int, int]) -> None:
    documents, dropped = written(ends, now_result(verdict=Verdict.UNKNOWN, reason=Reason.NO_BROWSER))
    assert (documents, dropped) == ([], NONE_DROPPED)


def test_nobody_reading_stdout_holds_up_nothing_and_the_queue_is_thinned(ends: tuple[int, int]) -> None:
    sink = feed(ends[1], queue_limit=1000)
    sink.start()
    started = time.perf_counter()
    for number in range(3000):
        one = now_result()
        sink.offer(replace(one, run_id=f"run-{number}"))
    sink.close(0.2)
    assert time.perf_counter() - started < 3.0
    assert sink.queued == 0
    assert sink.dropped["thinned"] > 1000
    assert sum(sink.dropped.values()) == 6000  # what the pipe took counts as failed too, its batch was not finished


def test_a_reader_that_is_gone_is_a_failure_and_not_the_end(ends: tuple[int, int]) -> None:
    os.close(ends[0])
    sink = feed(ends[1])
    sink.start()
    sink.offer(now_result())
    sink.close(10)
    assert dict(sink.dropped) == {**NONE_DROPPED, "failed": 2}
