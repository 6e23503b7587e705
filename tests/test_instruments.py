"""Every bench works: it starts what it needs, ends well and says its line. What it measures is not judged here."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

BENCH = Path(__file__).resolve().parent.parent / "bench"
KEYS = {"bench", "ours", "peer", "ratio", "limit", "bar", "holds"}

pytestmark = pytest.mark.timeout(240)


def said(name: str) -> dict[str, Any]:
    command = [sys.executable, str(BENCH / f"{name}.py"), "--quick"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stdout + done.stderr
    line: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return line


def check_said(name: str) -> None:
    line = said(name)
    assert line.keys() >= KEYS
    assert line["bench"] == name
    assert line["holds"] is None, "a quick run judges nothing"
    assert line["ours"]


@pytest.mark.parametrize("name", ["start", "memory"])
def test_a_bench_says_its_line(name: str) -> None:
    check_said(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["truth", "scrape", "scale", "cores"])
def test_a_longer_bench_says_its_line(name: str) -> None:
    check_said(name)


def test_the_table_takes_the_place_of_the_one_before_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(BENCH))
    sys.modules.pop("all", None)
    module = __import__("all")
    page = tmp_path / "performance.md"
    page.write_text(f"# before\n{module.BEGIN}\nstale\n{module.END}\nafter\n")
    figures = {"ours": {"a_s": 1.0, "b": 2.0}, "peer": {"a_s": 4.0}, "ratio": {"a_s": 0.25}, "limit": {"a_s": 0.5}}
    module.write(page, [{"bench": "one", "holds": False, "against": "them", **figures}], 0.25)
    text = page.read_text()
    assert text.startswith("# before\n")
    assert text.endswith("\nafter\n")
    assert "stale" not in text
    assert "load average 0.2" in text
    assert "| one | a_s | 1 | 4 | 0.25 | 0.5 | **no** |" in text
    assert "| one | b | 2 |  |  |  |  |" in text
