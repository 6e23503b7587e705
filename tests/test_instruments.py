"""Every bench works: it starts what it needs, ends well and says its line. What it measures is not judged here.

Their quick runs are slow tests; a moment of what each measures stays in.
"""

import asyncio
import importlib
import itertools
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any
from xml.etree import ElementTree

import pytest

BENCH = Path(__file__).resolve().parent.parent / "bench"
KEYS = {"bench", "ours", "peer", "ratio", "limit", "bar", "held", "holds"}

pytestmark = pytest.mark.timeout(240)


def said(name: str) -> dict[str, Any]:
    command = [sys.executable, str(BENCH / f"{name}.py"), "--quick"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stdout + done.stderr
    line: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return line


def check_said(name: str) -> None:
    line = said(name)
    assert line.keys() >= KEYS
    assert line["bench"] == name
    assert line["holds"] is None, "a quick run judges nothing"
    assert line["ours"]


@pytest.mark.parametrize("name", ["start", "memory"])
def test_a_bench_says_its_line(name: str) -> None:
    check_said(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["truth", "scrape", "scale", "growth", "cost", "throughput", "cores", "web"])
def test_a_longer_bench_says_its_line(name: str) -> None:
    check_said(name)


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    """A module of ``bench/``, imported as the benches do it."""
    monkeypatch.syspath_prepend(str(BENCH))
    return importlib.import_module


def test_the_cost_of_a_probe_is_measured_on_both_sides_at_the_same_pace(bench: Any, tmp_path: Path) -> None:
    cost, load = bench("cost"), bench("cost").Load("http", 40, 0.3)
    with bench("peers").nginx(tmp_path) as targets:
        cost.measure(load, targets, cost.Stretch(2.0, 2.0), 1)
    assert [figure.name for figure in load.figures()] == ["http_us", "http_least_probes_per_s"]
    assert min(load.ours_us + load.peer_us) > 10
    assert load.ours_pace + load.peer_pace == pytest.approx([40, 40], rel=0.5)


def test_throughput_is_counted_at_the_target_and_only_of_runs_that_are_up(bench: Any, tmp_path: Path) -> None:
    throughput = bench("throughput")
    stretch = throughput.Stretch(1.5, 2.0)
    with bench("peers").nginx(tmp_path) as targets:
        found, up = throughput.ours(targets, 50, stretch)
        assert found == pytest.approx(50, rel=0.5)
        assert up == 1.0
        assert throughput.theirs(targets, stretch) > 0
    assert throughput.most({100: (99.0, 1.0), 200: (150.0, 1.0), 400: (160.0, 0.5)}) == 200
    failed = b'prober_check_runs_total{check="a",verdict="down",reason="timeout"} 1\n'
    assert throughput.share_up(failed + failed.replace(b"down", b"up").replace(b" 1", b" 3")) == 0.75


def test_two_engine_processes_get_through_what_is_due_as_one_does(bench: Any) -> None:
    cores = bench("cores")
    with bench("loopback").target() as shop:
        for processes in cores.SIDES:
            per_s, cpu_us = cores.measured(shop, processes, 210, 0.5, 2.0)
            assert per_s == pytest.approx(210, rel=0.5)
            assert cpu_us > 10


def test_the_truth_is_what_the_target_held_for_every_way_of_asking(bench: Any, tmp_path: Path) -> None:
    truth, askers, conditions = bench("truth"), bench("askers"), bench("conditions")
    lengths, numbers = truth.Lengths(1, 0.0, 0.7), itertools.count(1)
    with bench("loopback").target() as shop:
        with conditions.scraped(shop, 60, "1s") as condition:  # often enough that one meets a run on any machine
            scraped = truth.ours(shop, condition, truth.Lengths(5, 0.0, 1.1), 5)
        with conditions.flushed() as condition:
            (flushed,) = truth.ours(shop, condition, lengths, 1)
        with bench("peers").blackbox(tmp_path) as (_, port):
            boxed = asyncio.run(askers.by_blackbox(port, shop, 0.5, numbers))
        plain = asyncio.run(askers.by_httpx(shop, 0.5, numbers))
    assert any(scraped)
    assert len(flushed) > askers.PER_S / 4
    assert {round(run.held_s, 2) for run in flushed} >= {0.02, 0.1}, "it is held as long as the target was told to"
    assert len(boxed) == len(plain) == askers.PER_S / 2
    for errors in (truth.errors_ms(flushed), truth.peers_errors_ms(boxed, shop), truth.peers_errors_ms(plain, shop)):
        assert 0 < sorted(errors)[len(errors) // 4] < 500


def test_a_purchase_counts_for_as_long_as_it_takes_within_what_was_watched(bench: Any) -> None:
    run = bench("serving").Run
    runs = [
        run(0.0, at, 10.0, 0.0, float("nan"), 0.0, 0.0, journey)
        for at, journey in ((5.0, 1.0), (30.0, 0.0), (50.0, 1.0))
    ]
    assert bench("conditions").while_buying([(10.0, 20.0), (25.0, 52.0)], runs) == [(10.0, 15.0), (50.0, 52.0)]


def test_a_scrape_is_streamed_and_set_beside_a_calm_stretch_before_it(bench: Any) -> None:
    scrape = bench("scrape")
    seen = scrape.measured(40, 1.0, 0.6)
    assert seen.calm[1] < seen.packed[0].asked
    assert all(one.streamed and one.fastest and one.body.startswith(b"# ") for one in seen.packed)
    assert scrape.errors_ms(seen.runs, [seen.calm])


def test_what_is_due_is_what_runs_and_how_late_it_was_is_known(bench: Any) -> None:
    taken = bench("scale").measured(40, 1.0, 1.0, 2.0)
    assert 30 < taken.per_s < 50
    assert taken.rss_mb > 20
    assert all(-0.01 < lag_s < 1 for lag_s in taken.lags_s)


def test_slots_that_nobody_took_are_those_between_the_runs_of_a_check(bench: Any) -> None:
    nothing = [float("nan")] * 4
    runs = [
        bench("serving").Run(check, at, 0.1, lag_s, *nothing)
        for check, at, lag_s in ((0, 3.0, float("nan")), (0, 10.0, 0.0), (1, 12.0, 0.5), (0, 20.2, 0.2), (1, 42.5, 1.0))
    ]
    assert bench("scale").missed(runs, 10.0) == 2


def test_a_size_without_any_run_on_its_slot_has_no_lag_in_the_picture(bench: Any) -> None:
    growth, scale = bench("growth"), bench("scale")
    found = {size: scale.Taken(1.0, 2.0, 90.0, 0, lags_s) for size, lags_s in ((1_000, [0.001]), (30_000, []))}
    assert growth.panels(found)[-1].points == [(1_000, 1.0)]


def test_growth_in_a_straight_line_is_drawn_as_one_and_has_no_bend(bench: Any) -> None:
    growth, chart, scale = bench("growth"), bench("chart"), bench("scale")
    found = {size: scale.Taken(size / 30, 2 + size / 1000, 90.0 + size / 200, 0, [0.001] * 9) for size in growth.SIZES}
    panels = growth.panels(found)
    assert growth.bend(*panels[0].points[0::2], panels[0].points[-1]) == pytest.approx(1.0)
    picture = ElementTree.fromstring(chart.chart("CPU & memory", "checks", panels))
    circles = [element for element in picture.iter() if element.tag.endswith("circle")]
    assert len(circles) == len(panels) * len(growth.SIZES)
    steps = [
        (float(a.get("cy")) - float(b.get("cy"))) / (float(b.get("cx")) - float(a.get("cx")))
        for a, b in itertools.pairwise(circles[: len(growth.SIZES)])
    ]
    assert steps == pytest.approx([steps[-1]] * 3, rel=0.05)


@pytest.mark.parametrize(
    ("most", "marks"), [(7.0, [0, 2, 4, 6, 8]), (30_000, [0, 10_000, 20_000, 30_000]), (0, [0, 2.5e-10])]
)
def test_an_axis_is_marked_at_round_numbers_up_to_what_it_shows(bench: Any, most: float, marks: list[float]) -> None:
    assert bench("chart").ticks(most) == pytest.approx(marks, abs=1e-6)


def test_the_table_takes_the_place_of_the_one_before_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(BENCH))
    sys.modules.pop("all", None)
    module = __import__("all")
    page = tmp_path / "performance.md"
    page.write_text(f"# before\n{module.BEGIN}\nstale\n{module.END}\nafter\n")
    figures = {"ours": {"a_s": 1.0, "b": 2.0}, "peer": {"a_s": 4.0}, "ratio": {"a_s": 0.25}, "limit": {"a_s": 0.5}}
    figures["held"] = {"a_s": False}
    module.write(page, [{"bench": "one", "holds": False, "against": "them", **figures}], 0.25)
    text = page.read_text()
    assert text.startswith("# before\n")
    assert text.endswith("\nafter\n")
    assert "stale" not in text
    assert "load average 0.2" in text
    assert "| one | a_s | 1 | 4 | 0.25 | 0.5 | **no** |" in text
    assert "| one | b | 2 |  |  |  |  |" in text


def test_people_are_served_beside_probes_and_both_are_measured(bench: Any) -> None:
    web = bench("web")
    seen = web.measured(20, web.Span(1.5, 1, 0.5))
    assert {status for _, _, status, _ in seen.visitors.looks} == {200}
    assert len(seen.visitors.looks) >= 10
    assert seen.visitors.streams == web.PEOPLE
    assert seen.visitors.stream_bytes > 0
    assert len(seen.check_pages_s) == 20
    assert len(web.lags_ms(seen.runs, seen.busy)) >= 20
    assert 0 < web.quantile(web.errors_ms(seen.runs, seen.calm), 0.5) < 50
