"""``prober record URL``: Playwright's recorder, and what it recorded as a journey in our form."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from prober.app.new import default_file, identifier, write_new
from prober.faults import UserFault

CODEGEN = (sys.executable, "-m", "playwright", "codegen", "--target", "python-async")

_OPENED = re.compile(r"^(browser|context|page) = await ")
_CLOSED = re.compile(r"^await (browser|context|page)\.close\(\)$")
_NAMED = re.compile(r"""name=(["'])(.+?)\1""")
_HEAD = '''\
"""Recorded at {url}. Before it goes on a schedule: name the steps, say what must be seen after each with `expect`, and
make every typed password a parameter of type `Secret`.

    prober run {file}
"""

{imports}

@journey(id="{id}", timeout="60s", interval="5m")
async def {function}(page: Page) -> None:
'''


@dataclass(slots=True)
class _Part:
    name: str = ""
    lines: list[str] = field(default_factory=list)


def record(url: str, out: Path | None, environ: Mapping[str, str], command: tuple[str, ...] = CODEGEN) -> Path:
    """Record a visit of ``url`` until its window is closed; returns the journey's file.

    Raises UserFault where there is no browser that can record, or nothing was recorded.
    """
    if command == CODEGEN:
        _require_recorder(environ)
    host = urlsplit(url).hostname
    if not host:
        raise UserFault(f"{url}: expected a URL such as https://shop.example/")
    name = re.sub(r"[^a-z0-9]+", "-", host.lower()).strip("-")
    name = name if name[0].isalpha() else f"site-{name}"
    with tempfile.TemporaryDirectory(prefix="prober-record-") as place:
        recorded = Path(place) / "recorded.py"
        done = subprocess.run([*command, "-o", str(recorded), url], env=dict(environ), check=False)
        if done.returncode or not recorded.is_file():
            raise UserFault("Playwright's recorder ended without a recording")
        text = recorded.read_text(encoding="utf-8")
    file = out or default_file(name)
    return write_new(file, as_journey(text, name, url, file))


def _require_recorder(environ: Mapping[str, str]) -> None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        executable = Path(playwright.chromium.executable_path)
    instead = "or write a journey by `prober new journey NAME`"
    if not executable.is_file():
        raise UserFault(
            "recording needs Playwright's own Chromium, and a system's, such as Debian's, cannot: "
            f"`playwright install chromium`, {instead}"
        )
    if (
        not (environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY"))
        and os.name == "posix"
        and sys.platform == "linux"
    ):
        raise UserFault(f"recording needs a display: run it on a desktop, {instead}")


def as_journey(recorded: str, name: str, url: str, file: Path) -> str:
    """What Playwright recorded (its target python-async) as a journey of steps."""
    parts = list(_parts(_statements(recorded)))
    if not parts:
        raise UserFault("nothing was recorded")
    body = "\n\n".join(_block(part) for part in parts) + "\n"
    imports = "import re\n\n" if "re.compile(" in body else ""
    imports += f"from playwright.async_api import Page{', expect' if 'expect(' in body else ''}\n\n"
    imports += "from prober import journey, step\n"
    return _HEAD.format(url=url, file=file, id=name, function=identifier(name), imports=imports) + body


def _statements(recorded: str) -> Iterator[str]:
    """What the visitor did, statement by statement, without the recorder's own opening and closing."""
    try:
        tree = ast.parse(recorded)
    except SyntaxError as error:
        raise UserFault(f"Playwright's recording cannot be read: {error.msg}") from None
    for function in tree.body:
        if isinstance(function, ast.AsyncFunctionDef) and function.name == "run":
            texts = (ast.unparse(node) for node in function.body)
            yield from (text for text in texts if not _OPENED.match(text) and not _CLOSED.match(text))


def _parts(statements: Iterator[str]) -> Iterator[_Part]:
    """A step begins with every address and ends with every click on something that has a name."""
    part = _Part()
    for text in statements:
        if ".goto(" in text and part.lines:
            yield part
            part = _Part()
        part.lines.append(text)
        if found := re.search(r"""\.goto\((["'])(.+?)\1""", text):
            part.name = f"Open {urlsplit(found[2]).path or '/'}"
        elif ".click(" in text and (clicked := _NAMED.search(text)):
            part.name = clicked[2]
            yield part
            part = _Part()
    if part.lines:
        yield part


def _block(part: _Part) -> str:
    lines = [line for text in part.lines for line in text.splitlines()]
    return "\n".join(
        [
            f"    async with step({json.dumps(part.name or 'Look at the result', ensure_ascii=False)}):",
            *(f"        {one}" for one in lines),
        ]
    )
