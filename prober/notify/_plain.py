"""A notice as plain text, for services that show nothing else."""

from __future__ import annotations

from prober.model import Notice
from prober.notify._texts import cut, cut_bytes
from prober.notify._wording import facts, headline, links, members, seen, unmet

LINE_CHARS = 600


def plain_text(notice: Notice, limit_bytes: int, *, titled: bool = False) -> str:
    """All of ``notice`` in lines of text; ``titled`` puts the headline before, where there is no title for it."""
    blocks = [
        [headline(notice)] if titled else [],
        [seen(notice), *unmet(notice)],
        [f"{fact.label}: {fact.value}" for fact in facts(notice)],
        ["Told together:", *(f"- {line}" for line in members(notice))] if notice.members else [],
        [notice.note],
        [f"{link.label}: {link.url}" for link in links(notice)],
    ]
    shown = [
        [cut(line, LINE_CHARS + 400 * (index == 5)) for line in block if line] for index, block in enumerate(blocks)
    ]
    text = "\n\n".join("\n".join(block) for block in shown if block)
    return cut_bytes(text or headline(notice), limit_bytes)
