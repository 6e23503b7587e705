"""Markdown as HTML for everybody: no HTML of its own, no pictures, links to http, https and mailto only."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

TEXT_CHARS = 20_000
SCHEMES = ("http", "https", "mailto")


def marked_up(text: str) -> str:
    """``text`` as HTML."""
    return str(_parser().render(text[:TEXT_CHARS]))


@lru_cache(maxsize=1)
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt

    parser = MarkdownIt("js-default", {"html": False, "linkify": False, "maxNesting": 20})
    parser.disable(["image", "html_block", "html_inline"])
    parser.validateLink = _is_link  # type: ignore[method-assign]
    # The page has headings of its own, whose order must not be disturbed.
    parser.add_render_rule("heading_open", lambda *_: "<p><strong>")
    parser.add_render_rule("heading_close", lambda *_: "</strong></p>\n")
    parser.add_render_rule("link_open", _link)
    return parser


def _is_link(url: str) -> bool:
    try:
        parts = urlsplit(url.strip())
    except ValueError:
        return False
    return parts.scheme.lower() in SCHEMES and (parts.scheme.lower() == "mailto" or bool(parts.netloc))


def _link(self: Any, tokens: Any, at: int, options: Any, env: Any) -> str:
    tokens[at].attrSet("rel", "nofollow noopener")
    return str(self.renderToken(tokens, at, options, env))
