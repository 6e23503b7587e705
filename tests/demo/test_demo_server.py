"""Starting and stopping the shop."""

import signal
import socket
import subprocess
import sys

import httpx
import pytest

from prober.demo.server import running, serve


def test_every_shop_has_a_state_of_its_own() -> None:
    with running() as one, running() as other:
        httpx.post(f"{one}/dials", json={"sold_out": True})
        assert httpx.get(f"{other}/dials").json()["sold_out"] is False


def test_a_shop_that_is_stopped_listens_no_more() -> None:
    with running() as url:
        assert httpx.get(f"{url}/health").status_code == 200
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{url}/health")


def test_a_shop_stops_at_once_while_a_request_is_still_waiting() -> None:
    with running() as url:
        httpx.post(f"{url}/dials", json={"latency_s": {"/": 3600}})
        with socket.create_connection(("127.0.0.1", httpx.URL(url).port or 0)) as waiting:
            waiting.sendall(b"GET / HTTP/1.1\r\nHost: shop\r\n\r\n")


def test_a_taken_address_is_an_error_and_no_traceback_of_the_server() -> None:
    with running() as url, pytest.raises(OSError, match="in use"):
        serve("127.0.0.1", httpx.URL(url).port or 0)


@pytest.mark.parametrize(("sign", "code"), [(signal.SIGINT, 0), (signal.SIGTERM, -signal.SIGTERM)])
def test_the_shop_prints_its_address_once_and_ends_on_a_signal(sign: signal.Signals, code: int) -> None:
    script = "from prober.demo.server import serve; serve('127.0.0.1', 0)"
    with subprocess.Popen([sys.executable, "-u", "-c", script], stdout=subprocess.PIPE, text=True) as shop:
        assert shop.stdout
        line = shop.stdout.readline()
        assert httpx.get(line.rsplit(" ", 1)[-1].strip()).status_code == 200
        shop.send_signal(sign)
        assert shop.stdout.read() == ""
        assert shop.wait(10) == code
