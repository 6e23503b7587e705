"""The pictures of status pages: PNG as it is, SVG with nothing left in it but shapes and texts; both bounded."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from prober.config.references import cause, read_bounded

PNG_BYTES = 256 * 1024
SVG_BYTES = 64 * 1024
MOST_PIXELS = 2_000
MOST_ELEMENTS = 5_000
DEEPEST = 50

_PNG = b"\x89PNG\r\n\x1a\n"
_SVG = "http://www.w3.org/2000/svg"
_XLINK = "http://www.w3.org/1999/xlink"
_KEPT_ELEMENTS = (
    "svg g defs symbol use title desc path rect circle ellipse line polyline polygon text tspan "
    "linearGradient radialGradient stop clipPath mask"
)
_KEPT_ATTRIBUTES = (
    "id class x y x1 y1 x2 y2 cx cy r rx ry fx fy width height d points viewBox preserveAspectRatio transform version "
    "fill fill-opacity fill-rule clip-path clip-rule clipPathUnits mask maskUnits maskContentUnits opacity stroke "
    "stroke-width stroke-linecap stroke-linejoin stroke-miterlimit stroke-dasharray stroke-dashoffset stroke-opacity "
    "stop-color stop-opacity offset gradientUnits gradientTransform spreadMethod font-family font-size font-weight "
    "font-style text-anchor letter-spacing dominant-baseline dx dy color display visibility"
)
_ELEMENTS = frozenset(_KEPT_ELEMENTS.split())
_ATTRIBUTES = frozenset(_KEPT_ATTRIBUTES.split())
_ELSEWHERE = re.compile(r"(?i)url\s*\(\s*(?!['\"]?#)|[@\\<>]|[a-z]+:")
"""What a value must not hold: addresses but those within the picture, escapes, rules, schemes."""


@dataclass(frozen=True, slots=True)
class Logo:
    """A picture that may be shown to anybody."""

    media_type: str
    data: bytes


def read_logo(path: Path) -> Logo:
    """The picture in ``path``. Raises ValueError, which says what is wrong with it."""
    try:
        data = read_bounded(path, PNG_BYTES)
    except OSError as error:
        raise ValueError(f"cannot be read: {cause(error)}") from None
    if data.startswith(_PNG):
        return Logo("image/png", _checked_png(data))
    if len(data) > SVG_BYTES:
        raise ValueError(f"an SVG larger than {SVG_BYTES // 1024} KiB, or no picture; expected PNG or SVG")
    return Logo("image/svg+xml", clean_svg(data))


def _checked_png(data: bytes) -> bytes:
    width, height = int.from_bytes(data[16:20]), int.from_bytes(data[20:24])
    if data[12:16] != b"IHDR" or not (0 < width <= MOST_PIXELS and 0 < height <= MOST_PIXELS):
        raise ValueError(f"a PNG that is damaged, or wider or higher than {MOST_PIXELS} pixels")
    return data


def clean_svg(data: bytes) -> bytes:
    """``data`` without anything but shapes and texts. Raises ValueError for what is no SVG."""
    if re.search(rb"<!(?:DOCTYPE|ENTITY)", data, re.IGNORECASE) or b"\0" in data:
        raise ValueError("an SVG with a DOCTYPE or in UTF-16; save it as plain SVG")
    try:
        root = ElementTree.fromstring(data)  # noqa: S314 - bounded, and without a DOCTYPE there is nothing to expand
    except ElementTree.ParseError as error:
        raise ValueError(f"neither PNG nor readable SVG: {error}") from None
    if root.tag != f"{{{_SVG}}}svg":
        raise ValueError("neither PNG nor SVG")
    if sum(1 for _ in root.iter()) > MOST_ELEMENTS:
        raise ValueError(f"an SVG of more than {MOST_ELEMENTS} elements")
    _clean(root, DEEPEST)
    ElementTree.register_namespace("", _SVG)
    ElementTree.register_namespace("xlink", _XLINK)
    return ElementTree.tostring(root, encoding="unicode").encode()


def _clean(element: ElementTree.Element, deeper: int) -> None:
    if not deeper:
        raise ValueError(f"an SVG of elements more than {DEEPEST} deep")
    for name, value in list(element.attrib.items()):
        if not _is_kept(name, value):
            del element.attrib[name]
    for child in list(element):
        tag = child.tag if isinstance(child.tag, str) else ""
        if tag.startswith(f"{{{_SVG}}}") and tag.rpartition("}")[2] in _ELEMENTS:
            _clean(child, deeper - 1)
        else:
            element.remove(child)


def _is_kept(name: str, value: str) -> bool:
    if name in ("href", f"{{{_XLINK}}}href"):
        return value.startswith("#")
    if name == "style":
        return not _ELSEWHERE.search(re.sub(r"[a-z-]+\s*:", "", value))
    return name in _ATTRIBUTES and not _ELSEWHERE.search(value)
