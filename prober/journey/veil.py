"""Takes secrets out of files: whole documents, where a value may stand escaped in a dozen ways."""

from __future__ import annotations

import base64
import json
import re
import zipfile
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Any

from prober.secret import MASK, SHORTEST, redact_url

TELLING_HEADER = re.compile(r"(?i)auth|cookie|token|secret|key|session|signature|passw|credential")
PICTURES = frozenset({".jpeg", ".jpg", ".png", ".webp", ".gif", ".avif", ".ico", ".woff", ".woff2", ".mp4", ".webm"})
BASE64_FROM = 8  # bytes; the base64 of shorter values is too short to tell from other text

_TELLING_PAIR = re.compile(
    rb"(?i)([?&](?:[\w.-]|%[0-9a-f]{2}){0,40}"
    rb"(?:pass|secret|token|api_?key|auth|signature|sig|session|credential)(?:[\w.-]|%[0-9a-f]{2}){0,40}=)[^&#\s\"'\\<>]+"
)
_ENTITIES = {"&": b"amp", '"': b"quot", "<": b"lt", ">": b"gt", "'": b"apos"}
_CONTROLS = {"\n": b"n", "\r": b"r", "\t": b"t"}


class Veil:
    """Finds values also where they were escaped for JSON, HTML, URLs or forms, once or twice, or put into base64."""

    def __init__(self, secrets: Iterable[str]) -> None:
        # Longest first: a secret that contains another must not leave its rest behind.
        values = sorted({value for value in secrets if len(value) >= SHORTEST}, key=lambda v: (-len(v), v))
        pattern = b"|".join(form for value in values for form in (_spelled(value), *_base64(value.encode())))
        self._pattern = re.compile(pattern, re.IGNORECASE) if values else None  # as a page may show them in capitals

    @property
    def active(self) -> bool:
        """Whether there is anything to hide."""
        return self._pattern is not None

    def data(self, data: bytes) -> bytes:
        """``data``, UTF-8 text of any kind, with every secret replaced by ``***``."""
        return self._pattern.sub(MASK.encode(), data) if self._pattern else data

    def text(self, text: str) -> str:
        """The same for a text."""
        return self.data(text.encode("utf-8", "replace")).decode("utf-8", "replace") if self._pattern else text

    def value(self, value: Any) -> Any:
        """The same over nested dicts and lists of plain values; keys included."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.value(key): self.value(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.value(item) for item in value]
        return value


def veil_har(data: bytes, veil: Veil) -> bytes:
    """A HAR (http://www.softwareishard.com/blog/har-12-spec/) without credentials, bodies and secrets.

    Raises ValueError for what is none.
    """
    document = json.loads(data)
    for entry in document.get("log", {}).get("entries", ()):
        hide_exchange(entry)
    for page in document.get("log", {}).get("pages", ()):
        page["title"] = _bare_url(page.get("title", ""))
    return json.dumps(veil.value(document), ensure_ascii=False, separators=(",", ":")).encode()


def veil_trace(source: Path, target: Path, veil: Veil) -> None:
    """Playwright's trace at ``source`` without credentials and secrets, as far as they stand in texts, at ``target``.

    Raises OSError, and zipfile.BadZipFile for what is none.
    """
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=3) as new:
        for entry in old.infolist():
            content = old.read(entry)
            if entry.filename.endswith(".network"):
                content = b"".join(map(_hide_line, content.splitlines(keepends=True)))
            if PurePosixPath(entry.filename).suffix not in PICTURES:
                content = _TELLING_PAIR.sub(rb"\1***", veil.data(content))
            new.writestr(veil.text(entry.filename), content)


def hide_exchange(entry: dict[str, Any]) -> None:
    """Take out of a HAR's entry, in place, what lets others in and what was typed: headers, cookies, queries, forms."""
    for side in (entry.get("request", {}), entry.get("response", {})):
        for header in side.get("headers", ()):
            if TELLING_HEADER.search(header.get("name", "")):
                header["value"] = MASK
            elif header.get("name", "").lower() in ("referer", "location"):
                header["value"] = _bare_url(header.get("value", ""))
        for cookie in side.get("cookies", ()):
            cookie["value"] = MASK
        for pair in side.get("queryString", ()):
            if TELLING_HEADER.search(pair.get("name", "")):
                pair["value"] = MASK
        for name in ("url", "redirectURL"):
            if side.get(name):
                side[name] = _bare_url(side[name])
        if posted := side.get("postData"):
            posted.update({"text": MASK, "params": []})


def _hide_line(line: bytes) -> bytes:
    try:
        event = json.loads(line)
    except ValueError:
        return line
    if not isinstance(event, dict) or not isinstance(event.get("snapshot"), dict):
        return line
    hide_exchange(event["snapshot"])
    return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace") + b"\n"


def _bare_url(url: str) -> str:
    try:
        return redact_url(url) if "://" in url else url
    except ValueError:
        return MASK


def _spelled(value: str) -> bytes:
    return b"".join(map(_character, value))


def _character(char: str) -> bytes:
    """A pattern for one character in every way it may be written."""
    raw = char.encode("utf-8", "replace")
    if char.isascii() and char.isalnum():
        return raw
    percent = b"".join(b"%%(?:25)*%02X" % byte for byte in raw)
    units = char.encode("utf-16-be", "replace")
    unicode = b"".join(rb"\\+u" + units[i : i + 2].hex().encode() for i in range(0, len(units), 2))
    entity = b"&(?:amp;)*#(?:x0*%x|0*%d);" % (ord(char), ord(char))
    forms = [rb"\\*" + re.escape(raw), b"(?i:%s|%s|%s)" % (percent, unicode, entity)]
    if char in _ENTITIES:
        forms.append(b"&(?:amp;)*%s;" % _ENTITIES[char])
    if char in _CONTROLS:
        forms.append(rb"\\+" + _CONTROLS[char])
    if char == " ":
        forms.append(rb"\+")
    return b"(?:%s)" % b"|".join(forms)


def _base64(value: bytes) -> Iterable[bytes]:
    """What is certain of ``value`` in base64 (RFC 4648), at each of the three places it may begin within a group."""
    if len(value) < BASE64_FROM:
        return
    for before in range(3):
        text = base64.b64encode(b"\0" * before + value)
        certain = text[(0, 2, 3)[before] : len(text) - (0, 3, 2)[(before + len(value)) % 3]]
        yield certain.translate(bytes.maketrans(b"+/", b"..")).replace(b".", b"[+/_-]")
