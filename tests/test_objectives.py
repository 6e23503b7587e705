"""Objectives as their user meets them: written for many checks, told through a channel, shown in the metrics."""

import re
import subprocess
import time
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from fakes.accounting import Office
from fakes.alerts import check
from fakes.process import prober
from fakes.receiver import Answer, receiver

from prober.clock import MovedClock
from prober.config import Loaded, load, make_check
from prober.faults import ConfigFault
from prober.model import Slo
from prober.store import Store

HEAD = """
defaults: {slo: {objective: 99}}
slos:
  - {tags: money, objective: 99.95, window: 7d}
  - {checks: "shop-*", objective: 99.9, min_failures: 5, alert: false}
checks:
  - {id: shop-pay, kind: http, url: "http://127.0.0.1/", tags: [money]}
  - {id: shop-home, kind: http, url: "http://127.0.0.1/"}
  - {id: other, kind: http, url: "http://127.0.0.1/"}
  - {id: own, kind: http, url: "http://127.0.0.1/", tags: [money], slo: {objective: 90}}
  - {id: none, kind: http, url: "http://127.0.0.1/", tags: [money], slo: null}
  - {id: weekly, kind: http, url: "http://127.0.0.1/", tags: [money], schedule: "0 7 * * 1-5"}
"""


def loaded(base: Path, text: str) -> Loaded:
    path = base / "probes.yaml"
    path.write_text(text)
    return load(path, {}, lenient=False)


def test_a_checks_own_objective_goes_before_that_of_its_tag_and_that_before_everybodys(tmp_path: Path) -> None:
    config = loaded(tmp_path, HEAD.replace("1-5", "MON-FRI")).config
    assert {one.id: one.slo for one in config.checks} == {
        "shop-pay": Slo(objective=99.95, window="7d"),
        "shop-home": Slo(objective=99.9, min_failures=5, alert=False),
        "other": Slo(objective=99),
        "own": Slo(objective=90),
        "none": None,
        "weekly": None,
    }
    assert make_check({"id": "a", "kind": "http", "url": "http://a/"}, tmp_path, config.defaults).slo is None


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ("slos: [{tags: a, objective: 100}]", "slos[0].objective"),
        ("slos: [{objective: 99, window: 1h}]", "slos[0].window"),
        ("slos: [{checks: hom, objective: 99}]", "no check 'hom'"),
        ("slos: [{objektive: 99}]", "slos[0].objektive"),
        ("slos: {objective: 99}", "slos"),
        ("defaults: {slo: {objective: 0}}", "defaults.slo.objective"),
    ],
)
def test_a_wrong_objective_is_told_once_where_it_stands(tmp_path: Path, section: str, said: str) -> None:
    with pytest.raises(ConfigFault) as caught:
        loaded(tmp_path, f'{section}\nchecks: [{{id: home, kind: http, url: "http://a/"}}]')
    assert [said in str(error) for error in caught.value.errors].count(True) == 1


CONFIG = """
channels: {{ops: {{kind: webhook, url: "{url}/hook"}}}}
routes: [{{channels: ops, severity: critical}}]
slos: [{{tags: money, objective: 99.9}}]
checks: [{{id: shop, kind: http, url: "{url}/", interval: 60s, tags: [money]}}]
"""


def test_a_prober_tells_of_a_budget_that_burns_and_shows_it_in_its_metrics(tmp_path: Path) -> None:
    with receiver() as service:
        service.always = Answer(200)
        config = tmp_path / "probes.yaml"
        config.write_text(CONFIG.format(url=service.url))
        with closing(Store(tmp_path / "prober.db")) as store:
            past = check(interval="60s", slo=Slo(objective=99.9))
            Office(store, MovedClock(time.time() - 1), past, region="local").fill("u" * 300 + "du" * 10)
        with prober("serve", "--config", config, "--listen", "127.0.0.1:0") as process:
            url = process.wait_for(r'"url": "(http://[^"]+)".*"event": "serving"')[1]
            told = _first_notice(service.posted)
            metrics = httpx.get(f"{url}/metrics", trust_env=False).text
    assert (told["condition"], told["kind"], told["severity"]) == ("burns_fast", "trigger", "critical")
    assert re.match(r"\d+ times as fast as allowed: 10 of \d+ runs failed in 1h; 0% of", str(told["message"]))
    assert 'prober_slo_objective{check="shop"} 0.999' in metrics
    assert re.search(r'^prober_slo_budget_left_ratio\{check="shop"\} -\d+', metrics, re.MULTILINE)
    assert re.search(r'^prober_slo_burn_rate\{check="shop",window="1h"\} 16\d\.', metrics, re.MULTILINE)
    checked = subprocess.run(["promtool", "check", "metrics"], input=metrics, capture_output=True, text=True)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


def _first_notice(posted: list) -> dict[str, object]:
    end = time.monotonic() + 30.0
    while time.monotonic() < end:
        for one in list(posted):
            if isinstance(one.body, dict) and "condition" in one.body:
                return one.body
        time.sleep(0.05)  # another process's progress, not time passing
    raise AssertionError("nothing was told")
