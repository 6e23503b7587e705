"""Writes deploy/: what every target of ``prober render`` makes of the shipped probes.yaml.

python scripts/deploy.py            writes it
python scripts/deploy.py --check    exits 1 when something in it is not what would be written
"""

from __future__ import annotations

import sys
from pathlib import Path

from prober.config import load
from prober.render import TARGETS, rendered

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"


def main(arguments: list[str]) -> int:
    wanted = {DEPLOY / target / name: text for target in TARGETS for name, text in files(target).items()}
    there = {path for target in TARGETS for path in (DEPLOY / target).rglob("*") if path.is_file()}
    if "--check" in arguments:
        return told(stale(wanted, there))
    for path in there - wanted.keys():
        path.unlink()
    for path, text in wanted.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return 0


def files(target: str) -> dict[str, str]:
    """What ``target`` makes of the shipped file, whatever this machine's environment holds."""
    return rendered(target, load(ROOT / "probes.yaml", {}, lenient=True))


def stale(wanted: dict[Path, str], there: set[Path]) -> list[Path]:
    """What is missing, different, or should not be there."""
    different = {path for path, text in wanted.items() if path not in there or path.read_text("utf-8") != text}
    return sorted(different | (there - wanted.keys()))


def told(paths: list[Path]) -> int:
    for path in paths:
        print(f"{path.relative_to(ROOT)} is not up to date: run make deploy", file=sys.stderr)
    return 1 if paths else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
