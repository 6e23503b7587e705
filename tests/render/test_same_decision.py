"""Prometheus' rules decide as the prober itself does: over every mix of regions that are up, down and not heard of."""

import subprocess
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import yaml

from prober.config import load
from prober.model import Quorum, Verdict
from prober.render import rendered
from prober.state import Outlook, State, weigh

REGIONS = ("ap", "eu", "us")
QUORUMS: tuple[Quorum, ...] = ("majority", "any", "all", 1, 2, 3)
ALERTS = {
    "ProberCheckDown": Outlook.DOWN,
    "ProberCheckPartlyFailing": Outlook.PARTIAL,
    "ProberCheckNotMonitored": Outlook.UNMONITORED,
}
AT_S = 300
SERIES = {  # consecutive failures, decided state, when the last run began
    "up": (0, 0, AT_S),
    "failing": (2, 0, AT_S),
    "down": (3, 2, AT_S),
    "recovering": (0, 2, AT_S),
    "lost": (3, 2, AT_S - 200),
}
DOWN = ("down", "recovering", "lost")


def outlook(mix: tuple[str, ...], quorum: Quorum) -> Outlook:
    """What the prober makes of it."""
    states = {
        region: State("c", region, Verdict.DOWN if word in DOWN else Verdict.UP, since=1.0, failures=SERIES[word][0])
        for region, word in zip(REGIONS, mix, strict=True)
    }
    fresh = [region for region, word in zip(REGIONS, mix, strict=True) if word != "lost"]
    return weigh(states, fresh, REGIONS, quorum).outlook


def named(quorum: Quorum) -> str:
    return f"quorum-{quorum}"


def series(mix: tuple[str, ...]) -> Iterator[dict[str, str]]:
    families = ("consecutive_failures", "state", "last_run_timestamp_seconds")
    for quorum in QUORUMS:
        for region, word in zip(REGIONS, mix, strict=True):
            for family, value in zip(families, SERIES[word], strict=True):
                name = f'prober_check_{family}{{check="{named(quorum)}",region="{region}"}}'
                yield {"series": name, "values": f"{value}x5"}


def expected(mix: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    for alert, meant in ALERTS.items():
        checks = [named(quorum) for quorum in QUORUMS if outlook(mix, quorum) is meant]
        samples = [{"labels": f'{{check="{check}"}}', "value": 1} for check in checks]
        asked = f'count by (check) (ALERTS{{alertname="{alert}"}})'
        yield {"expr": asked, "eval_time": f"{AT_S}s", "exp_samples": samples}


def test_prometheus_and_the_prober_are_of_one_mind(tmp_path: Path) -> None:
    checks = [
        {"id": named(quorum), "kind": "tcp", "address": "a.example:1", "quorum": quorum, "interval": "30s"}
        for quorum in QUORUMS
    ]
    source = tmp_path / "probes.yaml"
    source.write_text(yaml.safe_dump({"regions": list(REGIONS), "checks": checks}))
    (tmp_path / "rules.yml").write_text(rendered("prometheus", load(source, {}, lenient=True))["rules/prober.yml"])
    tests = [
        {"name": str(mix), "interval": "1m", "input_series": list(series(mix)), "promql_expr_test": list(expected(mix))}
        for mix in product(SERIES, repeat=len(REGIONS))
    ]
    document = {"rule_files": ["rules.yml"], "evaluation_interval": "1m", "tests": tests}
    (tmp_path / "tests.yml").write_text(yaml.safe_dump(document))
    done = subprocess.run(
        ["promtool", "test", "rules", "tests.yml"], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[:4_000]
