"""Traces and metrics over OTLP/HTTP, read back by a receiver that decodes them and refuses what must not be."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from fakes.otlp import BUSY, Collector, attributes, collector, refusing
from fakes.receiver import Answer
from fakes.results import STARTED_AT, Target, browser_result, http_result, result, tcp_result
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from pydantic import ValidationError

from prober.clock import MovedClock
from prober.faults import Retryable, UserFault
from prober.journey.tracing import span_id, trace_id_of, traceparent
from prober.model import Measure, Navigation, Reason, Step, Verdict
from prober.sinks import _pump
from prober.sinks._post import Post, require_extra
from prober.sinks._pump import Backoff, Parcel, Pump
from prober.sinks.otlp import Spec, journeys, open_sink
from prober.sinks.otlp.feed import Feed
from prober.sinks.otlp.points import FORGOTTEN_S, Book

CHECK = Target(id="storefront", title="Shop", tags=("smoke",))
TCP = Target(id="port", kind="tcp", url="db:5432")
BROWSER = Target(id="purchase", kind="browser", url="checks/purchase.py", interval="5m", timeout="1m")
QUICK = Backoff(base_s=0.01, cap_s=0.02)
GRACE_S = 20.0
NONE_DROPPED = {"full": 0, "rejected": 0, "failed": 0, "thinned": 0}


@pytest.fixture
def taken() -> Iterator[Collector]:
    with collector() as running:
        yield running


def spec(url: str, **more: Any) -> Spec:
    return Spec.model_validate({"kind": "otlp", "endpoint": url, "flush_interval": "50ms", **more})


def fed(taken: Collector, *results: Any, **more: Any) -> Feed:
    """A feed that has sent ``results`` and was closed."""
    feed = running(taken.url, **more)
    for one in results:
        feed.offer(one)
    feed.close(GRACE_S)
    return feed


def running(url: str, **more: Any) -> Feed:
    feed = Feed(spec(url, **more), MovedClock(STARTED_AT + 60), QUICK)
    feed.start()
    return feed


def named(taken: Collector) -> dict[str, Span]:
    return {span.name: span for span in taken.spans}


def points(taken: Collector, name: str) -> list[Any]:
    """The data points of all metrics called ``name``."""
    found: list[Metric] = [metric for metric in taken.metrics if metric.name == name]
    return [point for metric in found for point in getattr(metric, metric.WhichOneof("data")).data_points]


def lasts_s(span: Span) -> float:
    return (span.end_time_unix_nano - span.start_time_unix_nano) / 1e9


def test_an_http_run_is_one_trace_with_its_request_and_its_phases_at_their_times(taken: Collector) -> None:
    fed(taken, http_result(CHECK))
    spans = named(taken)
    assert set(spans) == {"check storefront", "GET", "resolve", "connect", "tls", "processing", "transfer"}
    assert {span.trace_id.hex() for span in taken.spans} == {trace_id_of("run-1")}
    root, request = spans["check storefront"], spans["GET"]
    assert (root.parent_span_id, request.parent_span_id) == (b"", root.span_id)
    assert {spans[phase].parent_span_id for phase in ("resolve", "tls", "transfer")} == {request.span_id}
    assert root.start_time_unix_nano == int(STARTED_AT * 1e9)
    assert (lasts_s(root), lasts_s(request)) == (pytest.approx(0.25), pytest.approx(0.25))
    begins = [(spans[name].start_time_unix_nano - root.start_time_unix_nano) / 1e9 for name in ("connect", "transfer")]
    assert begins == [pytest.approx(0.001, abs=1e-6), pytest.approx(0.233, abs=1e-6)]
    assert lasts_s(spans["tls"]) == pytest.approx(0.03, abs=1e-6)


def test_the_request_speaks_the_http_conventions_and_the_run_says_what_it_is(taken: Collector) -> None:
    fed(taken, http_result(CHECK))
    request, run = named(taken)["GET"], attributes(named(taken)["check storefront"])
    assert request.kind == Span.SPAN_KIND_CLIENT
    assert attributes(request) == {
        "user_agent.synthetic.type": "test",
        "http.request.method": "GET",
        "url.full": "https://shop.example/",
        "server.address": "shop.example",
        "server.port": 443,
        "http.response.status_code": 200,
        "http.request.resend_count": 1,
        "http.response.body.size": 512,
        "network.protocol.name": "http",
        "network.protocol.version": "1.1",
        "network.peer.address": "127.0.0.1",
    }
    assert run == {
        "synthetic.check.id": "storefront",
        "synthetic.check.kind": "http",
        "synthetic.check.region": "eu-west-1",
        "synthetic.check.title": "Shop",
        "synthetic.check.target": "https://shop.example/",
        "synthetic.check.tags": ["smoke"],
        "synthetic.check.verdict": "up",
        "synthetic.check.reason": "ok",
        "synthetic.run.id": "run-1",
        "user_agent.synthetic.type": "test",
    }
    assert taken.resources[0]["service.name"] == "prober"


@pytest.mark.parametrize(
    ("status", "reason", "error"), [(503, Reason.STATUS, "503"), (None, Reason.CONNECT_REFUSED, "connect_refused")]
)
def test_a_run_that_is_down_is_an_error_of_its_request(
    taken: Collector, status: int | None, reason: Reason, error: str
) -> None:
    fed(taken, http_result(CHECK, verdict=Verdict.DOWN, reason=reason, facts={"status": status}))
    spans = named(taken)
    assert [spans[name].status.code for name in ("check storefront", "GET")] == [2, 2]
    assert attributes(spans["GET"])["error.type"] == error
    assert attributes(spans["check storefront"])["error.type"] == reason.value


def test_the_spans_of_a_journey_are_the_parents_its_requests_told_of(taken: Collector) -> None:
    trace_id = "ab" * 16
    fed(taken, browser_result(BROWSER, facts={"trace_id": trace_id}))
    spans = named(taken)
    root, first, second = spans["check purchase"], spans["Browse events"], spans['Pay "now"']
    told = [f"00-{trace_id}-{span.span_id.hex()}-01" for span in (root, first, second)]
    assert told == [traceparent(trace_id, step) for step in (None, 0, 1)]
    assert {first.parent_span_id, second.parent_span_id} == {root.span_id}
    assert second.start_time_unix_nano - first.start_time_unix_nano == pytest.approx(1.5e9)
    page = spans["https://shop.example/"]
    assert page.parent_span_id == first.span_id
    assert (lasts_s(page), attributes(page)["synthetic.vital.lcp"]) == (pytest.approx(1.1), 0.9)
    assert attributes(spans["https://shop.example/event"])["synthetic.navigation.kind"] == "soft"


def test_pages_shown_before_the_first_step_shift_no_steps_span(taken: Collector) -> None:
    steps = (
        Step("(outside any step)", Verdict.UP, 0.0, "", (Navigation("hard", "https://shop.example/"),)),
        Step("Pay", Verdict.DOWN, 0.5, "no button"),
    )
    trace_id = "cd" * 16
    fed(taken, browser_result(BROWSER, steps=steps, facts={"trace_id": trace_id}))
    spans = named(taken)
    assert spans["Pay"].span_id.hex() == span_id(trace_id, 0)
    assert (spans["Pay"].status.code, spans["Pay"].status.message) == (2, "no button")
    assert spans["https://shop.example/"].parent_span_id == spans["check purchase"].span_id


def test_no_span_leaves_its_run_though_nested_steps_last_longer_together(taken: Collector) -> None:
    nested = (Step("Outer", Verdict.UP, 2.0), Step("Inner", Verdict.UP, 1.5))
    fed(taken, browser_result(BROWSER, steps=nested, duration_s=2.0))
    root = named(taken)["check purchase"]
    assert all(span.end_time_unix_nano <= root.end_time_unix_nano for span in taken.spans)


def test_a_tcp_run_has_its_phases_below_it(taken: Collector) -> None:
    fed(taken, tcp_result(TCP))
    spans = named(taken)
    assert set(spans) == {"check port", "resolve", "connect", "dialogue"}
    assert spans["dialogue"].parent_span_id == spans["check port"].span_id


def test_what_a_run_holds_never_breaks_the_request_it_is_in(taken: Collector) -> None:
    odd = http_result(CHECK, facts={"status": 10**30})
    long = result(BROWSER, steps=(Step("\udce4" * 9_000, Verdict.UP, math.nan),), facts={"trace_id": "no trace id"})
    feed = fed(taken, odd, replace(long, run_id="run-2"), tcp_result(TCP))
    assert named(taken).keys() >= {"check purchase", "check port"}
    assert feed.dropped == {**NONE_DROPPED, "rejected": 1}


def test_metrics_are_durations_runs_success_and_phases(taken: Collector) -> None:
    down = http_result(CHECK, verdict=Verdict.DOWN, reason=Reason.STATUS, duration_s=0.02)
    unknown = http_result(CHECK, verdict=Verdict.UNKNOWN, reason=Reason.NO_BROWSER, duration_s=9.0)
    fed(taken, http_result(CHECK), down, http_result(CHECK), unknown, flush_interval="5m")
    counts = {attributes(p)["synthetic.check.verdict"]: p for p in points(taken, "synthetic.check.duration")}
    assert {verdict: (p.count, p.sum) for verdict, p in counts.items()} == {"up": (2, 0.5), "down": (1, 0.02)}
    assert list(counts["up"].bucket_counts) == [0, 0, 2, 0, 0, 0, 0, 0]
    exemplar = counts["up"].exemplars[0]
    assert (exemplar.trace_id.hex(), exemplar.as_double) == (trace_id_of("run-1"), 0.25)
    runs = {attributes(p)["synthetic.check.reason"]: p.as_int for p in points(taken, "synthetic.check.runs")}
    assert runs == {"ok": 2, "status": 1, "no_browser": 1}
    (success,) = points(taken, "synthetic.check.success")
    assert (success.as_int, success.time_unix_nano) == (1, int((STARTED_AT + 0.25) * 1e9))
    phases = {
        attributes(p)["synthetic.check.phase"]: p.as_double for p in points(taken, "synthetic.check.phase.duration")
    }
    assert phases["tls"] == 0.03


def test_a_journeys_steps_vitals_and_figures_are_gauges(taken: Collector) -> None:
    fed(taken, browser_result(BROWSER), flush_interval="5m")

    def told(name: str, key: str) -> dict[str, float]:
        return {attributes(p)[key]: p.as_double for p in points(taken, f"synthetic.check.{name}")}

    assert told("step.duration", "synthetic.step.name") == {"Browse events": 1.5, 'Pay "now"': 0.75}
    assert told("web_vital.lcp", "synthetic.step.name") == {"Browse events": 0.9}
    assert told("web_vital.cls", "synthetic.step.name") == {"Browse events": 0.2}, "the worst of two navigations"
    assert told("web_vital.tbt", "synthetic.step.name") == {"Browse events": 0.0}
    (total,) = points(taken, "synthetic.check.measure")
    assert total.as_double == 98.0
    assert attributes(total).items() >= {
        ("synthetic.measure.name", "order_total"),
        ("synthetic.measure.unit", "EUR"),
        ("synthetic.measure.label.event", "aurora"),
        ("synthetic.check.id", BROWSER.id),
    }
    units = {metric.name.rpartition(".")[2]: metric.unit for metric in taken.metrics}
    assert (units["lcp"], units["cls"]) == ("s", "1")


def test_a_journey_that_names_steps_by_what_it_finds_makes_no_more_points_than_are_allowed(taken: Collector) -> None:
    steps = tuple(Step(f"Open event {number}", Verdict.UP, 0.1) for number in range(journeys.MOST * 3))
    bad = (Measure("ratio", float("nan")), Measure("total", float("inf")), Measure("sold", 3))
    fed(taken, browser_result(BROWSER, steps=steps, measures=bad), flush_interval="5m")
    assert len(points(taken, "synthetic.check.step.duration")) == journeys.MOST
    assert [point.as_double for point in points(taken, "synthetic.check.measure")] == [3.0]


def test_delta_counts_from_the_window_before_and_cumulative_from_the_start() -> None:
    one = http_result(CHECK)
    for counts, expected in (
        ("delta", [(100.0, 110.0, 1), (110.0, 120.0, 2)]),
        ("cumulative", [(100.0, 110.0, 1), (100.0, 120.0, 3)]),
    ):
        book = Book(counts, 100.0)  # type: ignore[arg-type]
        seen = []
        for now, results in ((110.0, [one]), (120.0, [one, one])):
            for each in results:
                book.take(each)
            window = book.window(now)
            assert window is not None
            seen.append((window.since, window.until, sum(window.figures[0].runs.values())))
        assert seen == expected


def test_a_delta_window_without_runs_is_not_told_and_a_removed_check_is_forgotten_in_time() -> None:
    delta, cumulative = Book("delta", 0.0), Book("cumulative", 0.0)
    for book in (delta, cumulative):
        book.take(http_result(CHECK))
        assert book.window(STARTED_AT)
    assert delta.window(STARTED_AT + 10) is None
    assert cumulative.window(STARTED_AT + 10)
    assert cumulative.window(STARTED_AT + FORGOTTEN_S + 1) is None


def test_a_window_never_ends_before_it_begins_though_the_clock_was_put_back() -> None:
    book = Book("delta", 1_000.0)
    book.take(http_result(CHECK))
    window = book.window(500.0)
    assert window is not None
    assert window.since < window.until


def test_a_busy_service_is_tried_again_with_the_same_request(taken: Collector) -> None:
    taken.answers.extend([BUSY, Answer(429), Answer(502), Answer(504)])
    feed = fed(taken, http_result(CHECK), signals=["traces"])
    assert [posted.raw for posted in taken.posted] == [taken.posted[0].raw] * 5
    assert len(taken.spans) == 7
    assert (feed.queued, feed.dropped) == (0, NONE_DROPPED)


@pytest.mark.parametrize("status", [400, 401, 404, 413, 500])
def test_what_is_refused_for_good_is_counted_and_does_not_hold_up_the_next(taken: Collector, status: int) -> None:
    taken.answers.append(Answer(status))
    feed = running(taken.url, signals=["traces"])
    feed.offer(http_result(CHECK))
    taken.wait_for(1)
    feed.offer(tcp_result(TCP))
    feed.close(GRACE_S)
    assert feed.dropped == {**NONE_DROPPED, "rejected": 1}
    assert len(taken.spans) == 4


def test_a_service_is_not_asked_before_the_time_it_named(taken: Collector) -> None:
    taken.answers.append(Answer(503, b"later", {"Retry-After": "7"}))
    post = Post(f"{taken.url}/v1/traces", {}, {503}.__contains__)
    with pytest.raises(Retryable, match="answered 503: later") as caught:
        post(b"")
    post.close()
    assert caught.value.after_s == 7
    assert Backoff().wait_s(0, 7.0) >= 7
    assert Backoff().wait_s(0, 86_400.0) == Backoff().longest_s
    assert all(0 <= Backoff().wait_s(20, None) <= Backoff().cap_s for _ in range(100))


def test_a_partial_success_counts_what_was_refused(taken: Collector) -> None:
    taken.answers.append(refusing(3, "too old"))
    feed = fed(taken, http_result(CHECK), signals=["traces"])
    assert feed.dropped == {**NONE_DROPPED, "rejected": 3}


def test_new_relic_gets_its_key_deltas_and_requests_below_a_megabyte(taken: Collector) -> None:
    taken.limit_bytes = 1_000_000
    feed = running(taken.url, preset="newrelic", api_key="nr-license-key", flush_interval="5m")
    for number in range(1_500):
        feed.offer(replace(http_result(CHECK), run_id=f"run-{number}"))
    feed.close(GRACE_S)
    assert feed.dropped == NONE_DROPPED
    assert len(taken.spans) == 7 * 1_500
    assert max(taken.sizes) > 400_000
    assert {posted.headers["api-key"] for posted in taken.posted} == {"nr-license-key"}
    (histogram,) = (metric for metric in taken.metrics if metric.name == "synthetic.check.duration")
    assert histogram.histogram.aggregation_temporality == 1


@pytest.mark.parametrize(
    ("options", "url", "header"),
    [
        ({}, "http://localhost:4318/v1/traces", None),
        ({"preset": "newrelic", "api_key": "k"}, "https://otlp.nr-data.net/v1/traces", "api-key"),
        ({"preset": "newrelic-eu", "api_key": "k"}, "https://otlp.eu01.nr-data.net/v1/traces", "api-key"),
        ({"preset": "datadog", "api_key": "k"}, "https://otlp.datadoghq.com/v1/traces", "dd-api-key"),
        (
            {"preset": "datadog", "api_key": "k", "site": "datadoghq.eu"},
            "https://otlp.datadoghq.eu/v1/traces",
            "dd-api-key",
        ),
        ({"preset": "datadog-agent"}, "http://localhost:4318/v1/traces", None),
        ({"endpoint": "http://collector:4318/"}, "http://collector:4318/v1/traces", None),
    ],
)
def test_presets_know_endpoints_and_headers(options: dict[str, Any], url: str, header: str | None) -> None:
    made = Spec.model_validate({"kind": "otlp", **options})
    assert made.url("traces") == url
    assert ("k" if header else None) == (made.all_headers()[header].reveal() if header else None)  # type: ignore[union-attr]
    assert made.counts == ("delta" if "preset" in options else "cumulative")


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"preset": "newrelic"}, "needs an api_key"),
        ({"api_key": "k"}, "use headers"),
        ({"preset": "datadog-agent", "api_key": "k"}, "use headers"),
        ({"endpoint": "https://user:pass@collector"}, "without credentials"),
        ({"headers": {"Authorization": "a\nb"}}, "one line"),
    ],
)
def test_options_that_cannot_work_are_refused(options: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        Spec.model_validate({"kind": "otlp", **options})


def test_a_key_is_shown_nowhere() -> None:
    made = Spec.model_validate(
        {"kind": "otlp", "preset": "newrelic", "api_key": "hidden", "headers": {"X-A": "hidden"}}
    )
    assert "hidden" not in f"{made!r} {made.model_dump()} {made.all_headers()}"


def test_a_service_that_is_away_costs_neither_time_nor_memory_and_all_is_counted() -> None:
    feed = running("http://127.0.0.1:1", queue_limit=10, flush_interval="5m")
    began = time.monotonic()
    for _ in range(1_000):
        feed.offer(http_result(CHECK))
    assert time.monotonic() - began < 2.0
    assert feed.queued == 10
    feed.close(0.1)
    dropped = feed.dropped
    assert dropped["full"] == 990
    assert (feed.queued, dropped["failed"]) == (0, 10 + 8)  # the runs, and the points of the one check they are of


def test_good_runs_lose_their_traces_while_the_queue_is_half_full(monkeypatch: pytest.MonkeyPatch) -> None:
    feed = running("http://127.0.0.1:1", signals=["traces"], flush_interval="5m")
    monkeypatch.setattr(Pump, "crowded", property(lambda _: True))
    feed.offer(http_result(CHECK))
    feed.offer(http_result(CHECK, verdict=Verdict.DOWN, reason=Reason.STATUS))
    assert (feed.queued, feed.dropped["thinned"]) == (1, 1)
    feed.close(0.05)


def test_the_oldest_go_when_a_pump_is_full_and_those_an_hour_old_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    sent = threading.Event()
    parcels = [
        Parcel(b"x" * 40, 1),
        Parcel(b"x" * 40, 2),
        Parcel(b"x" * 40, 4),
        Parcel(b"", 8, made_at=-_pump.OLDEST_S),
    ]

    def pack(ending: bool) -> list[Parcel]:
        return [] if ending else parcels

    def post(_: Parcel) -> int:
        sent.set()
        raise Retryable("away")

    pump = Pump("test", 300.0, pack, post, lambda: None, Backoff(base_s=300, cap_s=300), queue_bytes=100)
    pump.start()
    pump.wake()
    assert sent.wait(20)
    assert (pump.queued, pump.crowded, pump.dropped["full"]) == (6 + 8, True, 1)
    pump.close(0.05)
    assert pump.dropped["failed"] == 6 + 8


def test_without_its_extra_the_sink_says_in_a_line_what_to_install() -> None:
    with pytest.raises(UserFault, match=r"^a sink of kind otlp needs the extra otel: pip install 'prober\[otel\]'$"):
        require_extra("otlp", "no_such_library.proto", "otel")


def test_an_opened_sink_sends_when_its_time_has_come(taken: Collector) -> None:
    sink = open_sink(spec(taken.url), MovedClock())
    sink.offer(http_result(CHECK))
    assert {posted.path for posted in taken.wait_for(2)} == {"/v1/traces", "/v1/metrics"}
    sink.close(GRACE_S)
