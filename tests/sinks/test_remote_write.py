"""Remote write against a strict fake with protobuf's own decoder, and against a real Prometheus."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fakes.receiver import Answer
from fakes.remote_write import Store, prometheus, store
from fakes.results import Target, browser_result, http_result
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families
from pydantic import ValidationError

from prober.clock import MovedClock, SystemClock
from prober.model import Reason, Verdict
from prober.sinks._pump import Backoff
from prober.sinks.prometheus import Exposition
from prober.sinks.prometheus.remote import Spec, open_sink, wire
from prober.sinks.prometheus.remote.writer import Writer
from prober.sinks.prometheus.text import escape

HTTP = Target(id="storefront")
BROWSER = Target(id="purchase", kind="browser", url="checks/purchase.py", interval="5m", timeout="1m")
QUICK = Backoff(base_s=0.01, cap_s=0.02)
GRACE_S = 20.0
NONE_DROPPED = {"full": 0, "rejected": 0, "failed": 0}


def exposition() -> Exposition:
    made = Exposition("prober", "eu-west-1")
    made.add(HTTP)
    made.offer(http_result(HTTP))
    return made


def spec(url: str, **more: Any) -> Spec:
    return Spec.model_validate({"kind": "remote_write", "url": url, "interval": "50ms", "version": "1", **more})


def running(url: str, shown: Exposition, **more: Any) -> Writer:
    writer = Writer(spec(url, **more), shown, SystemClock(), QUICK)
    writer.start()
    return writer


def ask_until(seen: Callable[[], Any], within_s: float = 20.0) -> None:
    """Ask a real server again and again, which takes its time by itself."""
    ends = time.monotonic() + within_s
    while not seen():
        assert time.monotonic() < ends, "it never came"


@pytest.fixture
def taken() -> Any:
    with store() as fake:
        yield fake


def test_what_is_written_is_what_metrics_says_of_every_check(taken: Store) -> None:
    shown = exposition()
    shown.add(BROWSER)
    shown.offer(browser_result(BROWSER))
    writer = running(taken.url, shown, interval="4m", labels={"cluster": "blue", "region": "ignored"})
    writer.close(GRACE_S)
    expected = {
        (("__name__", sample.name), *sorted({**sample.labels, "cluster": "blue"}.items())): sample.value
        for family in text_string_to_metric_families(b"".join(shown.render()).decode())
        for sample in family.samples
        if family.name != "prober_schedule_lag_seconds"
    }
    expected = {tuple((k, v) for k, v in sorted(labels) if v): value for labels, value in expected.items()}
    assert {labels: samples[0][1] for labels, samples in taken.series.items()} == expected
    assert (writer.queued, writer.dropped) == (0, NONE_DROPPED)


def test_what_speaks_2_0_is_written_to_in_it_with_types_and_help(taken: Store) -> None:
    taken.speaks_two = True
    shown = exposition()
    shown.add(BROWSER)
    shown.offer(browser_result(BROWSER))
    writer = running(taken.url, shown, version="auto", labels={"cluster": "blue"})
    taken.wait_until(lambda: len(taken.named("probe_success", check="storefront")) >= 2)
    shown.remove("purchase")
    taken.wait_until(lambda: taken.named("probe_success", check="purchase")[-1][1] is None)
    writer.close(GRACE_S)
    assert all("v2" in posted.headers["Content-Type"] for posted in taken.posted)
    assert {"cluster", "blue"} <= {text for labels in taken.series for label in labels for text in label}
    assert taken.about["probe_success"] == ("gauge", "Displays whether or not the probe was a success")
    kinds = {name: kind for name, (kind, _) in taken.about.items()}
    assert kinds["prober_check_runs_total"] == "counter"
    assert "unknown" not in kinds.values(), kinds
    assert {samples[-1][1] for samples in taken.series.values()} == {None}, "all of them have ended"
    assert writer.dropped == NONE_DROPPED


def test_both_versions_say_the_same(taken: Store) -> None:
    shown = exposition()
    said = []
    for version in ("1", "2"):
        taken.speaks_two, taken.series = version == "2", {}
        running(taken.url, shown, version=version, interval="4m").close(GRACE_S)
        said.append({labels: samples[0][1] for labels, samples in taken.series.items()})
    assert said[0] == said[1]
    assert len(said[0]) > 30


def test_what_does_not_speak_2_0_is_asked_once_and_written_to_in_1_0(taken: Store) -> None:
    writer = running(taken.url, exposition(), version="auto")
    taken.wait_until(lambda: len(taken.named("probe_success")) >= 3)
    writer.close(GRACE_S)
    assert ["v2" in posted.headers["Content-Type"] for posted in taken.posted].count(True) == 1
    assert writer.dropped == NONE_DROPPED


def test_an_answer_that_counts_nothing_is_one_of_1_0(taken: Store) -> None:
    taken.answers.append(Answer(204, b""))
    writer = running(taken.url, exposition(), version="auto")
    taken.wait_until(lambda: len(taken.named("probe_success")) >= 2)
    writer.close(GRACE_S)
    assert ["v2" in posted.headers["Content-Type"] for posted in taken.posted].count(True) == 1


def test_a_receiver_that_is_away_at_first_is_asked_again_what_it_speaks(taken: Store) -> None:
    taken.speaks_two = True
    taken.answers.extend([Answer(503), Answer(503)])
    writer = running(taken.url, exposition(), version="auto")
    taken.wait_until(lambda: "probe_success" in taken.about)
    writer.close(GRACE_S)
    assert writer.dropped == NONE_DROPPED


def test_a_receiver_that_speaks_2_0_no_more_is_spoken_to_in_1_0(taken: Store) -> None:
    taken.speaks_two = True
    writer = running(taken.url, exposition(), version="auto")
    taken.wait_until(lambda: "probe_success" in taken.about)
    taken.speaks_two = False
    taken.wait_until(lambda: any(posted.headers["Content-Type"].endswith("protobuf") for posted in taken.posted))
    writer.close(GRACE_S)


def test_series_end_when_their_check_is_removed_and_when_the_prober_stops(taken: Store) -> None:
    shown = exposition()
    shown.add(BROWSER)
    shown.offer(browser_result(BROWSER))
    writer = running(taken.url, shown)
    taken.wait_until(lambda: taken.named("probe_success", check="purchase"))
    shown.remove("purchase")
    taken.wait_until(lambda: taken.named("probe_success", check="purchase")[-1][1] is None)
    assert taken.named("probe_success", check="storefront")[-1][1] == 1
    writer.close(GRACE_S)
    assert {samples[-1][1] for samples in taken.series.values()} == {None}
    ends = [sum(value is None for _, value in samples) for samples in taken.series.values()]
    assert set(ends) == {1}


def test_a_series_that_a_run_did_not_measure_ends_with_it(taken: Store) -> None:
    shown = exposition()
    writer = running(taken.url, shown)
    taken.wait_until(lambda: taken.named("probe_http_version"))
    shown.offer(http_result(HTTP, verdict=Verdict.DOWN, reason=Reason.CONNECT_REFUSED, phases={}, facts={}))
    taken.wait_until(lambda: taken.named("probe_http_version")[-1][1] is None)
    assert taken.named("probe_success")[-1][1] in (0, 1)
    writer.close(GRACE_S)


def test_a_prober_that_lived_for_less_than_an_interval_leaves_its_samples_open(taken: Store) -> None:
    writer = running(taken.url, exposition(), interval="4m")
    writer.close(GRACE_S)
    assert [value for _, value in taken.named("probe_success")] == [1]


def test_requests_are_tried_again_in_order_while_the_store_is_busy(taken: Store) -> None:
    taken.answers.extend([Answer(500), Answer(429, b"", {"Retry-After": "0"}), Answer(503)])
    writer = running(taken.url, exposition())
    taken.wait_until(lambda: len(taken.named("probe_success")) >= 3)
    writer.close(GRACE_S)
    bodies = [posted.raw for posted in taken.posted]
    assert bodies[:4] == [bodies[0]] * 4
    assert writer.dropped == NONE_DROPPED


@pytest.mark.parametrize("status", [400, 404, 422])
def test_what_is_refused_for_good_is_dropped_and_counted(taken: Store, status: int) -> None:
    taken.answers.append(Answer(status, b"out of order"))
    writer = running(taken.url, exposition())
    taken.wait_until(lambda: taken.named("probe_success"))
    writer.close(GRACE_S)
    samples = sum(1 for _ in wire.lines_of(exposition().lines()))
    assert writer.dropped == {**NONE_DROPPED, "rejected": samples}


def test_times_go_forward_though_the_clock_was_put_back(taken: Store) -> None:
    clock, shown = MovedClock(), exposition()
    writer = Writer(spec(taken.url), shown, clock, QUICK)
    writer.start()
    taken.wait_until(lambda: taken.named("probe_success"))
    clock.set_wall(1_000.0)
    taken.wait_until(lambda: len(taken.named("probe_success")) >= 2)
    writer.close(GRACE_S)
    assert writer.dropped == NONE_DROPPED  # the fake refuses what is out of order


def test_large_expositions_go_in_several_requests(taken: Store) -> None:
    shown = Exposition("prober", "eu-west-1")
    for number in range(150):
        check = Target(id=f"check-{number}")
        shown.add(check)
        shown.offer(http_result(check))
    writer = running(taken.url, shown, interval="4m")
    writer.close(GRACE_S)
    assert len(taken.posted) > 2
    assert len({dict(labels)["check"] for labels in taken.series}) == 150


def test_a_label_with_line_ends_of_other_kinds_stays_one_series(taken: Store) -> None:
    shown, odd = Exposition("prober", "eu-west-1"), Target(id="odd", url="https://shop.example/a\r\x0b\u2028b\nc")
    shown.add(odd)
    shown.offer(http_result(odd))
    writer = running(taken.url, shown, interval="4m")
    writer.close(GRACE_S)
    assert taken.named("probe_success", instance=odd.url)[0][1] == 1
    assert writer.dropped == NONE_DROPPED


@given(st.text())
def test_a_label_is_read_back_as_it_was_meant(text: str) -> None:
    line = f'probe_success{{a="{escape(text)}",b="2"}}'.encode()
    meant = text.encode("utf-8", "replace").decode()[:2048] if not text.isascii() else text[:2048]
    found = wire.head(line, {})
    assert (meant.encode() in found) if meant else (b"\x0a\x01a" not in found)


@pytest.mark.parametrize(
    "options", [{"labels": {"__name__": "x"}}, {"labels": {"a-b": "x"}}, {"interval": "10m"}, {"url": "ftp://x"}]
)
def test_options_that_cannot_work_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Spec.model_validate({"kind": "remote_write", "url": "http://127.0.0.1:9090/api/v1/write", **options})


def test_a_real_prometheus_takes_it_and_forgets_a_check_at_once(tmp_path: Path) -> None:
    shown = exposition()
    with prometheus(tmp_path) as real:
        sink = open_sink(spec(f"{real.url}/api/v1/write"), shown)
        ask_until(lambda: real.query("probe_success"))
        (found,) = real.query("probe_success")
        labels = {"__name__": "probe_success", "check": "storefront", "region": "eu-west-1", "job": "prober"}
        assert found["metric"] == {**labels, "instance": "https://shop.example/"}
        assert found["value"][1] == "1"
        assert real.query('histogram_quantile(0.5, prober_check_duration_seconds_bucket{check="storefront"})')
        shown.remove("storefront")
        ask_until(lambda: not real.query("probe_success"))
        shown.add(HTTP)
        shown.offer(http_result(HTTP))
        ask_until(lambda: real.query("probe_success"))
        sink.close(GRACE_S)
        assert not real.query("probe_success")
        assert (sink.queued, dict(sink.dropped)) == (0, NONE_DROPPED)
