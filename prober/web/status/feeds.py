"""What happened, as RSS 2.0 and Atom (RFC 4287), for readers: an entry for everything that was said of an incident."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from prober.clock import iso
from prober.web.status.public import PublicPage

ATOM = "http://www.w3.org/2005/Atom"
MEDIA = {"rss": "application/rss+xml", "atom": "application/atom+xml"}
MOST = 50
_NO_XML = re.compile("[^\\t\\n\\r\\x20-\\ud7ff\\ue000-\\ufffd\\U00010000-\\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that was said."""

    id: str
    title: str
    html: str
    at: float
    link: str


def entries(page: PublicPage, address: str) -> Iterator[Entry]:
    """The latest, newest first; ``address`` is the page's."""
    said = [(update, one) for one in (*page.current, *page.past) for update in one.updates]
    said.sort(key=lambda both: (-both[0].at, both[0].id))
    for update, incident in said[:MOST]:
        title = f"{update.state}: {incident.title}"
        yield Entry(f"urn:prober:{page.id}:{update.id}", title, update.html, update.at, f"{address}#{incident.id}")


def rss(page: PublicPage, address: str) -> str:
    """The feed as RSS 2.0."""
    ElementTree.register_namespace("atom", ATOM)
    root = Element("rss", version="2.0")
    channel = SubElement(root, "channel")
    found = list(entries(page, address))
    _texts(channel, title=page.title, link=address, description=page.description or page.title, language="en")
    SubElement(channel, f"{{{ATOM}}}link", href=f"{address}/feed.rss", rel="self", type=MEDIA["rss"])
    if found:
        _texts(channel, lastBuildDate=_rfc822(found[0].at))
    for entry in found:
        item = SubElement(channel, "item")
        _texts(item, title=entry.title, link=entry.link, description=entry.html, pubDate=_rfc822(entry.at))
        SubElement(item, "guid", isPermaLink="false").text = entry.id
    return _document(root)


def atom(page: PublicPage, address: str) -> str:
    """The feed as Atom."""
    root = Element("feed", xmlns=ATOM)
    found = list(entries(page, address))
    updated = found[0].at if found else 0.0
    _texts(root, id=f"urn:prober:{page.id}", title=page.title, updated=iso(updated))
    if page.description:
        _texts(root, subtitle=page.description)
    _texts(SubElement(root, "author"), name=page.title)
    SubElement(root, "link", href=address, rel="alternate", type="text/html")
    SubElement(root, "link", href=f"{address}/feed.atom", rel="self", type=MEDIA["atom"])
    for entry in found:
        item = SubElement(root, "entry")
        _texts(item, id=entry.id, title=entry.title, updated=iso(entry.at), published=iso(entry.at))
        SubElement(item, "link", href=entry.link, rel="alternate", type="text/html")
        SubElement(item, "content", type="html").text = _xml(entry.html)
    return _document(root)


def _texts(parent: Element, **texts: str) -> None:
    for name, text in texts.items():
        SubElement(parent, name).text = _xml(text)


def _xml(text: str) -> str:
    """``text`` without what XML 1.0 has no place for."""
    return _NO_XML.sub("", text)


def _rfc822(at: float) -> str:
    return format_datetime(datetime.fromtimestamp(at, UTC), usegmt=True)


def _document(root: Element) -> str:
    return f'<?xml version="1.0" encoding="utf-8"?>\n{ElementTree.tostring(root, encoding="unicode")}\n'
