"""``alertmanager.yml``: who is told of what, and which alerts others stand for.

No secret is in it: receivers name files below ``alertmanager: secrets``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fnmatch import translate
from pathlib import PurePath
from typing import Any

from prober.config import Config, Loaded
from prober.config.stack import Alertmanager, EmailReceiver, Receiver
from prober.model import Check, Condition
from prober.notify._alerts import NAMES
from prober.render.prometheus.parts import duration
from prober.render.yamls import dump

TARGET = "alertmanager"
NOBODY = "nobody"
DEPRECATED = {"match", "match_re", "source_match", "source_match_re", "target_match", "target_match_re"}
"""Ways to select that ``amtool`` lets through without a word, and that Alertmanager is to lose."""
SUMMARIES = "{{ range .Alerts }}{{ .Annotations.summary }}\n{{ end }}"
DESCRIPTIONS = "{{ range .Alerts }}{{ .Annotations.summary }}: {{ .Annotations.description }}\n{{ end }}"


def render(loaded: Loaded) -> dict[str, str]:
    """The file of an Alertmanager."""
    text = dump(document(loaded.config), TARGET, PurePath(loaded.source).name)
    return {"alertmanager.yml": text}


def document(config: Config) -> dict[str, Any]:
    """The whole file."""
    around = config.alertmanager
    rest = next((name for name, receiver in around.receivers.items() if not receiver.selects), NOBODY)
    return {
        "route": {
            "receiver": rest,
            "group_by": list(around.group_by),
            "group_wait": duration(around.group_wait),
            "group_interval": duration(around.group_interval),
            "repeat_interval": duration(around.repeat_interval),
            "routes": list(_routes(around)),
        },
        "receivers": [{"name": NOBODY}, *(_receiver(around, name, one) for name, one in around.receivers.items())],
        "inhibit_rules": list(_inhibitions([check for check in config.checks if check.enabled])),
    }


def deprecated(value: Any, path: str = "") -> list[str]:
    """The places in a configuration of Alertmanager that select in a deprecated way."""
    if isinstance(value, list):
        return [found for index, item in enumerate(value) for found in deprecated(item, f"{path}[{index}]")]
    if not isinstance(value, dict):
        return []
    here = [f"{path}.{name}".lstrip(".") for name in value if name in DEPRECATED]
    return here + [found for name, item in value.items() for found in deprecated(item, f"{path}.{name}")]


def _routes(around: Alertmanager) -> Iterator[dict[str, Any]]:
    # It fires for ever; who misses it elsewhere puts a route of his own before this one.
    yield {"matchers": ['alertname="Watchdog"'], "receiver": NOBODY}
    for name, receiver in around.receivers.items():
        if receiver.selects:
            yield {"matchers": _matchers(receiver), "receiver": name, "continue": True}


def _matchers(receiver: Receiver) -> list[str]:
    severities, checks = "|".join(receiver.severity), "|".join(map(_pattern, receiver.checks))
    return [f'{label}=~"{text}"' for label, text in (("severity", severities), ("check", checks)) if text]


def _pattern(pattern: str) -> str:
    """A shell pattern as a regular expression inside quotes; Alertmanager anchors it."""
    return translate(pattern).removeprefix("(?s:").removesuffix(r")\Z").replace("\\", "\\\\")


def _receiver(around: Alertmanager, name: str, receiver: Receiver) -> dict[str, Any]:
    def secret(what: str) -> str:
        return f"{around.secrets}/{name}.{what}"

    made: dict[str, Any] = {"name": name}
    if receiver.webhook:
        made["webhook_configs"] = [{"url": receiver.webhook.url}]
    if receiver.pagerduty:
        made["pagerduty_configs"] = [_pagerduty(secret("routing_key"), receiver.pagerduty.url)]
    if receiver.slack:
        made["slack_configs"] = [_slack(secret("webhook_url"), receiver.slack.channel)]
    if receiver.email:
        made["email_configs"] = [_email(secret("password"), receiver.email)]
    return made


def _pagerduty(key_file: str, url: str | None) -> dict[str, Any]:
    return {
        "routing_key_file": key_file,
        **({"url": url} if url else {}),
        "description": SUMMARIES,
        "severity": "{{ if .CommonLabels.severity }}{{ .CommonLabels.severity }}{{ else }}error{{ end }}",
    }


def _slack(url_file: str, channel: str) -> dict[str, Any]:
    state = '{{ .Status | toUpper }}: {{ .GroupLabels.SortedPairs.Values | join " " }}'
    return {"api_url_file": url_file, "channel": channel, "send_resolved": True, "title": state, "text": DESCRIPTIONS}


def _email(password_file: str, mail: EmailReceiver) -> dict[str, Any]:
    login = {"auth_username": mail.username, "auth_password_file": password_file} if mail.username else {}
    to = ", ".join(mail.to)
    return {"to": to, "from": mail.from_, "smarthost": mail.smarthost, **login, "send_resolved": True}


def _inhibitions(checks: Sequence[Check]) -> Iterator[dict[str, Any]]:
    """What others stand for: a check without which another cannot work, and being down for whatever is less."""
    for parent in (check.id for check in checks):
        children = [check.id for check in checks if parent in check.depends_on]
        if children:
            ids = "|".join(map(_pattern, children))
            yield {
                "source_matchers": [f'alertname="{NAMES[Condition.DOWN]}"', f'check="{parent}"'],
                "target_matchers": ['alertname=~"Prober.+"', f'check=~"{ids}"'],
            }
    yield {
        "source_matchers": [f'alertname="{NAMES[Condition.DOWN]}"'],
        "target_matchers": ['alertname=~"Prober(Check(Slow|Degraded|PartlyFailing)|BudgetBroken|Slo.+)"'],
        "equal": ["check"],
    }
    yield {
        "source_matchers": ['alertname=~"Prober.+"', 'severity="critical"'],
        "target_matchers": ['alertname=~"Prober.+"', 'severity=~"warning|info"'],
        "equal": ["alertname", "check"],
    }
