"""The sections of ``probes.yaml`` that only ``prober render`` reads: what stands around the prober."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, model_validator

from prober.config.alerts import Patterns, Severities
from prober.judge.texts import listed
from prober.model import Duration, Identifier, Severity, Strict
from prober.notify._posting import PublicUrl

OWN_GROUP, SLO_GROUP = "prober", "prober-slo"
Texts = Annotated[tuple[Annotated[str, Field(min_length=1)], ...], BeforeValidator(listed), Field(strict=False)]
Whole = Annotated[Duration, Field(ge=1, le=30 * 86_400)]


class Job(Strict):
    """Something else that Prometheus scrapes."""

    targets: Annotated[Texts, Field(min_length=1)]
    """Where it is scraped, as host:port."""
    path: Annotated[str, Field(pattern="^/")] = "/metrics"
    """The path it answers at."""
    interval: Whole | None = None
    """Time between two scrapes, where it is another than ``scrape_interval``."""


class Prometheus(Strict):
    """The Prometheus that ``prober render prometheus`` configures."""

    scrape_interval: Whole = 15.0
    """Time between two scrapes."""
    evaluation_interval: Whole = 15.0
    """Time between two looks at the rules."""
    probers: dict[Identifier, Texts] = {}
    """Where the probers are scraped, by region, as host:port; prober-REGION and the port of ``web.listen`` when
    missing."""
    alertmanagers: Texts = ("alertmanager:9093",)
    """Where alerts go, as host:port: every one of a cluster, not a balancer."""
    jobs: dict[Identifier, Job] = {}
    """What else is scraped, by name."""


class RuleTest(Strict):
    """A course of series in which an alert fires and resolves; ``promtool test rules`` runs it."""

    series: Annotated[dict[str, str], Field(min_length=1)]
    """Series with their values, one a minute, in promtool's notation, such as "0+20x30 600+0x60"."""
    fires: Whole
    """When it must be firing."""
    resolved: Whole
    """When it must be over."""

    @model_validator(mode="after")
    def _ends_after_it_began(self) -> RuleTest:
        if self.resolved <= self.fires:
            raise ValueError("resolved: it ends before it fires")
        return self


class Rule(Strict):
    """An alert of Prometheus on anything it scrapes."""

    model_config = ConfigDict(populate_by_name=True)

    alert: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,99}$")]
    """Its name."""
    expr: Annotated[str, Field(min_length=1), AfterValidator(str.strip)]
    """The PromQL expression; each series it finds is an alert."""
    for_: Annotated[Duration, Field(alias="for", ge=0, le=30 * 86_400)] = 0.0
    """How long it must hold."""
    severity: Severity = Field(default=Severity.WARNING, strict=False)
    """critical, warning or info."""
    summary: str = ""
    """What people read first; a template of Prometheus."""
    description: str = ""
    """What people read then; a template of Prometheus."""
    runbook: str | None = None
    """A link to what to do."""
    test: RuleTest | None = None
    """How it is seen to fire and to resolve."""


Rules = Annotated[tuple[Rule, ...], Field(strict=False)]


class PagerdutyReceiver(Strict):
    """A PagerDuty service; its routing key is in the file NAME.routing_key below ``secrets``."""

    url: PublicUrl | None = None
    """Another address than PagerDuty's own, such as https://events.eu.pagerduty.com/v2/enqueue."""


class SlackReceiver(Strict):
    """A Slack channel; the URL of its webhook is in the file NAME.webhook_url below ``secrets``."""

    channel: Annotated[str, Field(min_length=1)]
    """The channel, such as "#eventchain-alerts"; quote it."""


class WebhookReceiver(Strict):
    """A service of your own that takes Alertmanager's JSON."""

    url: PublicUrl
    """Where it is posted to."""


class EmailReceiver(Strict):
    """Mail; with a ``username``, its password is in the file NAME.password below ``secrets``."""

    model_config = ConfigDict(populate_by_name=True)

    smarthost: Annotated[str, Field(pattern=r"^\S+:\d+$")]
    """The mail server, as host:port."""
    from_: Annotated[str, Field(alias="from", min_length=3)]
    """The sender."""
    to: Annotated[Texts, Field(min_length=1)]
    """The recipients."""
    username: str | None = None
    """Who logs in there."""


class Receiver(Strict):
    """Who is told by Alertmanager, and of what; one that selects nothing is told what goes to no other."""

    severity: Severities = ()
    """Only alerts of these severities."""
    checks: Patterns = ()
    """Only alerts on these checks, by their ids or patterns."""
    pagerduty: PagerdutyReceiver | None = None
    """A PagerDuty service."""
    slack: SlackReceiver | None = None
    """A Slack channel."""
    webhook: WebhookReceiver | None = None
    """A service of your own."""
    email: EmailReceiver | None = None
    """Mail."""

    @property
    def selects(self) -> bool:
        return bool(self.severity or self.checks)


class Alertmanager(Strict):
    """The Alertmanager that ``prober render alertmanager`` configures."""

    secrets: Annotated[str, Field(pattern="^/")] = "/etc/alertmanager/secrets"
    """The directory there in which the files with secrets are."""
    group_by: Annotated[tuple[str, ...], Field(strict=False)] = ("alertname", "check")
    """Alerts with the same of these labels are told together, and are one incident to PagerDuty: without ``check`` a
    second check that goes down would page nobody."""
    group_wait: Whole = 10.0
    """How long others may join before the first word."""
    group_interval: Whole = 60.0
    """How long what joins later waits."""
    repeat_interval: Whole = 3_600.0
    """When what still fires is told again."""
    receivers: dict[Identifier, Receiver] = {}
    """Who is told, by name; each one whose selection fits is."""

    @model_validator(mode="after")
    def _one_is_the_default(self) -> Alertmanager:
        rest = [name for name, receiver in self.receivers.items() if not receiver.selects]
        if len(rest) > 1:
            raise ValueError(f"receivers: only one can be told the rest, but {' and '.join(rest)} select nothing")
        return self


def checked_rules(rules: dict[str, tuple[Rule, ...]]) -> dict[str, tuple[Rule, ...]]:
    """``rules`` without a group by the name of one of ours. Raises ValueError."""
    for name in (OWN_GROUP, SLO_GROUP):
        if name in rules:
            raise ValueError(f"the group {name!r} is of the rules made for the checks; choose another name")
    return rules
