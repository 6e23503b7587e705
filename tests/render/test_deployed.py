"""``deploy/`` holds what ``prober render`` writes for the shipped ``probes.yaml``."""

import subprocess
import sys
from pathlib import Path

import pytest

from prober.config import load
from prober.render import TARGETS, rendered

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("target", TARGETS)
def test_what_is_deployed_is_what_would_be_rendered(target: str) -> None:
    loaded = load(ROOT / "probes.yaml", {}, lenient=True)
    folder = ROOT / "deploy" / target
    there = {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()}
    assert there == rendered(target, loaded), "deploy/ is stale: run make docs, or python scripts/deploy.py"


def test_the_script_that_writes_it_says_whether_it_is_current() -> None:
    done = subprocess.run([sys.executable, "scripts/deploy.py", "--check"], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
