"""Everything on one machine: a prober per region on one PostgreSQL, Prometheus, Alertmanager, Grafana and the shop.

It mounts what the targets ``prometheus``, ``alertmanager`` and ``grafana`` wrote beside its own folder.
"""

from __future__ import annotations

from typing import Any

from prober import __version__
from prober.config import Config, Loaded
from prober.config.document import parse
from prober.model import format_duration
from prober.render.kubernetes.seccomp import PROFILE
from prober.render.source import CONFIG, END_S, HOME, Source, needs_browser, plain, read, regions
from prober.render.yamls import dump

TARGET = "compose"
Json = dict[str, Any]
DATABASE = "postgresql://prober:${POSTGRES_PASSWORD:?set it in .env}@postgres:5432/prober"


def render(loaded: Loaded) -> dict[str, str]:
    """``compose.yml`` and what it mounts that no other target writes."""
    source, config = read(loaded), loaded.config
    services = {
        "shop": _shop(),
        "postgres": _postgres(),
        **{f"prober-{plain(region)}": _prober(config, source, region) for region in regions(config)},
        "prometheus": _prometheus(),
        "alertmanager": _alertmanager(),
        "grafana": _grafana(),
    }
    volumes = [mount["source"] for one in services.values() for mount in one.get("volumes", ()) if _is_named(mount)]
    document = {"name": "prober", "services": services, "volumes": {name: {} for name in dict.fromkeys(volumes)}}
    files = {
        "compose.yml": dump(document, TARGET, source.name),
        "probes.yaml": _on_postgres(source, config),
        **dict(source.scripts),
    }
    if needs_browser(config):
        files["prober-chromium.json"] = PROFILE
    return files


def _on_postgres(source: Source, config: Config) -> str:
    """The configuration with all regions on one store; the rest of it as it is written."""
    text = source.text
    if source.shared:
        return text
    kept = f'path: "${{PROBER_STORE:-prober.db}}", retention: {format_duration(config.store.retention)}'
    section = f'store: {{url: "${{PROBER_STORE_URL}}", {kept}}}\n'
    root, _ = parse(text.encode())
    lines = text.splitlines(keepends=True)
    if "store" not in root.entries:
        return text + ("" if text.endswith("\n") else "\n") + section
    begin = root.entries["store"][0] - 1
    end = begin + 1
    while end < len(lines) and lines[end][:1] in " \t":
        end += 1
    return "".join((*lines[:begin], section, *lines[end:]))


def _service(image: str, **more: Any) -> Json:
    return {"image": image, "restart": "unless-stopped", **more}


def _image() -> str:
    return f"${{PROBER_IMAGE:-prober:{__version__}}}"


def _shop() -> Json:
    return _service(_image(), command=["shop", "--listen", "0.0.0.0:8000"], ports=["127.0.0.1:8000:8000"])


def _postgres() -> Json:
    return _service(
        "postgres:17",
        environment={
            "POSTGRES_USER": "prober",
            "POSTGRES_DB": "prober",
            "POSTGRES_PASSWORD": "${POSTGRES_PASSWORD:?set it in .env}",
        },
        volumes=[_named("postgres", "/var/lib/postgresql/data")],
        healthcheck={"test": ["CMD", "pg_isready", "-U", "prober"], "interval": "2s", "retries": 30},
    )


def _prober(config: Config, source: Source, region: str) -> Json:
    port = config.web.port
    data = f"prober-{plain(region)}"
    mounts = [_bind("./probes.yaml", f"{CONFIG}/probes.yaml")]
    mounts += [_bind(f"./{name}", f"{CONFIG}/{name}") for name, _ in source.scripts]
    mounts += [_bind(f"./{name.lstrip('/')}", f"{CONFIG}/{name.lstrip('/')}") for name in source.files]
    service = _service(
        _image(),
        command=["serve", "--config", f"{CONFIG}/probes.yaml"],
        environment={
            "PROBER_REGION": region,
            "PROBER_LISTEN": f"0.0.0.0:{port}",
            "PROBER_STORE": f"{HOME}/prober.db",
            "PROBER_STORE_URL": DATABASE,
            "PROBER_ARTIFACTS": f"{HOME}/artifacts",
            "EVENTCHAIN_URL": "http://shop:8000",
            "EVENTCHAIN_ADDRESS": "shop:8000",
        },
        env_file=[{"path": ".env", "required": False}],
        volumes=[*mounts, _named(data, HOME)],
        expose=[str(port)],
        stop_grace_period=f"{END_S}s",
        cap_drop=["ALL"],
        depends_on={"postgres": {"condition": "service_healthy"}, "shop": {"condition": "service_started"}},
    )
    if needs_browser(config):
        service |= {"shm_size": "512m", "security_opt": ["seccomp=./prober-chromium.json", "no-new-privileges:true"]}
    return service


def _prometheus() -> Json:
    return _service(
        "prom/prometheus:v3.5.0",
        command=[
            "--config.file=/etc/prometheus/prometheus.yml",
            "--storage.tsdb.path=/prometheus",
            "--storage.tsdb.retention.time=30d",
        ],
        volumes=[_bind("../prometheus", "/etc/prometheus"), _named("prometheus", "/prometheus")],
        ports=["127.0.0.1:9090:9090"],
    )


def _alertmanager() -> Json:
    return _service(
        "prom/alertmanager:v0.28.1",
        command=["--config.file=/etc/alertmanager/alertmanager.yml", "--storage.path=/alertmanager"],
        volumes=[_bind("../alertmanager", "/etc/alertmanager"), _named("alertmanager", "/alertmanager")],
        ports=["127.0.0.1:9093:9093"],
    )


def _grafana() -> Json:
    return _service(
        "grafana/grafana:12.1.1",
        environment={"GF_SECURITY_ADMIN_PASSWORD": "${GRAFANA_PASSWORD:?set it in .env}"},
        volumes=[
            _bind("../grafana", "/var/lib/grafana/dashboards"),
            _bind("../grafana/provisioning", "/etc/grafana/provisioning"),
            _named("grafana", "/var/lib/grafana"),
        ],
        ports=["127.0.0.1:3000:3000"],
    )


def _bind(source: str, target: str) -> Json:
    # Without create_host_path a file that is not there is an error, not an empty folder.
    return {
        "type": "bind",
        "source": source,
        "target": target,
        "read_only": True,
        "bind": {"create_host_path": False},
    }


def _named(name: str, target: str) -> Json:
    return {"type": "volume", "source": name, "target": target}


def _is_named(mount: Json) -> bool:
    return bool(mount["type"] == "volume")
