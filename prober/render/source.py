"""What a configuration needs around it where it is deployed: its text, journeys, variables and files of secrets."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path, PurePath

from prober.config import Config, Loaded
from prober.config.document import parse
from prober.config.tree import Mapping, Node, Scalar

OURS = ("PROBER_REGION", "PROBER_STORE", "PROBER_ARTIFACTS", "PROBER_LISTEN", "PROBER_SHARD", "PROBER_CONFIG")
"""Variables that whoever deploys the prober sets, and no secrets."""
HOME, CONFIG, USER = "/var/lib/prober", "/etc/prober", 10001
"""As the image has them."""
END_S = 45
"""From SIGTERM to the end: runs have 10 s, what is queued for people and other systems 5 s each; the rest is room."""
BROWSERS = ("browser", "pytest")
"""Kinds of checks that start a Chromium."""

_REFERENCE = re.compile(r"\$\$|\$\{([^{}]*)\}")


@dataclass(frozen=True, slots=True)
class Source:
    """One ``probes.yaml`` and what goes with it."""

    name: str
    text: str
    scripts: tuple[tuple[str, str], ...]
    """(path relative to the configuration, text) of journeys and what stands beside them."""
    variables: tuple[tuple[str, bool], ...]
    """(name, whether the configuration does without it), but for ``OURS``."""
    files: tuple[str, ...]
    """What ``${file:...}`` names."""
    shared: bool
    """Whether the regions share a store: it stands there also where its reference leads to nothing here."""


def read(loaded: Loaded) -> Source:
    """What stands on disk; references stay references, so that no secret is in it."""
    path = loaded.base / PurePath(loaded.source).name
    data = path.read_bytes()
    root, _ = parse(data)
    found: dict[str, bool] = {}
    files: set[str] = set()
    for text in _texts(root):
        for body in _REFERENCE.findall(text):
            if body.startswith("file:"):
                files.add(body.removeprefix("file:"))
            elif body:
                name, dash, _ = body.partition(":-")
                found[name] = bool(dash) and found.get(name, True)
    variables = tuple((name, spare) for name, spare in sorted(found.items()) if name not in OURS)
    scripts = tuple((name, (loaded.base / name).read_text()) for name in _scripts(loaded))
    return Source(path.name, data.decode(), scripts, variables, tuple(sorted(files)), _shared(root))


def regions(config: Config) -> tuple[str, ...]:
    """Where probers run; one place where the configuration names none."""
    return config.regions or ("default",)


def needs_browser(config: Config) -> bool:
    """Whether a Chromium is started."""
    return any(check.kind in BROWSERS for check in config.checks) and config.browser.connect is None


def plain(name: str) -> str:
    """``name`` as a DNS label."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "x"


def _shared(root: Mapping) -> bool:
    _, store = root.entries.get("store", (0, None))
    return isinstance(store, Mapping) and "url" in store.entries


def _texts(root: Node) -> list[str]:
    waiting, texts = [root], []
    while waiting:
        node = waiting.pop()
        if isinstance(node, Scalar):
            texts.append(node.text)
        elif isinstance(node, Mapping):
            waiting += [value for _, value in node.entries.values()]
        else:
            waiting += node.items
    return texts


def _scripts(loaded: Loaded) -> list[str]:
    """Scripts import what stands beside them, so that their whole folders go along."""
    folders: set[Path] = set()
    for check in loaded.config.checks:
        named = getattr(check, "journey", None) or getattr(check, "file", None)
        if named and not PurePath(named).is_absolute():
            folders.add((loaded.base / named.partition("::")[0]).parent)
    found = {script for folder in folders for script in folder.glob("*.py")}
    return sorted(script.relative_to(loaded.base).as_posix() for script in found)
