"""The exposition: what it says after which results, read back by prometheus_client and promtool."""

from __future__ import annotations

import json
import math
import re
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest
from fakes.results import (
    LEAF,
    STARTED_AT,
    Target,
    browser_result,
    http_result,
    result,
    tcp_result,
)
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_families
from prometheus_client.parser import text_string_to_metric_families

from prober.model import Certificate, Measure, Navigation, Outcome, Reason, Step, Verdict
from prober.sinks.prometheus import FAMILIES, Exposition
from prober.sinks.prometheus.ledger import UNKNOWN_RUNS_SHOWN
from prober.sinks.prometheus.samples import MOST_MEASURES, MOST_STEPS
from prober.sinks.prometheus.text import label_name, number

GOLDEN = Path(__file__).parent.parent / "golden" / "metrics"
DOCS = Path(__file__).parent.parent.parent / "docs" / "metrics.md"

HTTP = Target(id="storefront", timeout="5s")
TCP = Target(id="api-port", kind="tcp", url="[::1]:8000")
BROWSER = Target(id="purchase", kind="browser", url="checks/purchase.py", interval="5m", timeout="1m")
DIALOGUE = Target(id="ssh", kind="tcp", url="gate:22")
ZONE = Target(id="zone", kind="dns", url="192.0.2.53:53/example.com.")
PING = Target(id="ping", kind="icmp", url="gate")
HEALTH = Target(id="health", kind="grpc", url="rpc:443/shop")
CRON = Target(id="weekly", kind="api", url="checks/weekly.py", schedule="0 7 * * MON-FRI")
TOLD = Target(id="backup", kind="heartbeat", url="backup", interval="24h", timeout="10m")
Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def exposition(*checks: Target) -> Exposition:
    made = Exposition("prober", "eu-west-1")
    for check in checks:
        made.add(check)
    return made


def text(made: Exposition) -> str:
    return b"".join(made.render()).decode()


def parsed(made: Exposition) -> Samples:
    """Every sample by name and labels; fails where a family or a sample comes twice."""
    families = list(text_string_to_metric_families(text(made)))
    names = [family.name for family in families]
    assert len(names) == len(set(names))
    samples = [(s.name, tuple(sorted(s.labels.items())), s.value) for family in families for s in family.samples]
    found = {(name, labels): value for name, labels, value in samples}
    assert len(found) == len(samples)
    return found


def values(made: Exposition, name: str, *keys: str) -> dict[Any, float]:
    """The samples called ``name`` by the values of their labels ``keys``."""
    return {
        tuple(dict(labels).get(key, "") for key in keys): value
        for (found, labels), value in parsed(made).items()
        if found == name
    }


def full() -> Exposition:
    """One check of each kind with everything that can be seen of it."""
    made = exposition(HTTP, TCP, DIALOGUE, ZONE, PING, HEALTH, BROWSER, CRON, TOLD)
    made.offer(http_result(HTTP))
    made.offer(tcp_result(TCP))
    made.offer(result(DIALOGUE, facts={"failed_due_to_bytes": False, "expect_info": {"version": "2.0"}}))
    counts = {"answer_count": 1, "authority_count": 2, "additional_count": 3, "query_succeeded": True, "serial": 1000}
    made.offer(result(ZONE, phases={"resolve": 0.0, "connect": 0.001, "request": 0.02}, facts=counts))
    made.offer(result(PING, phases={"resolve": 0.0, "setup": 0.001, "rtt": 0.01}, facts={"hop_limit": 57}))
    serving = {"ssl": True, "grpc_status": 0, "serving_status": "SERVING"}
    made.offer(result(HEALTH, phases={"resolve": 0.001, "connect": 0.25, "processing": 0.5}, facts=serving))
    made.offer(browser_result(BROWSER))
    made.offer(result(CRON, Verdict.DOWN, Reason.STEP, steps=(Step("Ask", Verdict.DOWN, 0.5),)))
    made.offer(result(TOLD, duration_s=12.5, facts={"last_signal_at": 1_700_000_012.5}))
    made.set_state("storefront", Verdict.UP, 0)
    made.set_state("weekly", Verdict.DOWN, 3)
    made.count_missed("api-port", 2)
    made.count_cancelled("purchase")
    made.observe_lag(0.003)
    return made


def test_one_check_of_each_kind_is_written_as_in_the_golden_file() -> None:
    assert text(full()) == (GOLDEN / "every-kind.txt").read_text()


def test_promtool_finds_nothing_to_mend() -> None:
    done = subprocess.run(["promtool", "check", "metrics"], input=text(full()), capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_every_family_can_be_rendered_and_each_is_in_the_manual() -> None:
    rendered = set(re.findall(r"^# TYPE (\S+) (\S+)$", text(full()), re.MULTILINE))
    assert rendered == {(family.name, family.kind) for family in FAMILIES}
    manual = re.findall(r"^\| `(prober?_\w+)` \| (\w+) \|([^|]*)\|", DOCS.read_text(), re.MULTILINE)
    assert {(name, kind) for name, kind, _ in manual} == rendered
    labels = {name: tuple(re.findall(r"`([\w.]+)`", own)) for name, _, own in manual}
    assert labels == {family.name: family.labels for family in FAMILIES}


def test_the_http_families_carry_the_names_labels_and_values_of_blackbox_exporter() -> None:
    made = exposition(HTTP)
    made.offer(http_result(HTTP))
    probe = {"job": "prober", "instance": "https://shop.example/", "check": "storefront", "region": "eu-west-1"}
    labels = tuple(sorted(probe.items()))
    found = parsed(made)
    assert found["probe_success", labels] == 1
    assert found["probe_http_status_code", labels] == 200
    assert found["probe_http_version", labels] == 1.1
    assert found["probe_timeout_seconds", labels] == 5
    assert found["probe_dns_lookup_time_seconds", labels] == 0.001
    assert found["probe_ip_addr_hash", labels] == 3668918509  # what blackbox_exporter says of 127.0.0.1
    assert found["probe_ssl_earliest_cert_expiry", labels] == LEAF.not_after
    assert values(made, "probe_http_duration_seconds", "phase").keys() == {
        ("resolve",),
        ("connect",),
        ("tls",),
        ("processing",),
        ("transfer",),
    }
    info = ("fingerprint_sha256", "subject", "subjectalternative", "serialnumber")
    assert values(made, "probe_ssl_last_chain_info", *info) == {
        ("ab" * 32, "CN=shop.example,O=EventChain", "shop.example,www.shop.example", "0bffbc"): 1
    }
    assert values(made, "probe_tls_version_info", "version") == {("TLS 1.3",): 1}


def test_a_failed_run_leaves_nothing_of_the_run_before() -> None:
    made = exposition(HTTP)
    made.offer(http_result(HTTP))
    refused = {"phases": {"resolve": 0.002}, "facts": {"remote_address": "127.0.0.1"}, "duration_s": 0.01}
    made.offer(result(HTTP, Verdict.DOWN, Reason.CONNECT_REFUSED, **refused))
    assert values(made, "probe_success") == {(): 0}
    assert values(made, "probe_http_duration_seconds", "phase") == {("resolve",): 0.002}
    assert values(made, "probe_http_status_code") == {(): 0}
    for gone in ("probe_http_version", "probe_ssl_earliest_cert_expiry", "probe_tls_version_info", "probe_http_ssl"):
        assert values(made, gone) == {}
    assert values(made, "prober_check_runs_total", "verdict", "reason") == {
        ("up", "ok"): 1,
        ("down", "connect_refused"): 1,
    }


def test_a_degraded_run_is_a_success() -> None:
    made = exposition(HTTP)
    made.offer(http_result(HTTP, verdict=Verdict.DEGRADED, reason=Reason.LATENCY))
    assert values(made, "probe_success") == {(): 1}


def test_an_unknown_run_never_looks_like_downtime_nor_for_long_like_uptime() -> None:
    made = exposition(HTTP)
    made.offer(http_result(HTTP))
    made.set_state("storefront", Verdict.UP, 0)
    for number_of_runs in range(1, UNKNOWN_RUNS_SHOWN + 2):
        made.offer(result(HTTP, Verdict.UNKNOWN, Reason.FD_EXHAUSTED, at=STARTED_AT + 30 * number_of_runs))
        made.set_state("storefront", Verdict.UP, 0)  # alerting lets an unknown run change nothing
        assert values(made, "prober_check_state") == {(): 3}
        shown = {(): 1.0} if number_of_runs <= UNKNOWN_RUNS_SHOWN else {}
        assert values(made, "probe_success") == shown
        assert values(made, "prober_check_last_run_timestamp_seconds") == {(): STARTED_AT + 30 * number_of_runs}
    assert values(made, "prober_check_runs_total", "verdict", "reason")["unknown", "fd_exhausted"] == 3
    assert values(made, "prober_check_duration_seconds_count") == {(): 1}
    made.offer(http_result(HTTP))
    assert values(made, "prober_check_state") == {(): 0}
    assert values(made, "probe_success") == {(): 1}


def test_before_its_first_run_a_check_has_counters_and_nothing_measured() -> None:
    made = exposition(HTTP)
    assert not any(name.startswith("probe_") for name, _ in parsed(made))
    assert values(made, "prober_check_state", "check", "region") == {("storefront", "eu-west-1"): 3}
    assert values(made, "prober_check_missed_runs_total") == {(): 0}
    assert values(made, "prober_check_cancelled_total") == {(): 0}
    assert values(made, "prober_check_interval_seconds") == {(): 30}
    assert values(made, "prober_check_consecutive_failures") == {}


def test_a_check_on_a_calendar_has_no_interval() -> None:
    assert values(exposition(CRON), "prober_check_interval_seconds") == {}


def test_a_removed_check_is_gone_at_once_and_a_late_result_does_not_bring_it_back() -> None:
    made = full()
    for check in (HTTP, TCP, DIALOGUE, ZONE, PING, HEALTH, BROWSER, CRON, TOLD):
        made.remove(check.id)
    for late in (http_result(HTTP), tcp_result(TCP), browser_result(BROWSER)):
        made.offer(late)
    made.set_state("storefront", Verdict.DOWN, 3)
    made.count_missed("storefront", 1)
    made.count_cancelled("storefront")
    made.remove("never-there")
    assert {name.removesuffix("_bucket").removesuffix("_sum").removesuffix("_count") for name, _ in parsed(made)} == {
        "prober_schedule_lag_seconds"
    }


def test_a_changed_check_keeps_its_counters_and_forgets_what_was_measured() -> None:
    made = full()
    made.add(HTTP)
    assert values(made, "probe_http_status_code") == {(): 200}
    made.add(HTTP.model_copy(update={"url": "https://new.example/"}))
    assert values(made, "probe_http_status_code") == {}
    assert values(made, "prober_check_runs_total", "check")["storefront",] == 1
    made.offer(http_result(HTTP))
    assert values(made, "probe_http_status_code", "instance") == {("https://new.example/",): 200}


def test_content_that_was_not_as_expected_shows_as_failed_due_to_regex() -> None:
    made = exposition(HTTP, TCP)
    broken = Outcome("body", Verdict.DOWN, Reason.BODY, "to match 'ok'", "sorry")
    made.offer(http_result(HTTP, verdict=Verdict.DOWN, reason=Reason.STATUS, outcomes=(broken,)))
    made.offer(tcp_result(TCP, verdict=Verdict.DOWN, reason=Reason.DIALOGUE))
    assert values(made, "probe_failed_due_to_regex", "check") == {("storefront",): 1, ("api-port",): 1}


def test_several_navigations_in_a_step_show_the_worst_and_nothing_unmeasured() -> None:
    made = exposition(BROWSER)
    made.offer(browser_result(BROWSER))
    assert values(made, "probe_browser_web_vital_cls", "step") == {("Browse events",): 0.2}
    assert values(made, "probe_browser_web_vital_lcp_seconds", "step") == {("Browse events",): 0.9}
    assert values(made, "probe_browser_web_vital_tbt_seconds", "step") == {("Browse events",): 0}
    assert values(made, "probe_browser_navigation_seconds", "phase") == {
        ("dns_lookup",): 0.001,
        ("total_load_time",): 1.1,
    }
    assert values(made, "probe_browser_step_duration_seconds", "step") == {
        ("Browse events",): 1.5,
        ('Pay "now"',): 0.75,
    }


def test_a_step_that_ran_twice_is_one_series_with_the_slower_time() -> None:
    made = exposition(BROWSER)
    steps = tuple(Step("Retry", Verdict.UP, seconds) for seconds in (1.0, 3.0, 2.0))
    made.offer(browser_result(BROWSER, steps=steps))
    assert values(made, "probe_browser_step_duration_seconds", "step") == {("Retry",): 3}


def test_measures_beyond_twenty_label_sets_are_left_out_and_counted() -> None:
    made = exposition(BROWSER)
    for order in range(MOST_MEASURES + 5):
        made.offer(browser_result(BROWSER, measures=(Measure("total", 98.0, "EUR", {"order": str(order)}),)))
    assert values(made, "probe_measure") == {}
    assert values(made, "prober_check_series_dropped_total", "what") == {("steps",): 0, ("measures",): 5}
    made.offer(browser_result(BROWSER, measures=(Measure("total", 49.0, "EUR", {"order": "0"}),)))
    assert values(made, "probe_measure", "name", "unit", "order") == {("total", "EUR", "0"): 49}


def test_steps_beyond_fifty_names_are_left_out_and_counted() -> None:
    made = exposition(BROWSER)
    steps = tuple(Step(f"step {number}", Verdict.UP, 1.0) for number in range(MOST_STEPS + 3))
    made.offer(browser_result(BROWSER, steps=steps))
    assert len(values(made, "probe_browser_step_duration_seconds", "step")) == MOST_STEPS
    assert values(made, "prober_check_series_dropped_total", "what")["steps",] == 3


def test_a_measures_labels_cannot_take_the_place_of_the_checks_own() -> None:
    made = exposition(BROWSER)
    labels = {
        "check": "mine",
        "name": "mine",
        "unit": "mine",
        "1st seat": "A1",
        "__x": "y",
        "événement": "é",
        "le": "1",
    }
    made.offer(browser_result(BROWSER, measures=(Measure("seats", 2.0, "", labels),)))
    (found,) = (dict(labels) for name, labels in parsed(made) if name == "probe_measure")
    assert (found["check"], found["name"], found["unit"]) == ("purchase", "seats", "")
    assert {"exported_check", "exported_name", "exported_unit", "_1st_seat", "x", "v_nement", "le"} < found.keys()


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 10**400])
def test_a_measure_that_is_no_finite_number_is_left_out_and_counted(value: float) -> None:
    made = exposition(BROWSER)
    made.offer(browser_result(BROWSER, measures=(Measure("good", 1.0), Measure("bad", value))))
    assert values(made, "probe_measure", "name") == {("good",): 1}
    assert values(made, "prober_check_series_dropped_total", "what")["measures",] == 1


def test_the_duration_histogram_has_at_most_eight_ascending_buckets() -> None:
    made = exposition(HTTP)
    for duration_s in (0.01, 0.05, 0.2, 100.0):
        made.offer(http_result(HTTP, duration_s=duration_s))
    buckets = values(made, "prober_check_duration_seconds_bucket", "le")
    assert list(buckets.values()) == [2, 2, 3, 3, 3, 3, 3, 4]
    assert list(buckets)[-1] == ("+Inf",)
    assert values(made, "prober_check_duration_seconds_count") == {(): 4}
    assert values(made, "prober_check_duration_seconds_sum") == {(): pytest.approx(100.26)}


@given(st.text(max_size=60), st.text(max_size=60), st.text(max_size=60))
def test_any_text_in_a_label_is_read_back_as_it_was(step: str, subject: str, measure: str) -> None:
    made = exposition(Target(id="c", kind="tcp"))
    seen = Certificate(subject, "CN=x", (), "00", "00", 0.0, 1.0)
    observed = {"steps": (Step(step, Verdict.UP, 1.0),), "measures": (Measure(measure, 1.0),), "certificates": (seen,)}
    made.offer(result(Target(id="c", kind="tcp"), **observed))
    assert values(made, "probe_browser_step_duration_seconds", "step") == {(written(step),): 1}
    assert values(made, "probe_ssl_last_chain_info", "subject") == {(written(subject),): 1}
    assert values(made, "probe_measure", "name") == {(written(measure),): 1}


def written(value: str) -> str:
    return value.encode("utf-8", "replace").decode()


@given(st.floats() | st.integers(-(2**70), 2**70) | st.booleans())
def test_a_number_reads_back_as_the_same_float(value: float) -> None:
    read = float(number(value))
    assert read == float(value) or (math.isnan(read) and math.isnan(value))


@given(st.text(max_size=50))
def test_any_text_can_be_made_a_label_name(name: str) -> None:
    assert re.fullmatch(r"(?!__)[a-zA-Z_][a-zA-Z0-9_]*", label_name(name))


def test_facts_that_are_not_what_they_should_be_break_no_scrape() -> None:
    made = exposition(HTTP)
    odd = {"status": None, "http_version": "0.9", "remote_address": "nowhere", "redirects": ["a", "b"], "ssl": "yes"}
    made.offer(http_result(HTTP, facts=odd, phases={}, certificates=()))
    assert values(made, "probe_http_redirects") == {(): 2}
    for absent in ("probe_http_version", "probe_ip_addr_hash", "probe_http_ssl", "probe_http_duration_seconds"):
        assert values(made, absent) == {}


def test_a_long_label_is_cut_so_that_a_target_cannot_fill_the_scrape() -> None:
    made = exposition(HTTP)
    many = Certificate("CN=x", "CN=y", tuple(f"host-{n}.example" for n in range(1000)), "00", "00", 0.0, 1.0)
    made.offer(http_result(HTTP, certificates=(many,)))
    ((names,),) = values(made, "probe_ssl_last_chain_info", "subjectalternative")
    assert len(names) == 2048


def test_a_navigation_with_many_timings_is_bounded() -> None:
    made = exposition(BROWSER)
    seen = Navigation("hard", "https://shop.example/", timings={f"t{n}_s": 0.1 for n in range(1000)})
    made.offer(browser_result(BROWSER, steps=(Step("s", Verdict.UP, 1.0, navigations=(seen,)),)))
    assert len(values(made, "probe_browser_navigation_seconds", "phase")) == 20


def test_a_scrape_beside_the_probing_sees_each_check_whole() -> None:
    checks = [Target(id=f"c{number}") for number in range(20)]
    made = exposition(*checks)
    runs = [
        [http_result(check, duration_s=float(status), facts={"status": status}) for check in checks]
        for status in (200, 503)
    ]
    for one in runs[0]:
        made.offer(one)
    over = threading.Event()

    def probe() -> None:
        while not over.is_set():
            for results in runs:
                for one in results:
                    made.offer(one)

    probing = threading.Thread(target=probe)
    probing.start()
    try:
        for _ in range(10):
            codes = values(made, "probe_http_status_code", "check")
            assert len(codes) == 20
            body = text(made)
            durations = dict(re.findall(r'probe_duration_seconds\{.*check="(c\d+)".*\} (\d+)', body))
            assert durations == dict(re.findall(r'probe_http_status_code\{.*check="(c\d+)".*\} (\d+)', body))
    finally:
        over.set()
        probing.join()


def test_every_query_in_the_manual_is_one_prometheus_can_read(tmp_path: Path) -> None:
    queries = re.findall(r"^\| `prober?_\w+` \|.*\| `([^`]+)` \|$", DOCS.read_text(), re.MULTILINE)
    assert len(queries) == len(FAMILIES)
    rules = [{"record": f"query:{number}", "expr": query} for number, query in enumerate(queries)]
    file = tmp_path / "rules.yaml"
    file.write_text(json.dumps({"groups": [{"name": "manual", "rules": rules}]}))
    done = subprocess.run(["promtool", "check", "rules", str(file)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def openmetrics(made: Exposition) -> str:
    return b"".join([*made.render(openmetrics=True), b"# EOF\n"]).decode()


def test_openmetrics_says_the_same_by_its_own_parser() -> None:
    families = list(openmetrics_families(openmetrics(full())))
    samples = [(s.name, tuple(sorted(s.labels.items())), s.value) for family in families for s in family.samples]
    assert {(name, labels): value for name, labels, value in samples} == parsed(full())
    counters = {family.name for family in families if family.type == "counter"}
    assert counters == {family.name.removesuffix("_total") for family in FAMILIES if family.kind == "counter"}


def test_only_openmetrics_shows_the_latest_trace_of_each_bucket_it_fell_into() -> None:
    made = exposition(HTTP)
    for trace_id, duration_s in (("aa" * 16, 0.25), ("bb" * 16, 0.2), ("cc" * 16, 60.0)):
        facts = {"trace_id": trace_id}
        made.offer(http_result(HTTP, facts=facts, duration_s=duration_s))
    made.offer(http_result(HTTP))  # one without a trace takes none away
    (family,) = (f for f in openmetrics_families(openmetrics(made)) if f.name == "prober_check_duration_seconds")
    shown = {s.labels["le"]: s.exemplar for s in family.samples if s.exemplar}
    assert {le: (e.labels, e.value, float(e.timestamp)) for le, e in shown.items()} == {
        "0.3": ({"trace_id": "bb" * 16}, 0.2, STARTED_AT),
        "+Inf": ({"trace_id": "cc" * 16}, 60.0, STARTED_AT),
    }
    assert "trace_id" not in text(made)


@given(st.text(min_size=1))
def test_no_trace_id_breaks_the_line_it_is_in(trace_id: str) -> None:
    made = exposition(HTTP)
    made.offer(http_result(HTTP, facts={"trace_id": trace_id}))
    assert list(openmetrics_families(openmetrics(made)))


def test_a_removed_check_leaves_no_trace() -> None:
    made = exposition(HTTP)
    made.offer(http_result(HTTP, facts={"trace_id": "aa" * 16}))
    made.remove("storefront")
    made.add(HTTP)
    made.offer(http_result(HTTP))
    assert "trace_id" not in openmetrics(made)
