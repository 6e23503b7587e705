"""blackbox_exporter's modules, and the scrape configs that use them, as checks of ``probes.yaml``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from prober.blackbox.asking import DEFAULT_MODULE
from prober.blackbox.modules import Dialled, HttpModule, Module, Modules, RecordRules, TcpModule, TlsConfig
from prober.blackbox.notation import NotYaml, parse_go_duration, read_yaml
from prober.faults import ConfigError, ConfigFault
from prober.model import format_duration

_UNFIT = re.compile(r"[^A-Za-z0-9._-]+")
_SCRAPE_INTERVAL, _SCRAPE_TIMEOUT = "1m", "10s"  # Prometheus' own defaults
_TIGHT_S = 0.5


@dataclass(frozen=True, slots=True)
class Job:
    """A scrape config that asks for probes."""

    name: str
    module: str
    targets: tuple[str, ...]
    interval_s: float
    timeout_s: float
    notes: tuple[str, ...] = ()
    """What of it could not be carried over."""


@dataclass(slots=True)
class Draft:
    """One check, and what of its module could not be carried over."""

    values: dict[str, Any]
    notes: list[str] = field(default_factory=list)


def read_jobs(path: Path) -> list[Job]:
    """The jobs of a Prometheus configuration that scrape ``/probe``. Raises ConfigFault."""
    try:
        raw = read_yaml(path.read_bytes())
    except OSError as error:
        raise ConfigFault(str(path), [ConfigError("", f"cannot be read: {error.strerror}")]) from None
    except NotYaml as error:
        raise ConfigFault(str(path), [error.error]) from None
    if not isinstance(raw, dict):
        raise ConfigFault(str(path), [ConfigError("", "expected a Prometheus configuration")])
    common = raw.get("global") or {}
    try:
        return [_job(one, common) for one in raw.get("scrape_configs") or () if one.get("metrics_path") == "/probe"]
    except (AttributeError, TypeError, ValueError) as error:
        raise ConfigFault(str(path), [ConfigError("scrape_configs", f"cannot be understood: {error}")]) from None


def _job(raw: Mapping[str, Any], common: Mapping[str, Any]) -> Job:
    params = raw.get("params") or {}
    found = [target for static in raw.get("static_configs") or () for target in static.get("targets") or ()]
    notes = [f"the targets of {key} are not in the file" for key in raw if key.endswith("_sd_configs")]
    notes += [f"the parameter {name} of the job" for name in params if name not in ("module", "target", "debug")]
    labels = {name for static in raw.get("static_configs") or () for name in static.get("labels") or ()}
    notes += [f"the label {name} of its targets" for name in sorted(labels)]
    return Job(
        raw.get("job_name", "probe"),
        (params.get("module") or [DEFAULT_MODULE])[0],
        (*found, *(params.get("target") or ())),
        parse_go_duration(raw.get("scrape_interval") or common.get("scrape_interval") or _SCRAPE_INTERVAL),
        parse_go_duration(raw.get("scrape_timeout") or common.get("scrape_timeout") or _SCRAPE_TIMEOUT),
        tuple(notes),
    )


def drafts(modules: Modules, jobs: list[Job] | None) -> list[Draft]:
    """A check for each target of each job; without jobs one that is off for each module, to be given its target."""
    if jobs is None:
        nowhere = "target.invalid"
        jobs = [Job(name, name, (nowhere,), 60.0, 10.0, ("it needs a target",)) for name in modules.modules]
        made = list(_drafts(modules, jobs))
        for one in made:
            one.values["enabled"] = False
        return made
    return list(_drafts(modules, jobs))


def _drafts(modules: Modules, jobs: list[Job]) -> Iterator[Draft]:
    taken: set[str] = set()
    for job in jobs:
        module = modules.modules.get(job.module)
        if module is None:
            continue
        for text in job.targets:
            timeout_s = min(module.timeout or job.timeout_s, max(0.1, job.timeout_s - _TIGHT_S), job.interval_s)
            common = {
                "id": _identity(f"{job.name}-{_bare(text)}", taken),
                "kind": module.prober,
                "interval": format_duration(job.interval_s),
                "timeout": format_duration(timeout_s),
            }
            draft = Draft(common, list(job.notes))
            _WRITE[module.prober](draft, job.module, module, text)
            yield draft


def document(made: list[Draft]) -> str:
    """The checks as ``probes.yaml``, each under what of it could not be carried over."""
    parts = ["# Written by prober import blackbox.\nchecks:\n" if made else "checks: []\n"]
    for one in made:
        parts += [f"  # not carried over: {note}\n" for note in one.notes]
        text = yaml.safe_dump([one.values], sort_keys=False, allow_unicode=True, width=100)
        parts.append("".join(f"  {line}\n" for line in text.splitlines()))
    return "".join(parts)


def _identity(text: str, taken: set[str]) -> str:
    base = _UNFIT.sub("-", text).strip("-.")[:90] or "check"
    name, number = base, 2
    while name in taken:
        name, number = f"{base}-{number}", number + 1
    taken.add(name)
    return name


def _bare(target: str) -> str:
    return target.partition("://")[2] or target


def _plain(text: str) -> str:
    """``text`` so that no reference is read into it."""
    return text.replace("$", "$$")


def _dialled(draft: Draft, module: Dialled) -> None:
    if not module.ip_protocol_fallback:
        draft.values["ip"] = "v6" if module.preferred_ip_protocol == "ip6" else "v4"


def _tls(config: TlsConfig) -> dict[str, Any]:
    options = config.options("").model_dump(exclude_defaults=True)
    return {name: _plain(value) if isinstance(value, str) else value for name, value in options.items()}


def _http(draft: Draft, name: str, found: Module, text: str) -> None:
    module, values = found.http, draft.values
    values["url"] = _plain(text if "://" in text else f"http://{text}")
    if module.method.upper() not in ("", "GET"):
        values["method"] = module.method.upper()
    if headers := {key: _plain(value) for key, value in module.headers.items()}:
        values["headers"] = headers
    if module.body or module.body_file:
        values["body"] = f"${{file:{module.body_file}}}" if module.body_file else _plain(module.body)
    _credentials(draft, name, module)
    if not module.follows:
        values["redirects"] = {"follow": False}
    _dialled(draft, module)
    if not module.enable_http2:
        values["http_version"] = "1.1"
    if module.proxy_url:
        values["proxy"] = _secret(draft, name, "PROXY")
    if tls := _tls(module.tls_config):
        values["tls"] = tls
    values["expect"] = _http_expect(module)
    left = ("fail_if_ssl", "fail_if_header_matches", "http_headers", "no_proxy", "compression", "body_size_limit")
    draft.notes += [key for key in left if getattr(module, key)]
    if module.fail_if_not_ssl and not values["url"].lower().startswith("https:"):
        draft.notes.append("fail_if_not_ssl")
    draft.notes += [
        f"allow_missing of {rule.header}" for rule in module.fail_if_header_not_matches if rule.allow_missing
    ]


def _http_expect(module: HttpModule) -> dict[str, Any]:
    expect: dict[str, Any] = {"status": list(module.valid_status_codes) or "200-299"}
    body = {
        "matches": [_plain(one) for one in module.fail_if_body_not_matches_regexp],
        "not_matches": [_plain(one) for one in module.fail_if_body_matches_regexp],
    }
    if any(body.values()):
        expect["body"] = {key: rules for key, rules in body.items() if rules}
    wanted = [rule for rule in module.fail_if_header_not_matches if not rule.allow_missing]
    if wanted:
        expect["header"] = {rule.header: {"matches": _plain(rule.regexp)} for rule in wanted}
    if module.valid_http_versions:
        versions = [text.removeprefix("HTTP/") for text in module.valid_http_versions]
        expect["http_version"] = [{"2.0": "2", "3.0": "3"}.get(text, text) for text in versions]
    return expect


def _credentials(draft: Draft, name: str, module: HttpModule) -> None:
    basic, given = module.basic_auth, module.authorization
    if basic:
        user = f"${{file:{basic.username_file}}}" if basic.username_file else _plain(basic.username)
        password = _secret(draft, name, "PASSWORD", basic.password_file)
        draft.values["auth"] = {"basic": {"username": user, "password": password}}
    elif given and given.type.lower() != "bearer":
        draft.notes.append(f"authorization of type {given.type}")
    elif given or module.bearer_token or module.bearer_token_file:
        file = given.credentials_file if given else module.bearer_token_file
        draft.values["auth"] = {"bearer": _secret(draft, name, "TOKEN", file)}


def _secret(draft: Draft, module: str, what: str, file: str | None = None) -> str:
    """A reference to a secret, which is not copied from file to file."""
    if file:
        return f"${{file:{file}}}"
    variable = f"BLACKBOX_{re.sub('[^A-Za-z0-9]', '_', module).upper()}_{what}"
    draft.notes.append(f"the secret itself: set the variable {variable}")
    return f"${{{variable}}}"


def _tcp(draft: Draft, name: str, found: Module, text: str) -> None:
    module, values = found.tcp, draft.values
    values["address"] = _plain(text if ":" in text else f"{text}:1")
    if module.tls:
        values["tls"] = _tls(module.tls_config) or True
    _dialled(draft, module)
    if turns := list(_turns(draft, module)):
        values["dialogue"] = turns


def _turns(draft: Draft, module: TcpModule) -> Iterator[dict[str, Any]]:
    for one in module.query_response:
        if one.expect is not None:
            # There it is held against each line, here against all that is heard.
            yield {"matches": _plain(f"(?m:{one.expect})")}
        if one.expect_bytes is not None:
            data = one.expect_bytes if isinstance(one.expect_bytes, bytes) else one.expect_bytes.encode()
            escaped = "".join(f"\\x{byte:02x}" for byte in data)
            yield {"matches": escaped}
        if one.send:
            data = one.send if isinstance(one.send, bytes) else one.send.encode()
            if b"$" in data:
                draft.notes.append(f"what {data.decode('utf-8', 'replace')!r} takes from what was heard")
            yield {"send_hex": (data + b"\n").hex()}
        if one.starttls:
            draft.notes.append("starttls, and what follows it")
            return
        draft.notes += [f"the label {label.name}" for label in one.labels]


def _dns(draft: Draft, name: str, found: Module, text: str) -> None:
    module, values = found.dns, draft.values
    values |= {
        "server": _plain(text),
        "name": module.query_name,
        "type": module.query_type,
        "class": module.query_class,
        "transport": "tls" if module.dns_over_tls else module.transport_protocol.rstrip("46"),
        "recursion": module.recursion_desired,
    }
    _dialled(draft, module)
    if tls := _tls(module.tls_config):
        values["tls"] = tls
    expect: dict[str, Any] = {"rcode": list(module.valid_rcodes) or ["NOERROR"]}
    for section in ("answer", "authority", "additional"):
        rules: RecordRules = getattr(module, f"validate_{section}_rrs")
        every = (*rules.fail_if_not_matches_regexp, *rules.fail_if_all_match_regexp)
        draft.notes += [f"that every {section} record matches {pattern!r}" for pattern in every]
        rule: dict[str, Any] = {}
        if rules.fail_if_none_matches_regexp:
            rule["matches"] = _plain("|".join(f"(?:{one})" for one in rules.fail_if_none_matches_regexp))
        if rules.fail_if_matches_regexp:
            rule["not_matches"] = [_plain(one) for one in rules.fail_if_matches_regexp]
        if rule:
            expect[section] = rule
    values["expect"] = expect


def _icmp(draft: Draft, name: str, found: Module, text: str) -> None:
    module, values = found.icmp, draft.values
    values |= {"host": _plain(text), "payload_bytes": module.payload_size, "ttl": module.ttl or None}
    if module.dont_fragment:
        values["dont_fragment"] = True
    if module.source_ip_address:
        values["source"] = module.source_ip_address
    _dialled(draft, module)


def _grpc(draft: Draft, name: str, found: Module, text: str) -> None:
    module, values = found.grpc, draft.values
    bare = _bare(text)
    values["address"] = _plain(bare if ":" in bare else f"{bare}:443")
    if module.service:
        values["service"] = module.service
    if module.tls:
        values["tls"] = _tls(module.tls_config) or True
    if metadata := {key: _plain(texts[0]) for key, texts in module.metadata.items() if texts}:
        values["metadata"] = metadata
    draft.notes += [f"further values of the metadata {key}" for key, texts in module.metadata.items() if len(texts) > 1]
    _dialled(draft, module)


_WRITE = {"http": _http, "tcp": _tcp, "dns": _dns, "icmp": _icmp, "grpc": _grpc}
