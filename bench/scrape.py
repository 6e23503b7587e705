"""What a scrape of 10,000 checks takes, and what it does to the probes that run meanwhile."""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
import zlib
from dataclasses import dataclass
from functools import cached_property
from http.client import HTTPConnection
from pathlib import Path

import psutil
from loopback import config, fetch, serving, target, until
from serving import Run, read
from verdicts import Figure, conclude, quantile, quick_wanted

WHOLE_S, RSS_MB, ERROR_MS = 0.6, 250.0, 2.0
CHECKS, QUICK_CHECKS = 10_000, 1_000
INTERVAL_S, SCRAPES, PAUSE_S = 10.0, 10, 2.0
GZIP_LEVEL_1 = 4  # the byte in gzip's head that tells of the fastest level


@dataclass(frozen=True)
class Scrape:
    """One answer of ``/metrics``; when it was asked for and when it was whole are wall times."""

    asked: float
    ended: float
    first_s: float
    sent: bytes
    streamed: bool
    packed: bool

    @property
    def whole_s(self) -> float:
        return self.ended - self.asked

    @property
    def fastest(self) -> bool:
        """Whether it is packed at the level that takes the least time."""
        return self.packed and self.sent[8] == GZIP_LEVEL_1

    @cached_property
    def body(self) -> bytes:
        return zlib.decompress(self.sent, 31) if self.packed else self.sent


def scrape(port: int, encoding: str) -> Scrape:
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    asked = time.time()
    connection.request("GET", "/metrics", headers={"Accept-Encoding": encoding})
    answer = connection.getresponse()
    head = answer.read(64 * 1024)
    first_s = time.time() - asked
    sent = head + answer.read()
    ended = time.time()
    connection.close()
    streamed = answer.getheader("Transfer-Encoding") == "chunked"
    return Scrape(asked, ended, first_s, sent, streamed, answer.getheader("Content-Encoding") == "gzip")


def errors_ms(runs: list[Run], stretches: list[tuple[float, float]]) -> list[float]:
    """How wrong first bytes were reported, of the runs under way in one of the stretches."""
    told = (run for run in runs if run.told and any(run.overlaps(*stretch) for stretch in stretches))
    return [abs(run.error_s) * 1000 for run in told]


@dataclass(frozen=True)
class Seen:
    """What was measured; ``calm`` is a stretch before the first of the scrapes."""

    calm: tuple[float, float]
    packed: list[Scrape]
    plain: list[Scrape]
    rss_mb: float
    runs: list[Run]


def successes(port: int) -> int:
    return fetch(port, "/metrics").count(b"\nprobe_success{")


def measured(checks: int, interval_s: float, pause_s: float) -> Seen:
    with target() as shop, tempfile.TemporaryDirectory() as home:
        place = Path(home)
        urls = [shop.url(1)] * checks
        with serving(place, config(place, urls, f"{interval_s:g}s")) as (process, port, record):
            # Asking the target first: looking through tens of megabytes every second would be what is measured.
            until(lambda: shop.count() >= checks, "as many probes were made as there are checks", 120, 0.5)
            until(lambda: successes(port) == checks, "every check has run", 120, interval_s / 2)
            time.sleep(2 * pause_s)
            began = time.time()
            time.sleep(3 * pause_s)
            calm = began, time.time()
            packed, plain = [], []
            for _ in range(SCRAPES):
                packed.append(scrape(port, "gzip"))
                time.sleep(pause_s)
            for _ in range(3):
                plain.append(scrape(port, "identity"))
            rss_mb = psutil.Process(process.pid).memory_info().rss / 1e6
        return Seen(calm, packed, plain, rss_mb, read(record))


def main() -> int:
    quick = quick_wanted(__doc__)
    seen = measured(*((QUICK_CHECKS, INTERVAL_S, 0.2) if quick else (CHECKS, INTERVAL_S, PAUSE_S)))
    last = seen.packed[-1]
    assert last.streamed, "the answer has a length, so it was not streamed"
    assert last.fastest, "the answer is not packed at gzip's level 1"
    scraped = errors_ms(seen.runs, [(one.asked, one.ended) for one in seen.packed])
    calm = errors_ms(seen.runs, [seen.calm])
    figures = [
        Figure("whole_gzip_s", statistics.median(one.whole_s for one in seen.packed), WHOLE_S),
        Figure("whole_plain_s", statistics.median(one.whole_s for one in seen.plain)),
        Figure("first_bytes_s", statistics.median(one.first_s for one in seen.packed)),
        Figure("megabytes", len(last.body) / 1e6),
        Figure("samples", sum(not line.startswith(b"#") for line in last.body.splitlines())),
        Figure("rss_mb", seen.rss_mb, RSS_MB),
        Figure("error_p50_scraped_ms", quantile(scraped, 0.5), None, quantile(calm, 0.5)),
        Figure("error_p99_scraped_ms", quantile(scraped, 0.99), ERROR_MS, quantile(calm, 0.99)),
    ]
    return conclude("scrape", "not scraped", figures, quick=quick)


if __name__ == "__main__":
    sys.exit(main())
