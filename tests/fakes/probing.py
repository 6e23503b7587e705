"""``/probe`` without a web server, and its exposition as values."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from prober.app.service.on_demand import open_on_demand
from prober.clock import SystemClock
from prober.config import Config, Loaded

Labels = frozenset[tuple[str, str]]
Samples = dict[tuple[str, Labels], float]


@dataclass(frozen=True)
class Probed:
    """What was answered."""

    status: int
    text: str
    samples: Samples = field(default_factory=dict)

    def __getitem__(self, name: str) -> float:
        """The value of a family of one sample."""
        (value,) = [value for (family, _), value in self.samples.items() if family == name]
        return value

    def __contains__(self, name: str) -> bool:
        return any(family == name for family, _ in self.samples)

    def by(self, name: str, label: str) -> dict[str, float]:
        """The values of a family by one of its labels."""
        return {dict(labels)[label]: value for (family, labels), value in self.samples.items() if family == name}

    @property
    def reason(self) -> str:
        (labels,) = [dict(labels) for family, labels in self.samples if family == "prober_probe_info"]
        return labels["reason"]


def read_samples(text: str) -> Samples:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def probed(
    modules: str, target: str, folder: Path, module: str = "m", header: str | None = "5", **query: str
) -> Probed:
    """Ask for ``target`` by ``module`` of the file ``modules``."""
    path = folder / "blackbox.yml"
    path.write_text(modules)
    loaded = Loaded(Config(), warnings=(), digest="", secrets=(), base=folder, unresolved={})

    async def main() -> Probed:
        async with open_on_demand(path, loaded, "eu", SystemClock(), {}) as desk:
            asked = desk.ask({"target": target, "module": module, **query}, header)
            reply = await asyncio.wrap_future(asked)
            await desk.close()
        text = reply.text.decode()
        return Probed(reply.status, text, read_samples(text) if "version=0.0.4" in reply.content_type else {})

    return asyncio.run(main())
