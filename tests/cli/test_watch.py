"""The overview on a terminal: what it says, that it fits, which keys it takes, and where it comes from."""

import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from fcntl import ioctl
from pathlib import Path

import pytest
from fakes.alerts import check, run
from fakes.commanding import Command, in_process
from fakes.process import prober as running
from fakes.receiver import Answer, receiver
from fakes.storing import until
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from prober.app.watch import answered
from prober.app.watch.board import ORDER, Board, Line, Trouble, board, together
from prober.app.watch.keys import first_key
from prober.app.watch.remote import moment
from prober.app.watch.screen import Asked, percent, screen, sparkline
from prober.model import Verdict

NOW = 1_700_000_000.0
DOWN = Line("shop", "down", "The shop", ("money",), NOW - 700, NOW - 4, 0.8, (0.1, None, 0.9), 0.98, "status 503")
BURNS = Trouble("pay", "burns_slowly", "warning", NOW - 90_000, "3.3 times as fast as allowed", "told to ops")
PAGED = Trouble("shop", "down", "critical", NOW - 700, "status 503", "told to ops", True)


def drawn(what: Board, width: int, height: int | None = 20, asked: Asked = Asked()) -> list[str]:  # noqa: B008
    console = Console(width=width, highlight=False, emoji=False, color_system=None, force_terminal=True)
    with console.capture() as captured:
        console.print(screen(what, asked, width, height))
    return captured.get().removesuffix("\n").split("\n")


def crowd(count: int = 40) -> Board:
    ups = [Line(f"check-{n:03}", "up", since=NOW - n, last_at=NOW - n, uptime=1.0) for n in range(count)]
    return board(
        "prober.db", NOW, [*ups, DOWN, replace(DOWN, check_id="slow", state="degraded")], [BURNS, PAGED], "30d"
    )


@pytest.fixture
def prober(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Iterator[Command]:
    monkeypatch.chdir(tmp_path)
    with in_process(monkeypatch, capsys) as command:
        yield command


# What it shows.


def test_incidents_come_first_then_checks_the_worst_before_the_others() -> None:
    lines = drawn(crowd(), 140)
    assert lines[0].startswith("prober.db   42 checks   ✖ 1 down   ◐ 1 degraded   ● 40 up")
    assert lines[2].startswith("! shop down for 11m40s  status 503  (told to ops)")
    assert lines[3].startswith("· pay burns slowly for 1d1h  3.3 times as fast as allowed")
    assert [line.split()[1:3] for line in lines[6:9]] == [["down", "shop"], ["degraded", "slow"], ["up", "check-000"]]
    assert lines[6].split()[3:9] == ["11m", "4s", "ago", "800.0", "ms", "▁"]
    assert lines[6].rstrip().endswith("98.00 % status 503")
    assert lines[-1].startswith("q quit   / filter")


@given(
    st.integers(80, 220),
    st.integers(6, 60),
    st.text(max_size=120),
    st.sampled_from(ORDER),
    st.lists(st.one_of(st.none(), st.floats(0, 1e6)), max_size=20),
)
def test_it_fits_every_terminal_whatever_is_shown(
    width: int, height: int, text: str, state: str, spark: list[float | None]
) -> None:
    odd = Line(text, state, text, (), NOW - 1e7, NOW - 1e6, 12_345.6, tuple(spark), 0.123, text)
    wide = board(text, NOW, [odd, DOWN, *crowd(50).lines], [replace(PAGED, check_id=text, message=text)] * 9, "30d")
    lines = drawn(replace(wide, fault=text), width, height)
    assert len(lines) <= max(height, 9)
    assert all(_cells(line) <= width for line in lines)


def _cells(line: str) -> int:
    from rich.cells import cell_len

    return cell_len(line)


def test_what_is_asked_for_by_words_is_all_that_is_shown() -> None:
    shown = drawn(crowd(), 100, 20, Asked("money down"))
    assert "1 of 42 checks" in shown[0]
    assert sum("✖ down" in line for line in shown[1:]) == 1
    assert "filter: money down" in shown[-1]
    assert drawn(crowd(), 100, 20, Asked("mon", typing=True))[-1].startswith("/mon")


def test_keys_scroll_filter_and_quit() -> None:
    asked = Asked()
    for key in ["/", "a", "x", "backspace", "b"]:
        asked = answered(asked, key, 20) or asked
    assert asked == Asked("ab", typing=True)
    assert answered(asked, "q", 20) == Asked("abq", typing=True), "it is a letter while one types"
    assert answered(asked, "enter", 20) == Asked("ab")
    assert answered(Asked("ab"), "esc", 20) == Asked()
    assert answered(Asked(first=5), "pagedown", 20) == Asked(first=15)
    assert answered(Asked(first=1), "pageup", 20) == Asked(first=0)
    assert answered(Asked(), "q", 20) is None
    assert [first_key(text) for text in ("\x1b[B", "\x1b", "qx", "ß")] == [
        ("down", ""),
        ("esc", ""),
        ("q", "x"),
        ("ß", ""),
    ]


def test_figures_are_told_as_people_read_them() -> None:
    assert [percent(share) for share in (None, 1.0, 0.999999, 0.5)] == ["–", "100 %", "99.99 %", "50.00 %"]
    assert sparkline([0.0, None, 1.0, 0.5], 3) == " █▅"
    assert sparkline([None, 0.0], 3) == ""
    assert [together(s) for s in (["up", "down"], ["down"], ["up", "degraded"], [])] == [
        "partial",
        "down",
        "degraded",
        "unknown",
    ]
    assert moment("2023-11-14T22:13:20.000Z") == NOW
    assert moment(None) is None
    assert moment("soon") is None


# Where it comes from.

SERVED = """
defaults: {{interval: 1s, timeout: 1s, alert: {{down_after: 1, up_after: 1}}}}
checks:
  - {{id: shop, kind: http, url: "{url}/shop", tags: [money]}}
  - {{id: api, kind: http, url: "{url}/api"}}
"""


@contextmanager
def served(place: Path) -> Iterator[str]:
    """A prober of which one check is down; its address."""
    with receiver() as service:
        service.always = Answer(200)
        config = place / "probes.yaml"
        config.write_text(SERVED.format(url=service.url).replace(f"{service.url}/shop", "http://127.0.0.1:9/"))
        with running("serve", "--config", config, "--listen", "127.0.0.1:0") as process:
            yield process.wait_for(r'"url": "(http://[^"]+)".*"event": "serving"')[1]


def test_without_a_terminal_it_is_printed_once_of_the_store_beside_and_of_a_prober_elsewhere(
    prober: Command, tmp_path: Path
) -> None:
    with served(tmp_path) as url:
        for asked in ((), ("--url", url)):
            until(lambda: "✖ 1 down" in prober("watch", *asked).out, 30)  # noqa: B023
            shown = prober("watch", *asked)
            assert shown.code == 0
            assert re.search(r"^! shop down for \S+  127.0.0.1:9: connection refused", shown.out, re.MULTILINE), (
                shown.out
            )
            assert re.search(r"^✖ down +shop .* (ago|now)", shown.out, re.MULTILINE)
            assert re.search(r"^● up +api .* ms", shown.out, re.MULTILINE)
            assert "\x1b" not in shown.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--url", "http://127.0.0.1:9"], "does not answer"),
        (["--url", "nowhere at all"], "expected an address such as https://status.example"),
        ([], "no configuration"),
    ],
)
def test_what_cannot_be_watched_is_one_line(prober: Command, arguments: list[str], said: str) -> None:
    done = prober("watch", *arguments)
    assert done.code == 2
    assert said in done.err
    assert len(done.err.splitlines()) == 1


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Answer(401, b"{}"), "answered 401: give a token by --token or PROBER_TOKEN"),
        (Answer(404, b"{}"), "is that the address of a prober?"),
        (Answer(200, b"<html>"), "answered no JSON"),
        (Answer(500, b"{}"), "answered 500"),
    ],
)
def test_an_answer_that_is_none_says_what_to_do(prober: Command, answer: Answer, said: str) -> None:
    with receiver() as service:
        service.always = answer
        done = prober("watch", "--url", service.url)
    assert (done.code, said in done.err) == (2, True), done.err


def test_on_a_terminal_it_lives_until_somebody_quits_and_leaves_the_terminal_as_it_was(tmp_path: Path) -> None:
    from prober.store import Batch, Store

    (tmp_path / "probes.yaml").write_text(SERVED.format(url="http://127.0.0.1:9"))
    with closing(Store(tmp_path / "prober.db")) as store:
        now = time.time()
        results = tuple(run(check("api"), Verdict.UP, n, at=now - 60 * n) for n in range(5))
        state = {"check_id": "api", "region": "local", "verdict": "up", "last_at": now, "since": now, "stale_s": 60.0}
        store.commit(Batch("local", "1", results, (state,)))
    parent, child = pty.openpty()
    ioctl(child, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
    before = termios.tcgetattr(child)
    environ = {**os.environ, "TERM": "xterm-256color"}
    command = [sys.executable, "-m", "prober", "watch", "--every", "0.5"]
    with subprocess.Popen(command, stdin=child, stdout=child, stderr=child, cwd=tmp_path, env=environ) as process:
        try:
            screen_ = _read(parent, "check", "api")
            assert "\x1b[?1049h" in screen_, "on a screen of its own"
            os.write(parent, b"/ap\r")
            _read(parent, "filter: ap", "1 of 2")
            os.write(parent, b"q")
            rest = _read(parent, "\x1b[?1049l")
            assert process.wait(20) == 0
        finally:
            process.send_signal(signal.SIGKILL)
    assert "\x1b[?25h" in rest, "the cursor is shown again"
    assert termios.tcgetattr(child) == before
    os.close(parent)
    os.close(child)


def _read(terminal: int, *wanted: str) -> str:
    """What comes until all of ``wanted`` was there."""
    found, end = "", time.monotonic() + 30
    while not all(text in found for text in wanted):
        ready, _, _ = select.select([terminal], [], [], max(0.0, end - time.monotonic()))
        assert ready, f"no {wanted} in {found!r}"
        found += os.read(terminal, 65_536).decode("utf-8", "replace")
    return found
