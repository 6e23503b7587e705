"""The log: what a line says for machines and for people, and what it never shows."""

import io
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from prober.app.logs import LogFiles, configure_logs
from prober.log import Log
from prober.secret import Redactor


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    configure_logs(Redactor(), stream=io.StringIO())  # closes files
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


def test_a_line_by_the_elastic_common_schema_has_the_run_as_its_request_id() -> None:
    out = io.StringIO()
    configure_logs(Redactor(["hunter2"]), "ecs", "info", out)
    Log("prober.x", run="r1").error("it broke", check="shop", said="hunter2", exc_info=ValueError("none left"))
    said = json.loads(out.getvalue())
    assert list(said)[:3] == ["@timestamp", "log.level", "message"]
    assert said.pop("@timestamp").endswith("Z")
    assert said.pop("error.stack_trace").endswith("ValueError: none left")
    assert said == {
        "log.level": "error",
        "message": "it broke",
        "ecs.version": "8.17.0",
        "event.dataset": "prober.log",
        "service.name": "prober",
        "log.logger": "prober.x",
        "error.type": "ValueError",
        "requestId": "r1",
        "prober": {"run": "r1", "check": "shop", "said": "***"},
    }


def test_files_have_every_line_and_the_errors_without_secrets(tmp_path: Path) -> None:
    out = io.StringIO()
    configure_logs(Redactor(["hunter2"]), "console", "info", out, LogFiles(tmp_path / "logs", 1 << 20, 3))
    Log().info("steady", said="hunter2")
    Log("x", run="r1").error("it broke")
    combined, errors = (read_lines(tmp_path / "logs" / name) for name in ("combined.log", "error.log"))
    assert [(line["event"], line["level"]) for line in combined] == [("steady", "info"), ("it broke", "error")]
    assert combined[0]["said"] == "***"
    assert errors == combined[1:]
    assert errors[0]["run"] == "r1"
    assert "hunter2" not in out.getvalue()


def test_files_are_rotated_and_the_oldest_goes(tmp_path: Path) -> None:
    configure_logs(Redactor(), "ecs", "info", io.StringIO(), LogFiles(tmp_path, 4096, 2))
    for number in range(100):
        Log().info("steady", number=number)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["combined.log", "combined.log.1", "combined.log.2"]
    kept = [tmp_path / name for name in ("combined.log.2", "combined.log.1", "combined.log")]
    numbers = [line["prober"]["number"] for file in kept for line in read_lines(file)]
    assert numbers == list(range(100 - len(numbers), 100))


def test_a_directory_that_cannot_be_written_to_costs_its_lines_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("no directory")
    out = io.StringIO()
    configure_logs(Redactor(), "json", "info", out, LogFiles(tmp_path / "logs", 4096, 2))
    Log().error("it broke")
    assert json.loads(out.getvalue())["event"] == "it broke"


def test_a_reload_closes_the_files_it_no_longer_writes(tmp_path: Path) -> None:
    configure_logs(Redactor(), "json", "info", io.StringIO(), LogFiles(tmp_path, 4096, 2))
    Log().info("steady")
    configure_logs(Redactor(), "json", "info", io.StringIO())
    Log().info("steady")
    assert len(read_lines(tmp_path / "combined.log")) == 1
    open_files = [str(link.readlink()) for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
    assert str(tmp_path / "combined.log") not in open_files


def read_lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]
