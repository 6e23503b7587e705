"""Targets and peers on loopback, each a process of its own: nginx, blackbox_exporter, and a paced load in C."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

NEEDED = {
    "nginx": "apt-get install nginx-light",
    "prometheus-blackbox-exporter": "apt-get install prometheus-blackbox-exporter",
    "wrk": "apt-get install wrk",
    "openssl": "apt-get install openssl",
}
CONNECTIONS = 64  # of the load; so many probes of the peer can be under way at once

_NGINX = """
daemon off; worker_processes 1; pid {base}/nginx.pid; error_log stderr error;
events {{ worker_connections 8192; }}
http {{
  access_log off; client_body_temp_path {base}/c; proxy_temp_path {base}/p;
  fastcgi_temp_path {base}/f; uwsgi_temp_path {base}/u; scgi_temp_path {base}/s;
  server {{ listen 127.0.0.1:{http} backlog=4096; location / {{ return 200 "ok\\n"; }} }}
  server {{ listen 127.0.0.1:{https} ssl backlog=4096;
    ssl_certificate {base}/cert.pem; ssl_certificate_key {base}/key.pem;
    ssl_session_cache off; ssl_session_tickets off; location / {{ return 200 "ok\\n"; }} }}
  server {{ listen 127.0.0.1:{status}; location / {{ stub_status; }} }}
}}
"""
_BLACKBOX = """
modules:
  http: {{prober: http, timeout: 1s, http: {{preferred_ip_protocol: ip4}}}}
  https: {{prober: http, timeout: 1s, http: {{preferred_ip_protocol: ip4, tls_config: {{ca_file: {base}/cert.pem}}}}}}
  tcp: {{prober: tcp, timeout: 1s, tcp: {{preferred_ip_protocol: ip4}}}}
"""
# wrk calls delay() before each request, in milliseconds: the pace is one list of due times over all connections.
_PACE = """
local ffi = require("ffi")
ffi.cdef[[ typedef struct {{ long s; long ns; }} moment; int clock_gettime(int, moment *); ]]
local moment, due = ffi.new("moment"), nil
function delay()
  ffi.C.clock_gettime(1, moment)
  local now = tonumber(moment.s) * 1000 + tonumber(moment.ns) / 1000000
  due = due or now
  local wait = due - now
  due = due + {period_ms}
  return wait > 0 and math.floor(wait) or 0
end
"""


@dataclass(frozen=True)
class Targets:
    """One nginx: where it answers, whom to trust, and how many connections it took."""

    http: int
    https: int
    status: int
    base: Path

    def address(self, kind: str) -> str:
        """What a probe of ``kind`` is pointed at."""
        return f"127.0.0.1:{self.http}" if kind == "tcp" else f"{kind}://127.0.0.1:{getattr(self, kind)}/"

    def accepted(self) -> int:
        """Connections taken so far; asking takes another one."""
        return int(get(f"http://127.0.0.1:{self.status}/").split()[7])


def missing() -> list[str]:
    """How to get what is not installed."""
    return [f"{name}: {how}" for name, how in NEEDED.items() if shutil.which(name) is None]


def get(url: str) -> str:
    """The body of ``url``, whatever proxies the environment names."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=5) as answer:
        return str(answer.read().decode())


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]


@contextmanager
def started(*command: object) -> Iterator[subprocess.Popen[bytes]]:
    """A quiet process, ended with the block."""
    process = subprocess.Popen([*map(str, command)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(20)


def until_answered(url: str, within_s: float = 60.0) -> str:
    """The first answer of ``url``."""
    end = time.monotonic() + within_s
    while True:
        try:
            return get(url)
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)


@contextmanager
def nginx(base: Path) -> Iterator[Targets]:
    """Plain HTTP, HTTPS with a certificate of its own, and its count of connections."""
    http, https, status = free_ports(3)
    subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "90"]
    key = ["-newkey", "rsa:2048", "-nodes", "-keyout", base / "key.pem", "-out", base / "cert.pem"]
    subprocess.run(["openssl", "req", "-x509", *key, *subject], check=True, capture_output=True)
    config = base / "nginx.conf"
    config.write_text(_NGINX.format(base=base, http=http, https=https, status=status))
    with started("nginx", "-p", base, "-c", config):
        until_answered(f"http://127.0.0.1:{status}/")
        yield Targets(http, https, status, base)


@contextmanager
def blackbox(base: Path) -> Iterator[tuple[int, int]]:
    """blackbox_exporter; yields its pid and port."""
    (port,) = free_ports(1)
    config = base / "blackbox.yml"
    config.write_text(_BLACKBOX.format(base=base))
    listen = f"--web.listen-address=127.0.0.1:{port}"
    with started("prometheus-blackbox-exporter", f"--config.file={config}", listen, "--log.level=error") as process:
        until_answered(f"http://127.0.0.1:{port}/-/healthy")
        yield process.pid, port


@contextmanager
def paced(base: Path, url: str, per_second: int, for_s: float) -> Iterator[None]:
    """Ask for ``url`` at that rate; the cost of asking is nobody's."""
    script = base / "pace.lua"
    script.write_text(_PACE.format(period_ms=1000 / per_second))
    with started("wrk", "-t1", f"-c{CONNECTIONS}", f"-d{for_s:.0f}s", "-s", script, url):
        yield
