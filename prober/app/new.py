"""``prober new journey NAME``: a first journey that works at once, with every common part of one explained."""

from __future__ import annotations

import json
import keyword
import re
from pathlib import Path

from prober.faults import UserFault
from prober.journey import read_journeys

DEMO = 'os.environ.get("EVENTCHAIN_URL", "http://127.0.0.1:8000").rstrip("/")'

_TEMPLATE = '''\
"""{title}: say here what a user loses when this fails; whoever is woken by its alert reads it first.

    prober run {file}
    prober run {file} --set title=...          with a parameter of its own
    prober run {file} --headed                 to watch it

On a schedule, in probes.yaml:

    - {{id: {id}, kind: browser, journey: {file}, interval: 5m, timeout: 30s}}
"""

{imports}
SITE = {site}


class Params(BaseModel):
    # What differs from place to place: set under `params:` of the check, or by --set. A `Secret` is masked everywhere.
    title: str = {heading}  # a regular expression
    # password: Secret


# Options are literals, since the file is read without being run. Retries are for journeys that do no harm twice.
@journey(id="{id}", title="{title}", timeout="30s", interval="5m", budgets={{"lcp": "2.5s", "cls": 0.1}})
async def {function}(page: Page, params: Params) -> None:
    # A step is timed and judged by itself; its name stands in the alert. Give it a time of its own where it matters.
    async with step("Open the front page", timeout="15s"):
        answer = await page.goto(f"{{SITE}}/")
        assert answer and answer.ok, f"the page answered {{answer and answer.status}}"
        # `expect` is Playwright's: it waits until it holds. Ask for what a user would look for.
        await expect(page).to_have_title(re.compile(params.title))

    # Say what may fail without anybody being woken: a step that is not critical only degrades the check.
    async with step("See something on it", critical=False):
        await expect(page.locator("body")).not_to_be_empty()
        # Use click and press_sequentially, as a visitor would: only real input has an INP.
        # await page.get_by_role("link", name="...").click()

    # Figures of your own become the metric probe_measure.
    measure("links", await page.get_by_role("link").count())

    # What a run leaves behind is taken away in a `finally` by a step with always=True: see checks/purchase.py.
    # A log-in to reuse: `await logged_in(page, log_in)`; one-time codes: `totp(key)`: see checks/login_totp.py.
'''
_IMPORTS = """\
{system}import re

from playwright.async_api import Page, expect
from pydantic import BaseModel

from prober import journey, measure, step
"""


def write_journey(name: str, url: str | None, out: Path | None) -> Path:
    """Write a journey called ``name`` for ``url`` or the demo shop; returns its file.

    Raises UserFault where the name is none, or the file is there already.
    """
    function = identifier(name)
    file = out or default_file(name)
    site = DEMO if url is None else json.dumps(url.rstrip("/"))
    system = "import os\n" if url is None else ""
    text = _TEMPLATE.format(
        id=name,
        title=name.replace("-", " ").replace("_", " ").capitalize(),
        file=file,
        function=function,
        site=site,
        heading=json.dumps("EventChain" if url is None else ".+"),
        imports=_IMPORTS.format(system=system),
    )
    return write_new(file, text)


def identifier(name: str) -> str:
    """``name`` as the name of a function. Raises UserFault for what cannot be the id of a check."""
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9._-]{0,99}", name):
        raise UserFault(f"{name!r} is no name for a journey: expected letters, digits, dashes and underscores")
    text = re.sub(r"\W", "_", name).lower()
    return f"{text}_" if keyword.iskeyword(text) or text in ("page", "params", "step", "measure", "journey") else text


def default_file(name: str) -> Path:
    """Where a journey of that name goes: into ``checks/`` where there is such a directory."""
    file = Path(f"{re.sub(r'[^A-Za-z0-9]', '_', name).lower()}.py")
    return Path("checks") / file if Path("checks").is_dir() else file


def write_new(file: Path, text: str) -> Path:
    """Write ``file``, never over another one. Raises UserFault where it cannot."""
    try:
        with file.open("x", encoding="utf-8") as opened:
            opened.write(text)
    except FileExistsError:
        raise UserFault(f"{file} is there already: choose another by -o FILE") from None
    except OSError as error:
        raise UserFault(f"{file} cannot be written: {error.strerror}") from None
    read_journeys(file)
    return file
