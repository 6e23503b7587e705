"""Pictures of every page, at two widths, light and dark, into docs/screenshots/: `make screenshots`, then look at them.

The pages show the site of tests/fakes/site.py, which has every state there is and always looks the same.
"""

from __future__ import annotations

import io
import sys
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
from fakes.site import Site, serving, warmed  # noqa: E402
from fakes.status_site import site as status_site  # noqa: E402

OUT = ROOT / "docs" / "screenshots"
COLOURS = 256
LONGEST_PX = 2_400
"""What comes below is more of the same."""
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
        for name in names or pages:
            take(browser, name, pages[name])


def take(browser: Browser, name: str, url: str) -> None:
    """The four pictures of one page."""
    for width, scheme in LOOKS:
        with looking(browser, url, width, scheme) as page:
            page.goto(url)
            page.mouse.move(0, 0)
            height = min(page.evaluate("document.documentElement.scrollHeight"), LONGEST_PX)
            clip = {"x": 0, "y": 0, "width": width, "height": height}
            path = OUT / f"{name}-{width}-{scheme}.png"
            path.write_bytes(small(page.screenshot(full_page=True, clip=clip, animations="disabled")))
            print(f"{path.relative_to(ROOT)}: {path.stat().st_size / 1000:.0f} kB")


def small(picture: bytes) -> bytes:
    """The same with the colours it has most of, as they are: others are the edges of letters."""
    image, out = Image.open(io.BytesIO(picture)).convert("RGB"), io.BytesIO()
    most = sorted(image.getcolors(image.width * image.height), reverse=True)[:COLOURS]
    palette = Image.new("P", (1, 1))
    palette.putpalette([part for _, colour in most for part in colour])
    image.quantize(palette=palette, dither=Image.Dither.NONE).save(out, "PNG", optimize=True)
    return out.getvalue()


if __name__ == "__main__":
    main(sys.argv[1:])
