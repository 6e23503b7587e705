"""What of others the benches start on loopback, each a process of its own: nginx, blackbox_exporter, a load in C."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from loopback import fetch, free_ports, started, tool, until

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
        return int(fetch(self.status, "/").split()[7])


@contextmanager
def nginx(base: Path) -> Iterator[Targets]:
    """Plain HTTP, HTTPS with a certificate of its own, and its count of connections."""
    http, https, status = free_ports(3)
    subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "90"]
    key = ["-newkey", "rsa:2048", "-nodes", "-keyout", base / "key.pem", "-out", base / "cert.pem"]
    subprocess.run([tool("openssl", "openssl"), "req", "-x509", *key, *subject], check=True, capture_output=True)
    config = base / "nginx.conf"
    config.write_text(_NGINX.format(base=base, http=http, https=https, status=status))
    with started(tool("nginx", "nginx-light"), "-p", base, "-c", config, cwd=base, log="nginx.log"):
        until(lambda: fetch(status, "/"), "nginx answers")
        yield Targets(http, https, status, base)


@contextmanager
def blackbox(base: Path) -> Iterator[tuple[int, int]]:
    """blackbox_exporter; yields its pid and port. It trusts whom nginx in ``base`` is trusted by."""
    (port,) = free_ports(1)
    config = base / "blackbox.yml"
    config.write_text(_BLACKBOX.format(base=base))
    program = tool("prometheus-blackbox-exporter", "prometheus-blackbox-exporter")
    options = (f"--config.file={config}", f"--web.listen-address=127.0.0.1:{port}", "--log.level=error")
    with started(program, *options, cwd=base, log="blackbox.log") as process:
        until(lambda: fetch(port, "/-/healthy"), "blackbox_exporter answers")
        yield process.pid, port


@contextmanager
def paced(base: Path, url: str, per_second: int, for_s: float) -> Iterator[None]:
    """Ask for ``url`` at that rate; the cost of asking is nobody's."""
    script = base / "pace.lua"
    script.write_text(_PACE.format(period_ms=1000 / per_second))
    with _asking(base, CONNECTIONS, for_s, "-s", script, url):
        yield


@contextmanager
def unpaced(base: Path, url: str, connections: int, for_s: float) -> Iterator[None]:
    """Ask for ``url`` again as soon as there is an answer, over so many connections."""
    with _asking(base, connections, for_s, url):
        yield


@contextmanager
def _asking(base: Path, connections: int, for_s: float, *more: str | Path) -> Iterator[None]:
    command = (tool("wrk", "wrk"), "-t1", f"-c{connections}", f"-d{for_s:.0f}s", *more)
    with started(*command, cwd=base, log="wrk.log"):
        yield
