"""The whole way on loopback: prober, Prometheus and Alertmanager as they are, to a PagerDuty and a Slack."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from fakes.alertmanager import Alertmanager, alertmanager
from fakes.process import prober
from fakes.prometheus import Prometheus, prometheus
from fakes.receiver import Answer, Receiver, receiver

from prober.config import load
from prober.render import rendered

CONFIG = """
regions: [eu]
defaults: {{interval: 1s, timeout: 1s, alert: {{down_after: 2, up_after: 2}}}}
checks:
  - id: gateway
    kind: http
    url: "{target}/gateway"
    title: The gateway
    runbook: https://runbooks.example/gateway
    slo: {{objective: 99.9}}
  - {{id: behind, kind: http, url: "{target}/behind", depends_on: [gateway]}}
  - {{id: side, kind: http, url: "{target}/side", severity: warning}}
prometheus: {{scrape_interval: 1s, evaluation_interval: 1s, probers: {{eu: "{prober}"}}, alertmanagers: "{manager}"}}
alertmanager:
  secrets: {secrets}
  group_wait: 3s
  group_interval: 1s
  receivers:
    pager: {{severity: critical, pagerduty: {{url: "{pager}/v2/enqueue"}}}}
    chat: {{severity: warning, slack: {{channel: "#alerts"}}}}
"""


def until(holds: Callable[[], bool], what: str, within_s: float = 60.0) -> None:
    """Ask every tenth of a second until it holds: what other processes do has no event here."""
    end = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < end, f"never {what}"
        time.sleep(0.1)  # other processes' progress, not time passing


def pages(pager: Receiver, action: str) -> list[str]:
    bodies = [posted.body for posted in pager.posted]
    return [body["payload"]["summary"] for body in bodies if body["event_action"] == action]


def lines(chat: Receiver, state: str) -> list[str]:
    found = [attachment for posted in chat.posted for attachment in posted.body["attachments"]]
    return [attachment["text"] for attachment in found if attachment["title"].startswith(state)]


@dataclass
class Scene:
    """Everything under way, and what can be asked of it."""

    scraper: Prometheus
    manager: Alertmanager
    target: Receiver
    pager: Receiver
    chat: Receiver

    def down(self) -> set[str]:
        """Checks whose being down fires in Prometheus."""
        return {check for name, check in self.scraper.firing() if name == "ProberCheckDown"}

    def alert(self, check: str) -> dict[str, Any]:
        """What Alertmanager holds of a check that is down."""
        labels = {"alertname": "ProberCheckDown", "check": check}
        (found,) = (one for one in self.manager.alerts() if one["labels"].items() >= labels.items())
        return found


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    source = tmp_path / "probes.yaml"
    with ExitStack() as stack:
        target, pager, chat = (stack.enter_context(receiver()) for _ in range(3))
        pager.always = Answer(202, b'{"status": "success"}')
        (tmp_path / "pager.routing_key").write_text("key-of-pagerduty")
        (tmp_path / "chat.webhook_url").write_text(f"{chat.url}/services/T0/B0/token")
        places = {"target": target.url, "pager": pager.url, "secrets": tmp_path, "prober": "x:1", "manager": "x:1"}

        def made(what: str) -> dict[str, str]:
            source.write_text(CONFIG.format(**places))
            return rendered(what, load(source, {}, lenient=True))

        manager = stack.enter_context(alertmanager(tmp_path, made("alertmanager")["alertmanager.yml"]))
        process = stack.enter_context(prober("serve", "--config", source, "--listen", "127.0.0.1:0", cwd=tmp_path))
        places["prober"] = process.wait_for(r'"url": "http://([^"]+)".*"event": "serving"')[1]
        places["manager"] = manager.url.removeprefix("http://")
        for name, text in made("prometheus").items():
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_text(text)
        yield Scene(stack.enter_context(prometheus(tmp_path)), manager, target, pager, chat)


def test_an_outage_reaches_pagerduty_and_slack_by_prometheus_and_ends_there(scene: Scene) -> None:
    until(lambda: len(scene.scraper.query("check:prober_regions_heard:count == 1")) == 3, "heard of")
    assert not scene.down()

    scene.target.always = Answer(503)
    until(lambda: scene.down() == {"gateway", "behind", "side"}, "firing")
    until(lambda: "The gateway is down" in str(pages(scene.pager, "trigger")), "paged")
    until(lambda: "side is down" in str(lines(scene.chat, "FIRING")), "in the chat")
    assert scene.scraper.failed_rules() == []
    assert scene.alert("behind")["status"]["state"] == "suppressed"
    assert scene.alert("gateway")["annotations"] == {
        "summary": "The gateway is down",
        "description": "1 of the regions heard of say down.",
        "runbook_url": "https://runbooks.example/gateway",
    }

    scene.target.always = Answer(200)
    until(lambda: not scene.down(), "over")
    until(lambda: "The gateway is down" in str(pages(scene.pager, "resolve")), "resolved at the pager")
    until(lambda: "side is down" in str(lines(scene.chat, "RESOLVED")), "resolved in the chat")
    assert "behind" not in str(pages(scene.pager, "trigger"))
    assert {posted.body["routing_key"] for posted in scene.pager.posted} == {"key-of-pagerduty"}
