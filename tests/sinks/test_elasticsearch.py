"""The Elasticsearch sink, the official client and all, against a fake that holds documents against the template."""

from __future__ import annotations

import base64
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fakes.elastic import FakeElastic, Refused, fake_elastic, fault
from fakes.results import STARTED_AT, Target, browser_result, http_result, result, tcp_result
from pydantic import ValidationError

from prober.app.assemble import require_sinks
from prober.config import load
from prober.faults import UserFault
from prober.model import Measure, Reason, Result, Verdict
from prober.render.elasticsearch import errors_by_type, errors_of_the_last_hour, render
from prober.sinks._lane import Limits
from prober.sinks.elasticsearch import MISSING, Spec, open_sink
from prober.sinks.elasticsearch.documents import document

ROOT = Path(__file__).resolve().parents[2]
STREAM = "logs-synthetics.prober-default"
CHECK = Target(id="storefront")
QUICK = Limits(flush_s=0.02, backoff_base_s=0.01, backoff_cap_s=0.02)
GRACE_S = 20.0
NONE_DROPPED = {"full": 0, "thinned": 0, "old": 0, "rejected": 0, "failed": 0}
BUSY = (429, {"error": {"type": "es_rejected_execution_exception", "reason": "busy", "root_cause": []}, "status": 429})

OF_THE_DOCUMENT = {
    "query": {
        "bool": {"must": [{"range": {"@timestamp": {"gte": "now-1h"}}}, {"term": {"level": "error"}}]},
    },
    "aggs": {"error_types": {"terms": {"field": "message.keyword", "size": 10}}},
}
"""As the platform's own strategy has it."""


@pytest.fixture
def elastic() -> Iterator[FakeElastic]:
    with fake_elastic() as fake:
        yield fake


def spec(url: str, **more: Any) -> Spec:
    return Spec.model_validate({"kind": "elasticsearch", "urls": url, **more})


def run(number: int = 1, check: Target = CHECK, **changed: Any) -> Result:
    return replace(http_result(check, at=time.time(), **changed), run_id=f"run-{number}")


def down(number: int, reason: Reason = Reason.STATUS, message: str = "got 500", **changed: Any) -> Result:
    return replace(run(number, verdict=Verdict.DOWN, reason=reason, **changed), message=message)


def sent(elastic: FakeElastic, *results: Result, limits: Limits = QUICK, **more: Any) -> dict[str, int]:
    """What was dropped once ``results`` went out as ``more`` of the Spec says."""
    sink = open_sink(spec(elastic.url, **more), limits)
    for one in results:
        sink.offer(one)
    sink.close(GRACE_S)
    assert sink.queued == 0
    return dict(sink.dropped)


def searched(elastic: FakeElastic, query: dict[str, Any]) -> dict[str, Any]:
    import httpx

    answer = httpx.post(f"{elastic.url}/{STREAM}/_search", json=query)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_results_of_every_kind_become_documents_that_the_template_takes(elastic: FakeElastic) -> None:
    kinds = [
        run(1),
        replace(tcp_result(Target(id="port", kind="tcp", url="db.example:5432")), run_id="run-2"),
        replace(browser_result(Target(id="buy", kind="browser", url="checks/buy.py::buy")), run_id="run-3"),
        down(4),
        replace(result(CHECK, Verdict.UNKNOWN, Reason.NO_BROWSER), run_id="run-5"),
    ]
    assert sent(elastic, *kinds) == NONE_DROPPED
    assert {one["monitor.id"] for one in elastic.all} == {"storefront", "port", "buy"}
    assert len(elastic.all) == 5
    assert [path for _, path, _ in elastic.requests] == [f"/_index_template/prober-{STREAM}", f"/{STREAM}/_bulk"]


def test_a_document_has_the_fields_of_the_platforms_logs_and_of_ecs() -> None:
    buy = Target(id="buy", kind="http", tags=("checkout",), url="https://shop.example/cart?x=1")
    seen = http_result(
        buy, verdict=Verdict.DOWN, reason=Reason.STATUS, measures=(Measure("total", 9.0, "EUR", {"event": "aurora"}),)
    )
    told = document(replace(seen, message="got 500"), spec("http://localhost:9200", environment="staging"))
    logs = {name: told[name] for name in ("level", "message", "service", "environment", "eventId", "requestId")}
    assert logs == {
        "level": "error",
        "message": "buy is down: got 500",
        "service": "eventchain-synthetics",
        "environment": "staging",
        "eventId": "aurora",
        "requestId": "run-1",
    }
    assert (told["duration"], told["event.duration"]) == (250, 250_000_000)
    assert told["@timestamp"].startswith("2023-11-14T22:13:20.25")
    assert (told["error.type"], told["error.message"]) == ("status", "got 500")
    assert told["url.domain"] == "shop.example"
    assert (told["http.response.status_code"], told["http.response.body.bytes"]) == (200, 512)
    assert told["monitor.status"] == "down"
    assert told["prober"]["run_id"] == "run-1"


def test_a_run_that_came_to_nothing_is_neither_an_error_nor_up() -> None:
    told = document(result(CHECK, Verdict.UNKNOWN, Reason.NO_BROWSER), spec("http://localhost:9200"))
    assert (told["level"], told["event.outcome"], "monitor.status" in told) == ("warn", "unknown", False)


def test_a_text_no_json_can_hold_is_sent_with_a_mark_in_its_place(elastic: FakeElastic) -> None:
    assert sent(elastic, down(1, message="bad \ud800 byte")) == NONE_DROPPED
    assert elastic.all[0]["error.message"] == "bad ? byte"


def test_an_answer_that_got_lost_makes_no_second_document(elastic: FakeElastic) -> None:
    elastic.lost_answers = 1
    assert sent(elastic, run(1), run(2)) == NONE_DROPPED
    assert len(elastic.bulks) == 2
    assert elastic.bulks[0] == elastic.bulks[1]
    assert len(elastic.all) == 2


def test_only_the_documents_that_were_put_off_are_sent_again(elastic: FakeElastic) -> None:
    elastic.items.extend([0, 429, 0, 503])
    assert sent(elastic, *map(run, range(4))) == NONE_DROPPED
    first, second = elastic.bulks
    assert second == [first[1], first[3]]
    assert len(elastic.all) == 4


def test_a_document_that_is_refused_counts_and_holds_up_no_other(elastic: FakeElastic) -> None:
    elastic.items.extend([0, 400, 0])
    assert sent(elastic, *map(run, range(3))) == {**NONE_DROPPED, "rejected": 1}
    assert (len(elastic.bulks), len(elastic.all)) == (1, 2)


@pytest.mark.parametrize("trouble", [BUSY, (503, b""), (200, b"<html>"), (200, {"took": 1}), fault(401, "x", "y")])
def test_trouble_that_may_pass_is_waited_out(elastic: FakeElastic, trouble: Any) -> None:
    elastic.answers.extend([trouble, trouble])
    elastic.templates["by hand"] = json.loads(render_default()["index-template.json"])
    sink = open_sink(spec(elastic.url, template=False), QUICK)
    sink.offer(run(1))
    elastic.wait_for_bulks(3)
    sink.close(GRACE_S)
    assert dict(sink.dropped) == NONE_DROPPED
    assert len(elastic.all) == 1


def test_a_batch_that_is_too_large_is_halved(elastic: FakeElastic) -> None:
    results = [down(n, message=f"{n}" * 50) for n in range(8)]
    elastic.max_bytes = 10_000
    assert sent(elastic, *results) == NONE_DROPPED
    assert len(elastic.all) == 8
    assert len(elastic.bulks) > 1


def test_a_key_that_may_not_change_templates_still_writes(elastic: FakeElastic) -> None:
    elastic.templates["by an admin"] = json.loads(render_default()["index-template.json"])
    elastic.answers.append(fault(403, "security_exception", "not yours"))
    assert sent(elastic, run(1)) == NONE_DROPPED
    assert len(elastic.all) == 1


def test_no_document_goes_before_its_template_is_there(elastic: FakeElastic) -> None:
    elastic.answers.extend([(503, b""), (503, b"")])
    assert sent(elastic, run(1)) == NONE_DROPPED
    assert [path for _, path, _ in elastic.requests] == [f"/_index_template/prober-{STREAM}"] * 3 + [f"/{STREAM}/_bulk"]
    assert len(elastic.all) == 1


@pytest.mark.parametrize(
    ("given", "header"),
    [
        ({"api_key": "a2V5"}, "ApiKey a2V5"),
        ({"username": "me", "password": "pw"}, "Basic " + base64.b64encode(b"me:pw").decode()),
    ],
)
def test_the_sink_logs_in_as_configured(elastic: FakeElastic, given: dict[str, str], header: str) -> None:
    elastic.authorization = header
    assert sent(elastic, run(1), **given) == NONE_DROPPED
    assert len(elastic.all) == 1


def test_what_is_no_elasticsearch_gets_nothing_and_the_end_counts_it(elastic: FakeElastic) -> None:
    elastic.product = "OpenSearch"
    sink = open_sink(spec(elastic.url), QUICK)
    sink.offer(run(1))
    sink.close(0.3)
    assert dict(sink.dropped) == {**NONE_DROPPED, "failed": 1}


def test_results_that_waited_too_long_are_counted_as_old() -> None:
    sink = open_sink(spec("http://127.0.0.1:1"), replace(QUICK, max_age_s=0.0))
    sink.offer(run(1))
    sink.close(GRACE_S)
    assert dict(sink.dropped) == {**NONE_DROPPED, "old": 1}


def test_an_hour_without_elasticsearch_keeps_failures_and_a_bound(elastic: FakeElastic) -> None:
    at, limits = time.time(), replace(QUICK, queue_bytes=600_000, batch_entries=1)
    sink = open_sink(spec("http://127.0.0.1:1"), limits)
    for second in range(3600):
        one = down(second) if second % 600 == 599 else run(second)
        sink.offer(replace(one, started_at=at + second))
    dropped = dict(sink.dropped)
    kept = sink.queued
    sink.close(0.0)
    assert kept + sum(dropped.values()) == 3600
    assert dropped["full"] == dropped["rejected"] == 0
    assert dropped["thinned"] > 3000  # one a minute stays, and all six failures


def test_the_saved_searches_find_what_failed_in_the_last_hour_and_why(elastic: FakeElastic) -> None:
    hour_ago = replace(down(9), started_at=time.time() - 3_700)
    failures = [down(1), down(2), down(3, Reason.TIMEOUT, "no answer in 5s")]
    failures = [replace(one, started_at=one.started_at + number) for number, one in enumerate(failures)] + [hour_ago]
    sent(elastic, run(4), *failures, run(5, verdict=Verdict.DEGRADED, reason=Reason.LATENCY))
    newest = searched(elastic, errors_of_the_last_hour())["hits"]["hits"]
    assert [hit["_source"]["requestId"] for hit in newest] == ["run-3", "run-2", "run-1"]
    types = searched(elastic, errors_by_type())["aggregations"]["error_types"]["buckets"]
    assert [(one["key"], one["doc_count"]) for one in types] == [("status", 2), ("timeout", 1)]
    assert types[0]["messages"]["buckets"] == [{"key": "storefront is down: got 500", "doc_count": 2}]


def test_the_search_of_the_platforms_own_strategy_works_as_it_is_written(elastic: FakeElastic) -> None:
    sent(elastic, run(1), down(2), down(3))
    found = searched(elastic, OF_THE_DOCUMENT)["aggregations"]["error_types"]["buckets"]
    assert found == [{"key": "storefront is down: got 500", "doc_count": 2}]


def test_the_fake_refuses_a_search_that_would_find_nothing(elastic: FakeElastic) -> None:
    sent(elastic, down(1))
    with pytest.raises(Refused, match="not mapped"):
        elastic._search(STREAM, {"query": {"term": {"level.keyword": "error"}}})
    messages = {"terms": {"field": "message", "size": 10}}
    with pytest.raises(Refused, match="cannot be counted"):
        elastic._search(STREAM, {"query": {"term": {"level": "error"}}, "aggs": {"x": messages}})


def render_default() -> dict[str, str]:
    return render(load(ROOT / "probes.yaml", {}, lenient=True))


@pytest.mark.parametrize("name", ["index-template.json", "errors-last-hour.json", "errors-by-type.json"])
def test_what_is_deployed_is_what_would_be_rendered(name: str) -> None:
    assert (ROOT / "deploy" / "elasticsearch" / name).read_text() == render_default()[name]


def test_without_the_client_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "elasticsearch", None)
    monkeypatch.setattr("prober.sinks.elasticsearch.find_spec", lambda _: None)
    with pytest.raises(UserFault, match=r"pip install 'prober\[elasticsearch\]'"):
        open_sink(spec("http://localhost:9200"))
    with pytest.raises(UserFault, match=r"pip install"):  # as a reload asks, before it changes anything
        require_sinks((spec("http://localhost:9200"),))
    assert "\n" not in MISSING


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"urls": "https://me:pw@elastic.example"}, "without credentials"),
        ({"urls": []}, "at least 1"),
        ({"data_stream": "logs-a-b-c"}, "pattern"),
        ({"data_stream": "synthetics-http-default"}, "pattern"),
        ({"username": "me"}, "belong together"),
        ({"username": "me", "password": "pw", "api_key": "k"}, "not both"),
    ],
)
def test_a_wrong_option_is_told(given: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        Spec.model_validate({"kind": "elasticsearch", "urls": "http://localhost:9200", **given})


def test_the_time_of_a_document_is_that_of_its_run() -> None:
    told = document(http_result(CHECK), spec("http://localhost:9200"))
    assert told["@timestamp"].startswith("2023-11-14T22:13:20")
    assert STARTED_AT == 1_700_000_000.25
