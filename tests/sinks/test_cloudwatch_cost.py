"""What the ways into CloudWatch cost, against sums done by hand from the price list."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from fakes.results import Target, http_result

from prober.cli import cli
from prober.sinks._results import encoded
from prober.sinks.cloudwatch import Spec
from prober.sinks.cloudwatch.cost import LINE_BYTES, OTHER_EVENT_BYTES, Load, Price, prices
from prober.sinks.cloudwatch.emf import Spec as EmfSpec
from prober.sinks.cloudwatch.logs import Spec as LogsSpec

EVERY_30_S = 86_400.0
TWO = ("eu-west-1", "us-east-1")
SHOP = Load(Target(id="shop"), TWO, EVERY_30_S)
BUY = Load(Target(id="buy", kind="browser"), TWO, 4_320, steps=4, measures=2)


def spec(**more: Any) -> Spec:
    return Spec.model_validate({"kind": "cloudwatch", "aws_region": "eu-west-1", **more})


def priced(wanted: Any, *loads: Load) -> dict[str, Price]:
    return {price.option: price for price in prices(wanted, loads)}


@pytest.mark.parametrize(
    ("metrics", "usd"),
    [(0, 0), (10, 3), (10_000, 3_000), (40_000, 6_000), (250_000, 27_000), (1_000_000, 64_500), (1_000_100, 64_502)],
)
def test_metrics_cost_less_in_every_tier(metrics: int, usd: float) -> None:
    assert Price("", metrics).metrics_usd == pytest.approx(usd)


def test_a_check_costs_its_metrics_in_every_region() -> None:
    assert priced(spec(), SHOP)["as configured"].metrics == 4
    assert priced(spec(dimensions=["Check"]), SHOP)["as configured"].metrics == 2
    assert priced(spec(dimensions=["Kind"]), SHOP, BUY)["as configured"].metrics == 4


def test_changed_options_are_told_with_their_price() -> None:
    told = priced(spec(), SHOP, BUY)
    assert {option: price.metrics for option, price in told.items()} == {
        "as configured": 8,
        "metrics: [success]": 4,
        "with phases": 8 + 5 * 2,
        "with steps": 8 + 4 * 2,
        "with vitals": 8 + 6 * 4 * 2,
        "with measures": 8 + 2 * 2,
        "without dimension Region": 4,
        "flush_interval: 1m": 8,
        "kind: emf instead": 8,
    }
    assert told["with vitals"].metrics_usd == pytest.approx(56 * 0.30)


def test_options_that_would_change_nothing_are_left_out() -> None:
    told = priced(spec(), SHOP)
    assert {"with steps", "with vitals", "with measures"} & told.keys() == set()


def test_a_prober_asks_once_an_interval_at_most() -> None:
    often = priced(spec(flush_interval="10s"), SHOP)["as configured"]
    assert often.requests == 2 * EVERY_30_S  # a result every half a minute in each region
    busy = [Load(Target(id=f"check-{number}"), TWO, EVERY_30_S) for number in range(100)]
    assert priced(spec(flush_interval="10s"), *busy)["as configured"].requests == 2 * 259_200
    assert often.sending_usd == pytest.approx(2 * 86_400 / 1000 * 0.01)


def test_the_embedded_format_costs_its_lines_instead_of_requests() -> None:
    told = priced(EmfSpec(kind="emf"), SHOP)
    assert told["as configured"].sending_usd == pytest.approx(2 * EVERY_30_S * LINE_BYTES * 0.5e-9)
    assert told["with phases"].ingested_bytes == 6 * told["as configured"].ingested_bytes
    assert told["kind: cloudwatch instead"].requests == 2 * EVERY_30_S


def test_logs_cost_what_is_ingested_and_no_less_than_a_result_takes() -> None:
    (price,) = prices(LogsSpec(kind="cloudwatch_logs", aws_region="eu-west-1"), [SHOP])
    assert price.usd == pytest.approx(2 * EVERY_30_S * OTHER_EVENT_BYTES * 0.5e-9)
    assert 0.5 < len(encoded(http_result(SHOP.check), 10_000)) / OTHER_EVENT_BYTES <= 1


def test_no_tls_phase_is_paid_for_where_none_is_spoken() -> None:
    plain = Load(Target(id="plain", url="http://shop.example/"), ("here",), EVERY_30_S)
    assert priced(spec(metrics=["phases"]), plain)["as configured"].metrics == 4


def test_validate_shows_a_table_for_each_sink(tmp_path: Path) -> None:
    (tmp_path / "buy.py").write_text(
        "from prober import journey, measure, step\n\n\n@journey()\nasync def buy(page):\n"
        '    async with step("Open"):\n        pass\n    async with step("Pay"):\n        measure("total", 1)\n'
    )
    (tmp_path / "probes.yaml").write_text(
        "regions: [eu-west-1, us-east-1]\n"
        "checks:\n"
        '  - {id: shop, kind: http, url: "https://shop.example/"}\n'
        "  - {id: buy, kind: browser, journey: buy.py, interval: 10m}\n"
        '  - {id: off, kind: http, url: "https://off.example/", enabled: false}\n'
        "sinks:\n"
        "  - {kind: cloudwatch, aws_region: eu-west-1}\n"
        "  - {kind: cloudwatch_logs, aws_region: eu-west-1}\n"
    )
    done = CliRunner().invoke(cli, ["validate", "--cost", str(tmp_path / "probes.yaml")])
    assert done.exit_code == 0, done.output
    rows = {line.rsplit(maxsplit=6)[0].strip(): line.split()[-6:] for line in done.output.splitlines() if "." in line}
    assert "sinks[0]: cloudwatch\n" in done.output
    assert "sinks[1]: cloudwatch_logs\n" in done.output
    assert rows["with steps"] == ["12", "181,440", "0.00", "3.60", "1.81", "5.41"]
    assert rows["with vitals"][0] == f"{8 + 2 * 2 * 6}"
    assert rows["with measures"][0] == "10"


def test_validate_says_that_nothing_is_paid_for(tmp_path: Path) -> None:
    (tmp_path / "probes.yaml").write_text("checks: []\n")
    done = CliRunner().invoke(cli, ["validate", "--cost", str(tmp_path / "probes.yaml")])
    assert (done.exit_code, "no sink that is paid for by the metric" in done.output) == (0, True)
