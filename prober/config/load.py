"""Reads a config file whole: every error at once, or the Config with what else there is to know of it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from prober.config import tree
from prober.config.alerts import Objective
from prober.config.building import find_spec, validate
from prober.config.checks import Checks, duration_text
from prober.config.document import MAX_BYTES, Refused, parse
from prober.config.references import References, cause, read_bounded
from prober.config.report import Report
from prober.config.rules import check_rules
from prober.config.sections import Config, Defaults
from prober.config.wording import explain
from prober.faults import ConfigError, ConfigFault
from prober.model import Check
from prober.notify import CHANNELS
from prober.probes import KINDS
from prober.secret import Redactor, Secret, secrets_in
from prober.sinks import SINKS


@dataclass(frozen=True, slots=True)
class Loaded:
    """A config that can be used, except for what its unresolved references leave open."""

    config: Config
    warnings: tuple[ConfigError, ...]
    digest: str
    """SHA-256, in hex, over the file and every file it refers to: the same when there is nothing to reload."""
    secrets: tuple[Secret, ...]
    """What must not be shown anywhere."""
    base: Path
    """The directory relative paths start from."""
    unresolved: Mapping[str, tuple[ConfigError, ...]]
    """References that lead to nothing, by check id, or by section (``channels``) where they are in no check."""
    files: tuple[Path, ...] = ()
    """The files its references were read from."""
    source: str = "the configuration"
    """What the file is called in messages."""

    def lacking(self, checks: Iterable[Check], *sections: str) -> list[ConfigError]:
        """What is unresolved for running ``checks`` and using ``sections``, as the errors it is then."""
        names = ("defaults", *(check.id for check in checks), *sections)
        return [error for name in names for error in self.unresolved.get(name, ())]


def load(path: Path, environ: Mapping[str, str], *, lenient: bool) -> Loaded:
    """The config in ``path`` with the references of ``environ``; ``lenient`` makes unresolved ones mere warnings.

    Raises ConfigFault with every error there is.
    """
    base = path.parent
    try:
        data = read_bounded(path, MAX_BYTES)
        root, problems = parse(data)
    except (OSError, ValueError) as error:
        raise ConfigFault(str(path), [ConfigError("", f"cannot be read: {cause(error)}")]) from None
    except Refused as refused:
        raise ConfigFault(str(path), [refused.error]) from None
    references = References(environ, base)
    raw = tree.build(root, references.substitute)
    report = Report(root, references, problems)
    # A section without content is one whose lines are all commented out.
    raw = {name: section for name, section in raw.items() if section is not None}
    checks = Checks(report, base, KINDS, _read_defaults(report, raw), _read_objectives(raw))
    config = _read_sections(report, raw, checks)
    check_rules(report, raw)
    _check_logos(report, config, base)
    unresolved = report.unresolved()
    if not lenient:
        report.errors += [error for _, error in unresolved]
    if report.errors:
        raise ConfigFault(str(path), sorted(report.errors, key=lambda error: error.line or 0))
    secrets = _secrets(config, references)
    redactor = Redactor(secrets)
    for one in config.checks:
        one.hide_in_target(redactor.text)
    return Loaded(
        config=config,
        warnings=(*report.warnings, *(error for _, error in unresolved)),
        digest=_digest(data, references, checks, base),
        secrets=secrets,
        base=base,
        unresolved=_by_use(unresolved, config.checks),
        files=tuple(base / name for name in sorted(references.files)),
        source=str(path),
    )


def make_check(raw: Mapping[str, Any], base: Path, defaults: Defaults | None = None) -> Check:
    """A check that stands in no file, from what a user might have written there; ``defaults`` are the config's.

    Journeys are looked for from ``base``. Raises ConfigFault.
    """
    report = Report(tree.Mapping(0), References({}, base))
    under = defaults.model_dump(exclude_none=True, exclude_unset=True, exclude={"slo"}) if defaults else {}
    under |= {name: duration_text(under[name]) for name in ("interval", "timeout") if name in under}
    check = Checks(report, base, KINDS, under).read(dict(raw), ())
    if check is None:
        raise ConfigFault(str(raw.get("id", "check")), report.errors)
    return check


def _read_defaults(report: Report, raw: Mapping[str, Any]) -> dict[str, Any]:
    """The raw defaults as far as they are right: a wrong one is told of once, not again for every check."""
    section = raw.get("defaults", {})
    if not isinstance(section, dict):
        return {}
    try:
        Defaults.model_validate(section)
    except ValidationError as error:
        wrong = {finding.path[0] for finding in explain(error, Defaults, section) if finding.path}
        return {name: value for name, value in section.items() if name not in wrong}
    return section


def _read_objectives(raw: Mapping[str, Any]) -> list[Objective]:
    """Those of ``slos`` that are right; of the others the section itself tells."""
    found = []
    listed = raw.get("slos")
    for one in listed if isinstance(listed, list) else ():
        with contextlib.suppress(ValidationError):
            found.append(Objective.model_validate(one))
    return found


def _read_sections(report: Report, raw: Mapping[str, Any], checks: Checks) -> Config:
    sections = dict(raw)
    if isinstance(listed := raw.get("checks"), list):
        found = [checks.read(one, ("checks", index)) for index, one in enumerate(listed)]
        sections["checks"] = [check for check in found if check is not None]
    if isinstance(channels := raw.get("channels"), dict):
        sections["channels"] = _read_channels(report, channels)
    if isinstance(sinks := raw.get("sinks"), list):
        sections["sinks"] = _read_sinks(report, sinks)
    config = validate(report, Config, sections, ()) or Config()
    if any(one.pushed for one in config.checks):
        placed = tuple(one.placed(config.regions) for one in config.checks)
        config = config.model_copy(update={"checks": placed})
    return config


def _read_channels(report: Report, raw: Mapping[str, Any]) -> dict[str, Any]:
    channels = {}
    for name, one in raw.items():
        spec = find_spec(report, CHANNELS, one, ("channels", name), "channel")
        channel = spec and validate(report, spec, one, ("channels", name))
        if channel is not None:
            channels[name] = channel
    return channels


def _read_sinks(report: Report, raw: list[Any]) -> list[Any]:
    sinks = []
    for index, one in enumerate(raw):
        spec = find_spec(report, SINKS, one, ("sinks", index), "sink")
        sink = spec and validate(report, spec, one, ("sinks", index))
        if sink is not None:
            sinks.append(sink.beside(report.references.base))
    return sinks


def _check_logos(report: Report, config: Config, base: Path) -> None:
    for name, page in config.web.status_pages.items():
        if page.logo is not None:
            from prober.config.logos import read_logo  # reads XML, which few configurations need

            try:
                read_logo(base / page.logo)
            except ValueError as error:
                report.add(("web", "status_pages", name, "logo"), f"{page.logo}: {error}")


def _digest(data: bytes, references: References, checks: Checks, base: Path) -> str:
    digest = sha256(sha256(data).digest())
    for name, content in sorted(references.files.items()):
        digest.update(name.encode() + b"\0" + sha256(content).digest())
    for name in sorted(checks.journeys):
        file = base / name.partition("::")[0]
        digest.update(name.encode() + b"\0" + sha256(_bytes_of(file)).digest())
    return digest.hexdigest()


def _bytes_of(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:  # gone since it was read; the next look will tell
        return b""


def _secrets(config: Config, references: References) -> tuple[Secret, ...]:
    return tuple({*secrets_in(config), *map(Secret, references.shown_nowhere())})


def _by_use(
    unresolved: list[tuple[tree.Path, ConfigError]], checks: tuple[Check, ...]
) -> dict[str, tuple[ConfigError, ...]]:
    found: dict[str, tuple[ConfigError, ...]] = {}
    for path, error in unresolved:
        user = str(path[0])
        if path[0] == "checks" and len(path) > 1 and isinstance(path[1], int):
            user = checks[path[1]].id
        found[user] = (*found.get(user, ()), error)
    return found
