"""The log: what a line says for machines and for people, and what it never shows."""

import io
import json
import logging
from collections.abc import Iterator

import pytest

from prober.app.logs import configure_logs
from prober.log import Log
from prober.secret import Redactor


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def test_a_line_for_machines_has_its_event_level_time_and_fields() -> None:
    out = io.StringIO()
    configure_logs(Redactor(), "json", "info", out)
    Log("a", run="r1").bind(check="shop").warning("100% late", late_s=2.5)
    said = json.loads(out.getvalue())
    assert said.pop("time").endswith("Z")
    assert said == {"run": "r1", "check": "shop", "late_s": 2.5, "event": "100% late", "level": "warning"}


def test_a_line_for_people_ends_in_its_fields_and_the_traceback() -> None:
    out = io.StringIO()
    configure_logs(Redactor(), "console", "info", out)
    Log().error("it broke", name="shop", exc_info=ZeroDivisionError("none left"))
    first, *_, last = out.getvalue().splitlines()
    assert first.split()[1:] == ["error", "it", "broke", "name=shop"]
    assert last == "ZeroDivisionError: none left"


def test_what_is_below_the_level_is_not_written() -> None:
    out = io.StringIO()
    configure_logs(Redactor(), "json", "warning", out)
    Log().info("steady")
    assert out.getvalue() == ""


def test_secrets_and_control_characters_are_taken_out_of_every_part() -> None:
    out = io.StringIO()
    configure_logs(Redactor(["hunter2"]), "console", "info", out)
    Log().info("saw hunter2", said="a\x1b[2Jb\nhunter2", exc_info=ValueError("hunter2"))
    logging.getLogger("a.library").warning("with %s", "hunter2")
    assert "hunter2" not in out.getvalue()
    assert "\x1b" not in out.getvalue()
