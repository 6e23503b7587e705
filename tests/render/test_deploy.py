"""``deploy/`` holds what is written for the shipped probes.yaml."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_what_the_repository_ships_is_what_would_be_written() -> None:
    done = subprocess.run(
        [sys.executable, "scripts/deploy.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
