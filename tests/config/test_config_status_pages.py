"""Status pages as the file says them, and what of a logo is left."""

from __future__ import annotations

import struct
from pathlib import Path
from xml.etree import ElementTree

import pytest

from prober.config import Maintenance, load
from prober.config.logos import clean_svg, read_logo
from prober.config.status_pages import Colours, contrast
from prober.faults import ConfigFault

WHOLE = """
checks: [{id: shop, kind: tcp, address: "shop.example:443", tags: [web]}]
channels: {letters: {kind: email, host: mail.example, from: a@example.com, to: b@example.com}}
web:
  public_url: https://status.example
  status_pages:
    main:
      title: Example
      components: [{name: Shop, checks: shop}]
"""
PNG = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", 40, 20) + b"rest"


def loaded(tmp_path: Path, more: str = "", text: str = WHOLE) -> list[str]:
    """What is wrong with it, and what is hardly meant; each on one line."""
    path = tmp_path / "probes.yaml"
    path.write_text(text + more)
    try:
        return [str(one) for one in load(path, {}, lenient=False).warnings]
    except ConfigFault as fault:
        return [str(error) for error in fault.errors]


def test_a_small_page_is_all_it_takes(tmp_path: Path) -> None:
    assert loaded(tmp_path, "      subscribe: {email: letters}\n") == []


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (
            "      groups: [{name: G, components: [{name: A, checks: shpo}]}]\n",
            "no check 'shpo' (did you mean",
        ),
        ("      groups: [{name: G, components: [{name: A}]}]\n", "expected checks or tags"),
        ("      groups: [{name: G, components: [{name: shop!, checks: shop}]}]\n", "'shop' is used twice"),
        ("      groups: [{name: G, components: [{name: '!!', checks: shop}]}]\n", "no id can be made of its name"),
        ("      colours: {light: {accent: '#777777', ground: '#ffffff'}}\n", "has a contrast of 4.48"),
        ("      colours: {dark: {accent: '#8ab4f8', ground: '#555555'}}\n", "has a contrast of"),
        ("      colours: {dark: {accent: blue, ground: '#000000'}}\n", "expected a colour such as"),
        ("      subscribe: {email: leters}\n", "no channel of kind email 'leters' (did you mean 'letters'?)"),
        ("      link: ftp://example.com\n", "expected a URL"),
        ("      logo: missing.svg\n", "missing.svg: cannot be read"),
        ("      history: 1h\n", "expected at least 1d"),
        ("      title: ''\n", "title"),
    ],
)
def test_what_cannot_be_is_told_in_a_line(tmp_path: Path, more: str, said: str) -> None:
    found = loaded(tmp_path, more)
    assert [line for line in found if said in line], found


def test_nobody_can_subscribe_where_links_lead_nowhere(tmp_path: Path) -> None:
    text = WHOLE.replace("  public_url: https://status.example\n", "")
    (said,) = [line for line in loaded(tmp_path, "      subscribe: {webhook: true}\n", text) if "subscribe" in line]
    assert "set web.public_url" in said


def test_contrast_is_reckoned_as_wcag_does() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#ffffff", "#767676") == pytest.approx(4.54, abs=0.01)
    assert contrast("#123456", "#123456") == 1
    assert Colours().light.accent == "#0b57d0"


def test_windows_say_when_they_come() -> None:
    day = 86_400.0
    nightly = Maintenance.model_validate({"schedule": "0 3 * * *", "duration": "2h"})
    assert nightly.stretches(4 * 3_600.0, day + 4 * 3_600.0) == ((10_800.0, 18_000.0), (day + 10_800.0, day + 18_000.0))
    assert len(nightly.stretches(0.0, 100 * day)) == 20
    once = Maintenance.model_validate({"start": "1970-01-02T00:00", "end": "1970-01-02T01:00"})
    assert once.stretches(0.0, 2 * day) == ((day, day + 3_600),)
    assert once.stretches(day + 3_600, 2 * day) == ()


# Logos.

SVG = """<?xml version="1.0"?>
<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 9 9" onload="alert(1)">
  <title>Ours</title>
  <script>alert(1)</script>
  <style>path { fill: url(https://evil.example/) }</style>
  <defs><linearGradient id="g"><stop offset="0" stop-color="#fff"/></linearGradient></defs>
  <path d="M0 0L9 9" fill="url(#g)" style="stroke: red" onclick="alert(1)"/>
  <path d="M1 1" fill="url(https://evil.example/x)" style="fill: url(//evil.example)"/>
  <use xlink:href="#g"/><use xlink:href="https://evil.example/a.svg#x"/><use href="data:image/svg+xml,x"/>
  <image href="https://evil.example/p.png"/>
  <a href="javascript:alert(1)"><text>kept not</text></a>
  <foreignObject><body xmlns="http://www.w3.org/1999/xhtml"><iframe src="https://evil.example"/></body></foreignObject>
  <animate attributeName="href" to="javascript:alert(1)"/>
</svg>"""


def test_of_an_svg_only_shapes_and_texts_are_kept() -> None:
    kept = clean_svg(SVG.encode())
    for gone in (b"evil", b"script", b"alert", b"iframe", b"onload", b"onclick", b"animate", b"<style", b"data:"):
        assert gone not in kept, gone
    root = ElementTree.fromstring(kept)
    assert [one.tag.rpartition("}")[2] for one in root.iter()] == [
        *("svg", "title", "defs", "linearGradient", "stop", "path", "path", "use", "use", "use"),
    ]
    paths = root.findall("{http://www.w3.org/2000/svg}path")
    assert paths[0].attrib == {"d": "M0 0L9 9", "fill": "url(#g)", "style": "stroke: red"}
    assert paths[1].attrib == {"d": "M1 1"}


@pytest.mark.parametrize(
    "data",
    [
        b'<!DOCTYPE svg [<!ENTITY a "b">]><svg xmlns="http://www.w3.org/2000/svg">&a;</svg>',
        b"<html/>",
        b"<svg/>",
        b"GIF89a",
        b"",
        b'<svg xmlns="http://www.w3.org/2000/svg">' + b"<g>" * 60 + b"</g>" * 60 + b"</svg>",
        b'<svg xmlns="http://www.w3.org/2000/svg">' + b"<g/>" * 5_000 + b"</svg>",
        '<svg xmlns="http://www.w3.org/2000/svg"/>'.encode("utf-16"),
    ],
)
def test_what_is_no_plain_svg_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError):
        clean_svg(data)


def test_a_png_is_taken_as_it_is_within_bounds(tmp_path: Path) -> None:
    path = tmp_path / "logo.png"
    path.write_bytes(PNG)
    assert read_logo(path).data == PNG
    path.write_bytes(PNG[:16] + struct.pack(">II", 5_000, 20) + b"rest")
    with pytest.raises(ValueError, match="2000 pixels"):
        read_logo(path)
    path.write_bytes(PNG + bytes(300 * 1024))
    with pytest.raises(ValueError, match="256 KiB"):
        read_logo(path)
