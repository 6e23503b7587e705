"""``prometheus.yml``: who is scraped, which rules there are and where alerts go."""

from __future__ import annotations

from typing import Any

from prober.config import Config
from prober.config.stack import Job
from prober.render.prometheus.parts import duration


def document(config: Config) -> dict[str, Any]:
    """The whole file."""
    around = config.prometheus
    jobs = [_own_job(config), *(_job(name, job) for name, job in around.jobs.items())]
    managers = [{"static_configs": [{"targets": list(around.alertmanagers)}]}]
    return {
        "global": {
            "scrape_interval": duration(around.scrape_interval),
            "evaluation_interval": duration(around.evaluation_interval),
        },
        "rule_files": ["rules/*.yml"],
        **({"alerting": {"alertmanagers": managers}} if around.alertmanagers else {}),
        "scrape_configs": jobs,
    }


def _own_job(config: Config) -> dict[str, Any]:
    """The probers by region; what they say of ``job`` and ``instance`` is about the checks and is kept."""
    regions = dict.fromkeys((*config.regions, *config.prometheus.probers))
    places = {region: config.prometheus.probers.get(region, (_default(config, region),)) for region in regions}
    by_region = [{"targets": list(targets), "labels": {"region": region}} for region, targets in places.items()]
    return {
        "job_name": config.job,
        "honor_labels": True,
        **({"scheme": "https"} if config.web.tls else {}),
        "static_configs": by_region or [{"targets": [_default(config)]}],
    }


def _default(config: Config, region: str = "") -> str:
    return f"{'-'.join(filter(None, ('prober', region)))}:{config.web.port}"


def _job(name: str, job: Job) -> dict[str, Any]:
    return {
        "job_name": name,
        **({"metrics_path": job.path} if job.path != "/metrics" else {}),
        **({"scrape_interval": duration(job.interval)} if job.interval else {}),
        "static_configs": [{"targets": list(job.targets)}],
    }
