"""Writes deploy/TARGET, what `prober render` makes of the shipped probes.yaml, for every target.

python scripts/deploy.py            writes it
python scripts/deploy.py --check    exits 1 when it is not what would be written
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from prober.config import load
from prober.render import TARGETS, rendered

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"


def main(arguments: list[str]) -> int:
    loaded = load(ROOT / "probes.yaml", {}, lenient=True)
    wanted = {DEPLOY / target / name: text for target in TARGETS for name, text in rendered(target, loaded).items()}
    if "--check" in arguments:
        there = {path: path.read_text(encoding="utf-8") for path in DEPLOY.rglob("*") if path.is_file()}
        if there == wanted:
            return 0
        print("deploy/ is not up to date: run python scripts/deploy.py", file=sys.stderr)
        return 1
    shutil.rmtree(DEPLOY, ignore_errors=True)
    for path, text in wanted.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
