"""Draws docs/run.svg: the end of a real `prober run` against a shop that is running on 127.0.0.1:8000."""

import io
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).resolve().parent.parent
WIDTH = 128


def main() -> None:
    environ = {**os.environ, "FORCE_COLOR": "1", "COLUMNS": str(WIDTH)}
    with tempfile.TemporaryDirectory() as artifacts:
        command = [sys.executable, "-m", "prober", "run", "--artifacts", artifacts]
        done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=True)
    # The table is the last thing printed; what came before it was the progress.
    table = done.stdout[done.stdout.rindex("\x1b[2mcheck") :] if "\x1b[2mcheck" in done.stdout else done.stdout
    console = Console(record=True, width=WIDTH, file=io.StringIO())
    console.print(Text("$ prober run", style="bold"))
    console.print(Text.from_ansi(" " * 6 + table.rstrip("\n")))
    # Fonts from elsewhere are taken out: the picture must show itself without a network.
    svg = re.sub(r"@font-face \{.*?\}\s*", "", console.export_svg(title="prober run"), flags=re.DOTALL)
    (ROOT / "docs" / "run.svg").write_text(svg)
    print(json.dumps({"wrote": "docs/run.svg"}))


if __name__ == "__main__":
    main()
