"""Writes the table of routes at the end of docs/api.md, from the operations themselves.

python scripts/api_docs.py            writes it
python scripts/api_docs.py --check    exits 1 when it is not what would be written
"""

from __future__ import annotations

import sys
from pathlib import Path

from prober.web.api import document

TARGET = Path(__file__).parents[1] / "docs" / "api.md"
MARK = "<!-- Below is written by scripts/api_docs.py; change the operations in prober/web/api, not this. -->\n"


def main(arguments: list[str]) -> int:
    before = TARGET.read_text(encoding="utf-8")
    head, found, _ = before.partition(MARK)
    if not found:
        print(f"{TARGET} lacks the line: {MARK}", file=sys.stderr)
        return 1
    text = head + MARK + "\n" + table()
    if "--check" not in arguments:
        TARGET.write_text(text, encoding="utf-8")
        return 0
    if before == text:
        return 0
    print("docs/api.md is not of these operations; run: make docs", file=sys.stderr)
    return 1


def table() -> str:
    """A line per operation."""
    lines = ["| route | scope | what | query |", "|---|---|---|---|"]
    for path, methods in document()["paths"].items():
        for method, operation in methods.items():
            scope = operation["security"][0]["token"][0]
            query = ", ".join(f"`{one['name']}`" for one in operation["parameters"] if one["in"] == "query")
            lines.append(f"| `{method.upper()} {path}` | {scope} | {operation['summary']} | {query} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
