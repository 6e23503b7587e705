"""What people say on the command line and by links reaches a prober that runs, within seconds."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from fakes.commanding import Command, in_process
from fakes.process import prober as running
from fakes.receiver import Answer, Receiver, receiver
from fakes.storing import until

SERVED = """
defaults: {{interval: 1s, timeout: 1s, alert: {{down_after: 1, up_after: 1}}}}
web: {{public_url: "https://status.example"}}
channels:
  ops: {{kind: webhook, url: "{ops}/ops"}}
routes: [{{channels: [ops], remind_every: 60s}}]
checks:
  - {{id: shop, kind: http, url: "{shop}/shop"}}
  - {{id: api, kind: http, url: "{shop}/api"}}
"""


@pytest.fixture
def shop() -> Iterator[Receiver]:
    with receiver() as service:
        yield service


@pytest.fixture
def ops() -> Iterator[Receiver]:
    with receiver() as service:
        yield service


@pytest.fixture
def prober(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Iterator[Command]:
    monkeypatch.chdir(tmp_path)
    with in_process(monkeypatch, capsys) as command:
        yield command


def states(prober: Command) -> dict[str, str]:
    return {one["check"]: one["state"] for one in prober("incidents", "--json").json}


def told(ops: Receiver) -> list[tuple[str, str]]:
    return [(posted.body["check"], posted.body["kind"]) for posted in ops.posted]


def test_silences_and_acknowledgements_are_heeded_by_a_running_prober(
    prober: Command, tmp_path: Path, shop: Receiver, ops: Receiver
) -> None:
    (tmp_path / "probes.yaml").write_text(SERVED.format(shop=shop.url, ops=ops.url))
    with running("serve", "--listen", "127.0.0.1:0", cwd=tmp_path) as process:
        url = process.wait_for(r'"url": "(http://[^"]+)".*"event": "serving"')[1]

        def page() -> str:
            return httpx.get(f"{url}/", trust_env=False).text

        until(lambda: page().count('class="r up"') == 2, 30)

        # A silence keeps one of two outages quiet, and everybody sees why.
        assert prober("silence", "add", "--for", "1h", "--check", "api", "--reason", "known", "--by", "Ada").code == 0
        shop.always = Answer(503)
        ops.wait_for(1)
        until(lambda: states(prober).get("api", "").startswith("open; held: silenced: known"))
        until(lambda: "held: silenced: known" in page())
        assert told(ops) == [("shop", "trigger")]
        metrics = httpx.get(f"{url}/metrics", trust_env=False).text
        assert 'prober_incident_open{check="api",condition="down",region="local"} 1.0' in metrics

        # The link in the notice asks first, and its form acknowledges.
        (link,) = [action["url"] for action in ops.posted[0].body["actions"] if action["label"] == "Acknowledge"]
        here = link.replace("https://status.example", url)
        assert "Your name" in httpx.get(here, trust_env=False).text
        assert states(prober)["shop"] == "open; told to ops"
        answer = httpx.post(here, data={"by": "Grace"}, trust_env=False)
        assert "Acknowledged by <b>Grace</b>" in answer.text
        until(lambda: "acknowledged by Grace" in page())
        assert re.search(r'"check": "shop", "by": "Grace".*"event": "acknowledged"', "\n".join(process.lines))

        # Once the silence is ended what it held back is told.
        (silence,) = prober("silence", "list", "--json").json
        assert prober("silence", "end", silence["id"]).code == 0
        ops.wait_for(2)
        assert told(ops) == [("shop", "trigger"), ("api", "trigger")]
        assert prober("ack", next(i["id"] for i in prober("incidents", "--json").json if i["check"] == "api")).code == 0
        shop.always = Answer(200)
        ops.wait_for(4)
        assert sorted(told(ops)[2:]) == [("api", "resolve"), ("shop", "resolve")]
        assert "no incident is open" in prober("incidents").out
        until(lambda: [one["status"] for one in prober("outbox", "--json").json] == ["sent"] * 4)
