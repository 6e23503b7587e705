"""Texts of others made fit to be shown: cleaned, cut to what a service takes, escaped while they are cut."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from urllib.parse import quote

CUT = "…"
LOOKED_AT = 20_000
"""Characters of a text that are looked at; no service shows as many."""
LINK_CHARS = 1_000

# Controls, surrogates, and what turns the direction of a text or hides in it; the joiner of emoji may stay.
_UNSHOWN = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200c\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e0fff]"
)
_AS_IT_IS: Mapping[str, str] = {}


def clean(text: str) -> str:
    """``text`` on one line, of characters that show themselves."""
    return " ".join(_UNSHOWN.sub(" ", text[:LOOKED_AT]).split())


def width(text: str) -> int:
    """The length of ``text`` in UTF-16 units, as most services count: an emoji is two."""
    return len(text) + sum(char > "\uffff" for char in text)


def cut(text: str, limit: int, spelled: Mapping[str, str] = _AS_IT_IS) -> str:
    """``text`` cleaned, with characters ``spelled`` otherwise, and no wider than ``limit``; no spelling is cut."""
    out: list[str] = []
    length, fitting = 0, 0
    for char in clean(text):
        piece = spelled.get(char, char)
        length += width(piece)
        if length > limit:
            return "".join(out[:fitting]) + CUT
        out.append(piece)
        if length < limit:
            fitting = len(out)
    return "".join(out)


def cut_bytes(text: str, limit: int) -> str:
    """``text`` in at most ``limit`` bytes of UTF-8."""
    encoded = text.encode("utf-8", "replace")
    if len(encoded) <= limit:
        return encoded.decode()
    return encoded[: limit - len(CUT.encode())].decode("utf-8", "ignore") + CUT


def link(url: str) -> str:
    """``url`` where it can be linked to, with whatever could end it encoded; empty where it cannot."""
    spelled = quote(url[:LOOKED_AT], safe=":/?#@!$&'()*+,;=%~-._[]", errors="replace")
    return spelled if spelled.startswith(("https://", "http://")) and len(spelled) <= LINK_CHARS else ""


def short_key(key: str, limit: int) -> str:
    """``key``, or where it is longer than ``limit`` what it hashes to: as stable, and as good as unique."""
    return key if len(key) <= limit else hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()[:limit]
