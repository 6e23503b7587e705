"""Our vitals beside those of Google's web-vitals and Chromium's own events, on the same pages in the same run."""

from collections.abc import Iterator
from pathlib import Path

import fakes.measuring
import pytest
from fakes.browsing import Browsing, browsing
from fakes.measuring import Compared, Reports, measure, measured_site


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Browsing, Reports]]:
    home = tmp_path_factory.mktemp("accuracy")
    with measured_site() as (base, reports), browsing(home, EVENTCHAIN_URL=base) as browser:
        yield browser, reports


def of(compared: list[Compared], page: str, vital: str, kind: str = "hard") -> list[Compared]:
    return [row for row in compared if (row.page, row.vital, row.kind) == (page, vital, kind)]


@pytest.mark.parametrize(
    "device", [pytest.param("", id="desktop"), pytest.param("Pixel 7", id="mobile", marks=pytest.mark.slow)]
)
def test_every_value_is_that_of_web_vitals_and_none_it_loses_is_missing(
    measured: tuple[Browsing, Reports], device: str
) -> None:
    compared = measure(*measured, device, 1, long=False)
    assert [row for row in compared if not row.holds] == []
    assert len([row for row in compared if row.theirs is not None]) >= 45
    assert len([row for row in compared if row.chromium is not None]) >= 12
    assert of(compared, "route", "LCP", "soft")[0].theirs is not None
    # What leaves a page at once is lost on the driver's way of web-vitals, and not on ours.
    for page, vital in (("leave", "INP"), ("slow-click", "INP"), ("shift", "CLS"), ("quick", "LCP")):
        (row, *_) = of(compared, page, vital)
        assert row.left_first or (row.ours is not None and not row.through_driver), row
    early, late = of(compared, "shift", "CLS")
    assert early.ours == pytest.approx(late.ours)
    assert early.trapped is bool(device)


def test_the_largest_paint_is_explained_by_parts_that_add_up(measured: tuple[Browsing, Reports]) -> None:
    seen = measured[0].run("""
        @journey
        async def hero(page):
            async with step("Open"):
                await page.goto(f"{SITE}/hero.html")
    """)
    (page,) = seen.steps[0].navigations
    largest = page.detail["lcp"]
    assert (largest["tag"], largest["selector"]) == ("IMG", "img.wide.bright")
    assert largest["url"].endswith("/noise.png?after=0.2")
    assert largest["ttfb_s"] == page.ttfb_s
    assert largest["load_delay_s"] >= 0.08
    assert largest["load_time_s"] >= 0.19
    parts = (largest[f"{part}_s"] for part in ("ttfb", "load_delay", "load_time", "render_delay"))
    assert sum(parts) == pytest.approx(page.lcp_s, abs=1e-5)
    assert page.detail["resources"]["types"]["image"]["count"] == 1
    assert page.detail["resources"]["types"]["image"]["bytes"] > 300_000
    assert page.detail["resources"]["render_blocking"] == 1


def test_without_web_vitals_there_is_no_comparison_but_word_of_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fakes.measuring, "LIBRARY", tmp_path / "web-vitals.iife.js")
    with pytest.raises(FileNotFoundError, match="run `make setup`"), measured_site():
        raise AssertionError("it began without")
