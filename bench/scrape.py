"""What a scrape of 10,000 checks takes, and what it does to the probes that run meanwhile."""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
import zlib
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path

import psutil
from loopback import config, fetch, serving, target, until
from serving import Run, read
from verdicts import Figure, conclude, quantile, quick_wanted

WHOLE_S, RSS_MB, ERROR_MS = 0.6, 250.0, 2.0
CHECKS, QUICK_CHECKS = 10_000, 1_000
SCRAPES, PAUSE_S = 10, 2.0
GZIP_LEVEL_1 = 4  # the byte in gzip's head that tells of the fastest level


@dataclass(frozen=True, slots=True)
class Scrape:
    """One answer of ``/metrics``; when it was asked for and when it was whole are wall times."""

    asked: float
    ended: float
    first_s: float
    body: bytes
    streamed: bool
    fastest: bool

    @property
    def whole_s(self) -> float:
        return self.ended - self.asked


def scrape(port: int, encoding: str) -> Scrape:
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    asked = time.time()
    connection.request("GET", "/metrics", headers={"Accept-Encoding": encoding})
    answer = connection.getresponse()
    head = answer.read(64 * 1024)
    first_s = time.time() - asked
    body = head + answer.read()
    ended = time.time()
    connection.close()
    streamed = answer.getheader("Transfer-Encoding") == "chunked"
    packed = answer.getheader("Content-Encoding") == "gzip"
    fastest = packed and body[8] == GZIP_LEVEL_1
    return Scrape(asked, ended, first_s, zlib.decompress(body, 31) if packed else body, streamed, fastest)


def errors_ms(runs: list[Run], scrapes: list[Scrape], *, within: bool) -> list[float]:
    """How late first bytes were reported, of the runs within the scrapes, or outside of them."""
    begin, end = scrapes[0].asked, scrapes[-1].ended
    return [
        run.error_s * 1000
        for run in runs
        if begin <= run.at <= end
        and run.error_s == run.error_s
        and any(one.asked <= run.at <= one.ended for one in scrapes) == within
    ]


def measured(checks: int, pause_s: float) -> tuple[list[Scrape], list[Scrape], float, list[Run]]:
    with target() as shop, tempfile.TemporaryDirectory() as home:
        place = Path(home)
        urls = [shop.url(1)] * checks
        with serving(place, config(place, urls, "10s")) as (process, port, record):
            # Asking the target first: looking through tens of megabytes every second would be what is measured.
            until(lambda: shop.count() >= checks, "as many probes were made as there are checks", 120, 0.5)
            until(lambda: fetch(port, "/metrics").count(b"\nprobe_success{") == checks, "every check has run", 120, 5.0)
            packed, plain = [], []
            for _ in range(SCRAPES):
                time.sleep(pause_s)
                packed.append(scrape(port, "gzip"))
            for _ in range(3):
                plain.append(scrape(port, "identity"))
            rss_mb = psutil.Process(process.pid).memory_info().rss / 1e6
        return packed, plain, rss_mb, read(record)


def main() -> int:
    quick = quick_wanted(__doc__)
    packed, plain, rss_mb, runs = measured(QUICK_CHECKS if quick else CHECKS, 0.2 if quick else PAUSE_S)
    last = packed[-1]
    assert last.streamed, "the answer has a length, so it was not streamed"
    assert last.fastest, "the answer is not packed at gzip's level 1"
    within, outside = (errors_ms(runs, packed, within=within) for within in (True, False))
    figures = [
        Figure("whole_gzip_s", statistics.median(one.whole_s for one in packed), WHOLE_S),
        Figure("whole_plain_s", statistics.median(one.whole_s for one in plain)),
        Figure("first_bytes_s", statistics.median(one.first_s for one in packed)),
        Figure("megabytes", len(last.body) / 1e6),
        Figure("samples", sum(not line.startswith(b"#") for line in last.body.splitlines())),
        Figure("rss_mb", rss_mb, RSS_MB),
        Figure("error_p50_scraped_ms", quantile(within, 0.5), None, quantile(outside, 0.5)),
        Figure("error_p99_scraped_ms", quantile(within, 0.99), ERROR_MS, quantile(outside, 0.99)),
    ]
    return conclude("scrape", "not scraped", figures, quick=quick)


if __name__ == "__main__":
    sys.exit(main())
