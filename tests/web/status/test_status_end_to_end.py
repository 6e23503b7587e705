"""A status page of a real prober: what its checks find is shown, and told to a webhook that asked for it."""

from __future__ import annotations

from pathlib import Path

import httpx
from fakes.process import prober
from fakes.receiver import Answer, Posted, Receiver, receiver
from fakes.storing import until

CONFIG = """
regions: [eu-west-1]
checks:
  - id: private-pay
    kind: http
    url: "{target}/pay"
    interval: 0.2s
    timeout: 0.2s
    alert: {{down_after: 2, up_after: 2}}
web:
  public_url: http://status.example
  status_pages:
    main:
      title: Example
      components: [{{name: Payments, checks: private-pay}}]
      subscribe: {{webhook: true, private_webhooks: true}}
"""


class Hook(Receiver):
    """Answers what it is challenged with."""

    def take(self, posted: Posted) -> Answer:
        super().take(posted)
        return Answer(200, str(posted.body.get("challenge", "ok")).encode())


def test_what_checks_find_is_shown_and_told(tmp_path: Path) -> None:
    config = tmp_path / "probes.yaml"
    with receiver() as target, receiver(Hook) as hook:
        config.write_text(CONFIG.format(target=target.url))
        with prober("serve", "--config", config, "--region", "eu-west-1", "--listen", "127.0.0.1:0") as process:
            url = process.wait_for(r"http://127\.0\.0\.1:\d+")[0]
            with httpx.Client(base_url=url, timeout=10, trust_env=False) as client:

                def says(sentence: str) -> bool:
                    return bool(client.get("/status/main.json").json().get("sentence") == sentence)

                until(lambda: says("All systems operational"), 20.0)
                form = {"kind": "webhook", "address": f"{hook.url}/in"}
                until(lambda: client.post("/status/main/subscribe", data=form).status_code == 202, 20.0)
                hook.wait_for(1)
                target.always = Answer(503)
                until(lambda: says("Major outage"), 20.0)
                told = hook.wait_for(2)[1].body
                page = client.get("/status/main").text
    assert (told["type"], told["state"], told["incident"]) == ("update", "Detected", "Payments: outage")
    assert "Payments: outage" in page
    assert "private-pay" not in page + str(told)
