"""Senders of every kind that speaks HTTP, pointed at a service of the test's."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from fakes.alerts import TRIGGER
from prober.clock import Clock, MovedClock
from prober.faults import DeliveryFault
from prober.model import Condition, Notice
from prober.notify import CHANNELS, Notifier, Receipt

CLOCK = MovedClock()
GOLDEN = Path(__file__).parents[1] / "golden" / "notify"
Settings = dict[str, Any]

HTTP: dict[str, Callable[[str], Settings]] = {
    "alertmanager": lambda url: {"kind": "alertmanager", "urls": [url], "bearer_token": "canary-token"},
    "discord": lambda url: {"kind": "discord", "webhook_url": f"{url}/api/webhooks/1/canary-token"},
    "ntfy": lambda url: {"kind": "ntfy", "url": url, "topic": "canary-topic", "token": "tk_canary"},
    "opsgenie": lambda url: {"kind": "opsgenie", "url": f"{url}/v2/alerts", "api_key": "canary-key"},
    "pagerduty": lambda url: {"kind": "pagerduty", "url": f"{url}/v2/enqueue", "routing_key": "canary-key"},
    "slack": lambda url: {"kind": "slack", "webhook_url": f"{url}/services/T0/B0/canary-token"},
    "slack-bot": lambda url: {
        "kind": "slack",
        "token": "xoxb-canary",
        "channel": "C0123456789",
        "api_url": f"{url}/api",
    },
    "teams": lambda url: {"kind": "teams", "url": f"{url}/workflows/1?sig=canary-token"},
    "telegram": lambda url: {"kind": "telegram", "token": "123:canary-token", "chat_id": "-1001", "api_url": url},
    "webhook": lambda url: {"kind": "webhook", "url": f"{url}/hook", "headers": {"Authorization": "Bearer canary"}},
    "webhook-alertmanager": lambda url: {
        "kind": "webhook",
        "url": f"{url}/hook",
        "format": "alertmanager",
        "signing_key": "canary-signing-key",
    },
}
TAKEN = {
    "discord": b'{"id": "42", "type": 0}',
    "pagerduty": b'{"status": "success", "message": "Event processed"}',
    "slack": b"ok",
    "slack-bot": b'{"ok": true, "channel": "C0123456789", "ts": "1700000000.000100", "message": {}}',
    "telegram": b'{"ok": true, "result": {"message_id": 7}}',
}
"""What each service says to a success; others say ``{}``."""


def taken(kind: str) -> bytes:
    return TAKEN.get(kind, b"{}")


def open_sender(settings: Settings, clock: Clock = CLOCK) -> Any:
    module = import_module(CHANNELS[settings["kind"]])
    return module.Sender(module.Spec.model_validate(settings), clock)


def http_sender(kind: str, url: str = "https://service.example") -> Any:
    return open_sender(HTTP[kind](url))


def send(sender: Notifier, notice: Notice = TRIGGER, earlier: str = "") -> Receipt:
    async def main() -> Receipt:
        try:
            return await sender.send(notice, earlier)
        finally:
            await sender.close()

    return asyncio.run(main())


def fault(sender: Notifier, notice: Notice = TRIGGER, earlier: str = "") -> DeliveryFault:
    with pytest.raises(DeliveryFault) as caught:
        send(sender, notice, earlier)
    assert "canary" not in str(caught.value)
    return caught.value


def golden(kind: str, notice: Notice) -> Any:
    return json.loads((GOLDEN / f"{kind}-{named(notice)}.json").read_text())


def named(notice: Notice) -> str:
    """What it is called in golden files: by its kind, and by its condition where that is another than down."""
    return notice.kind.value if notice.condition is Condition.DOWN else notice.condition.value
