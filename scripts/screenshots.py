"""Pictures of every page, at two widths, light and dark, into docs/screenshots/: `make screenshots`, then look at them.

The pages show the site of tests/fakes/site.py, which has every state there is and always looks the same. Those of runs
and incidents show real visits to the demo shop (tests/fakes/shopping.py), so that their figures are others each time.
"""

from __future__ import annotations

import io
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image
from playwright.sync_api import Browser

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from fakes.axe import LOOKS, chromium, looking  # noqa: E402
from fakes.pages import served  # noqa: E402
from fakes.plans import many  # noqa: E402
from fakes.shopping import Shopping, shopping  # noqa: E402
from fakes.site import Site, serving, warmed  # noqa: E402
from fakes.status_site import site as status_site  # noqa: E402
from fakes.storing import send  # noqa: E402

from prober.web.auth import EVERYTHING, Who  # noqa: E402

OUT = ROOT / "docs" / "screenshots"
COLOURS = 256
LONGEST_PX = 2_400
"""What comes below is more of the same."""
LOADED = """Promise.all([...document.images].map((one) => { one.loading = "eager"; return one.decode(); }))"""
SHOWN = {
    "overview": "/",
    "check": "/checks/orders-api",
    "check-regions": "/checks/checkout?range=7d",
    "health": "/health",
}


def main(names: Sequence[str]) -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    with (
        chromium() as browser,
        serving(Site().view()) as site,
        serving(Site(many(500)).view()) as large,
        TemporaryDirectory() as folder,
        served(status_site(Path(folder))) as status,
    ):
        pages = {name: str(site.base_url.join(path)) for name, path in SHOWN.items()}
        pages["overview-500"] = str(large.base_url)
        for client in (site, large):
            warmed(client)
        pages |= {f"status-{name}": str(status.base_url.join(f"/status/{name}")) for name in ("tickets", "calm")}
        for name, url in pages.items():
            if not names or name in names:
                take(browser, name, url)
    if not names or any(name.startswith(("run-", "incident")) for name in names):
        take_visits(names)


def take_visits(names: Sequence[str]) -> None:
    """The pages of runs and incidents; the shop is visited before the browser of the pictures takes its part."""
    ada = Who("ada", EVERYTHING, csrf="-")
    with (
        TemporaryDirectory() as folder,
        shopping(Path(folder)) as shopped,
        serving(shopped.view, ada) as site,
        chromium() as browser,
    ):
        for name, path in visited(shopped).items():
            if not names or name in names:
                take(browser, name, str(site.base_url.join(path)), Image.Quantize.MEDIANCUT)


def visited(shopped: Shopping) -> dict[str, str]:
    """The paths of what came of visits to the shop, by the name of their pictures."""
    runs = {name: f"/runs/{run.run_id}" for name, run in shopped.runs.items()}
    incident = next(one for one in shopped.store.open_incidents() if one.check_id == "purchase")
    send(shopped.store)
    shopped.store.add_note(incident.id, "The payment provider says it is theirs.\nTicket 4711.", "Ada", time.time())
    return {
        "run-failed": runs["refused"],
        "run-compared": f"{runs['refused']}?against=last-good",
        "run-slower": f"{runs['slow']}?against={shopped.runs['good'].run_id}",
        "run-http": f"{runs['storefront down']}?against=last-good",
        "incident": f"/incidents/{incident.id}",
        "incidents": "/incidents",
    }


def take(browser: Browser, name: str, url: str, how: Image.Quantize = Image.Quantize.MAXCOVERAGE) -> None:
    """The four pictures of one page. Where photographs are on it, MAXCOVERAGE would tint its grounds."""
    for width, scheme in LOOKS:
        with looking(browser, url, width, scheme) as page:
            page.goto(url)
            page.evaluate(LOADED)
            page.mouse.move(0, 0)
            height = min(page.evaluate("document.documentElement.scrollHeight"), LONGEST_PX)
            clip = {"x": 0, "y": 0, "width": width, "height": height}
            path = OUT / f"{name}-{width}-{scheme}.png"
            path.write_bytes(small(page.screenshot(full_page=True, clip=clip, animations="disabled"), how))
            print(f"{path.relative_to(ROOT)}: {path.stat().st_size / 1000:.0f} kB")


def small(picture: bytes, how: Image.Quantize) -> bytes:
    """The same with the colours it has most of, as they are: others are the edges of letters."""
    image, out = Image.open(io.BytesIO(picture)).convert("RGB"), io.BytesIO()
    most = sorted(image.getcolors(image.width * image.height), reverse=True)[:COLOURS]
    palette = Image.new("P", (1, 1))
    palette.putpalette([part for _, colour in most for part in colour])
    image.quantize(palette=palette, dither=Image.Dither.NONE).save(out, "PNG", optimize=True)
    return out.getvalue()


if __name__ == "__main__":
    main(sys.argv[1:])
