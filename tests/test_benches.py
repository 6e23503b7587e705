"""The benches that prove what is promised, in their short forms: they end well and say so in one line."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]

pytestmark = pytest.mark.timeout(300)


def quick(bench: str) -> dict[str, Any]:
    ended = subprocess.run(
        [sys.executable, ROOT / "bench" / f"{bench}.py", "--quick"], capture_output=True, text=True, timeout=280
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    found: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    assert (found["bench"], found["holds"]) == (bench, True)
    return found


def test_five_kills_lose_nothing_and_double_nothing() -> None:
    found = quick("chaos")
    assert (found["kills"], found["lost"], found["doubled"], found["wrong_order"]) == (5, 0, 0, 0)


@pytest.mark.slow
def test_outages_are_told_within_the_bound_that_is_promised() -> None:
    by_run_time = quick("detection")["by_run_time_s"]
    assert len(by_run_time) == 3
    assert all(found["worst_s"] <= found["bound_s"] for found in by_run_time.values())
