"""The overview: open incidents, then every check in a line, the worst first; chosen and grouped by the query."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from prober.web.auth.who import Answer
from prober.web.pages.board import ORDER, Board, Entry
from prober.web.pages.frame import Pages

REFRESH_S = 30
"""For browsers without script."""
NO_TAG = "no tag"
GROUPINGS: Mapping[str, Callable[[Entry], str]] = {
    "tag": lambda entry: entry.tags[0] if entry.tags else NO_TAG,
    "kind": lambda entry: entry.kind,
    "state": lambda entry: entry.state,
}
MOST_CHARS = 100


@dataclass(frozen=True, slots=True)
class Asked:
    """Which checks are asked for, and how they are to be put together."""

    text: str = ""
    tag: str = ""
    region: str = ""
    state: str = ""
    group: str = ""

    @property
    def filtering(self) -> bool:
        return bool(self.text or self.tag or self.region or self.state)

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Asked:
        """As the query has it; what it has no words for is left out."""
        group = query.get("group", "")
        text, tag, region, state = (
            query.get(name, "").strip()[:MOST_CHARS] for name in ("q", "tag", "region", "state")
        )
        return cls(text, tag, region, state, group if group in GROUPINGS else "")

    def fits(self, entry: Entry) -> bool:
        """A state is the one in the region where one is asked for, else that of the check as a whole."""
        state = entry.regions.get(self.region, "") if self.region else entry.state
        return (
            (not self.tag or self.tag in entry.tags)
            and (not self.region or self.region in entry.regions)
            and (not self.state or self.state == state)
            and (not self.text or all(word in entry.words for word in self.text.lower().split()))
        )


def overview(pages: Pages, board: Board) -> Answer:
    """The route."""

    async def answer(request: Request) -> Response:
        picture, asked = await board.look(), Asked.of(request.query_params)
        found = [entry for entry in picture.entries if asked.fits(entry)]
        return pages.page(
            request,
            "overview.html",
            picture=picture,
            asked=asked,
            groups=grouped(found, asked.group),
            shown=len(found),
            total=len(picture.entries),
            regions=_words(picture.entries, lambda entry: entry.regions),
            selects=_selects(picture.entries, asked),
            refresh_s=REFRESH_S,
        )

    return answer


def grouped(entries: Sequence[Entry], by: str) -> list[tuple[str, list[Entry]]]:
    """(name, entries) in order of their worst; one without a name where nothing is to be put together."""
    if not by:
        return [("", list(entries))] if entries else []
    groups: dict[str, list[Entry]] = {}
    for entry in entries:  # the worst first, and so are the groups
        groups.setdefault(GROUPINGS[by](entry), []).append(entry)
    return list(groups.items())


def _selects(entries: Sequence[Entry], asked: Asked) -> list[tuple[str, str, str, list[str]]]:
    """(name, word, what is chosen, what there is to choose from)."""
    there = {entry.state for entry in entries}
    return [
        ("tag", "Tag", asked.tag, _words(entries, lambda entry: entry.tags)),
        ("region", "Region", asked.region, _words(entries, lambda entry: entry.regions)),
        ("state", "State", asked.state, [state for state in ORDER if state in there]),
        ("group", "Group by", asked.group, list(GROUPINGS)),
    ]


def _words(entries: Iterable[Entry], of: Callable[[Entry], Iterable[str]]) -> list[str]:
    return sorted({word for entry in entries for word in of(entry)})
