"""What a one-shot run leaves for Prometheus: a file for node_exporter's textfile collector, groups on a Pushgateway."""

from __future__ import annotations

import os
from base64 import urlsafe_b64encode
from collections.abc import Iterable, Sequence
from pathlib import Path
from urllib.parse import quote, urlsplit

from prober.faults import UserFault, describe
from prober.model import Result, Verdict
from prober.sinks.prometheus import Exposition
from prober.sinks.prometheus.families import LAG

TIMEOUT_S = 10.0
CONNECT_TRIES = 3


def exposition_of(job: str, region: str, results: Iterable[Result]) -> Exposition:
    """The exposition of a prober that ran each check once, and so decided on its state by that alone."""
    exposition = Exposition(job, region)
    for result in results:
        exposition.add(result.check)
        exposition.offer(result)
        exposition.set_state(result.check.id, result.verdict, int(result.verdict is Verdict.DOWN))
    return exposition


def require_textfile(path: Path) -> None:
    """Raise UserFault where ``path`` could not be written, or would not be read."""
    if path.suffix != ".prom":
        raise UserFault(f"{path}: node_exporter reads files that end in .prom only")
    if not path.parent.is_dir():
        raise UserFault(f"{path}: its directory does not exist")
    if path.is_dir() or not os.access(path.parent, os.W_OK):
        raise UserFault(f"{path}: cannot be written")


def write_textfile(path: Path, exposition: Exposition) -> None:
    """Put it in the place of what is there at once, so that nobody reads half of it. Raises UserFault."""
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        aside.write_bytes(_text(exposition))
        aside.replace(path)
    except OSError as error:
        aside.unlink(missing_ok=True)
        raise UserFault(f"{path}: cannot be written: {error.strerror}") from None


def require_pushgateway(url: str) -> None:
    """Raise UserFault where ``url`` is none."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UserFault(f"--pushgateway {url}: expected a URL such as http://pushgateway:9091")


def push(url: str, job: str, region: str, results: Sequence[Result]) -> None:
    """Put each check's group in the place of the one before: other checks' stay. Raises UserFault."""
    import httpx

    with httpx.Client(timeout=TIMEOUT_S, transport=httpx.HTTPTransport(retries=CONNECT_TRIES - 1)) as client:
        for result in results:
            group = {"job": job, "check": result.check.id, "region": region}
            place = f"{url.rstrip('/')}/metrics{''.join(_segment(*one) for one in group.items())}"
            text = _text(exposition_of(job, region, [result]))
            try:
                answer = client.put(place, content=text, headers={"Content-Type": "text/plain; version=0.0.4"})
            except httpx.HTTPError as error:
                raise UserFault(f"the Pushgateway takes nothing: {describe(error)}") from None
            if not answer.is_success:
                said = " ".join(answer.text.split())[:200]
                raise UserFault(f"the Pushgateway answered {answer.status_code}: {said}")


def _segment(name: str, value: str) -> str:
    if not value or "/" in value:  # which no path can hold otherwise
        return f"/{name}@base64/{urlsafe_b64encode(value.encode()).decode() or '='}"
    return f"/{name}/{quote(value, safe='')}"


def _text(exposition: Exposition) -> bytes:
    """All but the lag of slots, of which there were none."""
    ours = f"# HELP {LAG.name} ".encode()
    return b"".join(piece for piece in exposition.render() if not piece.startswith(ours))
