"""Public status pages: which checks customers are shown, under which names, and how the page looks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from prober.config.alerts import Names, Patterns
from prober.model import Check, Duration, Identifier, Strict
from prober.notify._posting import PublicUrl

LEAST_CONTRAST = 4.5
"""Of text on its ground, WCAG 2.2 AA, 1.4.3."""

LIGHT = {
    "paper": "#ffffff", "text": "#1c1f23", "soft": "#5b626c",
    "up": "#17733f", "degraded": "#8a5a00", "down": "#b3202c", "maintenance": "#1d5ba8", "none": "#5b626c",
}  # fmt: skip
DARK = {
    "paper": "#1c1f24", "text": "#e7e9ec", "soft": "#a3abb6",
    "up": "#5cc98a", "degraded": "#e3b341", "down": "#ff8a8f", "maintenance": "#7db4f5", "none": "#a3abb6",
}  # fmt: skip
"""What the page is written in, as status.css has it: every one must be readable on the ground."""


def _colour(text: str) -> str:
    if not re.fullmatch(r"#[0-9a-fA-F]{6}", text, re.ASCII):
        raise ValueError('expected a colour such as "#0b57d0", quoted')
    return text.lower()


def _luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """How far two colours are apart, 1 to 21, as WCAG 2.2 reckons it."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


Colour = Annotated[str, AfterValidator(_colour)]
Name = Annotated[str, Field(min_length=1, max_length=100)]
Line = Annotated[str, Field(max_length=500)]


class Palette(Strict):
    """The colours of a status page in one scheme, light or dark."""

    accent: Colour
    """Links and buttons, such as "#0b57d0"; readable on the ground and on the panels (#ffffff, in the dark #1c1f24)."""
    ground: Colour
    """What lies behind the panels; every text is readable on it."""


class Colours(Strict):
    """The colours of a status page; each pair of them keeps the contrast that WCAG 2.2 AA asks for."""

    light: Palette = Palette(accent="#0b57d0", ground="#f7f7f5")
    """For those who like it light."""
    dark: Palette = Palette(accent="#8ab4f8", ground="#14161a")
    """For those who like it dark."""

    @model_validator(mode="after")
    def _readable(self) -> Colours:
        for name, palette, fixed in (("light", self.light, LIGHT), ("dark", self.dark, DARK)):
            pairs = [("accent", palette.accent, "ground", palette.ground)]
            pairs += [("accent", palette.accent, "panel", fixed["paper"])]
            pairs += [(word, colour, "ground", palette.ground) for word, colour in fixed.items() if word != "paper"]
            for word, colour, under, ground in pairs:
                if (ratio := contrast(colour, ground)) < LEAST_CONTRAST:
                    raise ValueError(
                        f"{name}: {word} {colour} on {under} {ground} has a contrast of {ratio:.2f}; "
                        f"expected at least {LEAST_CONTRAST} (WCAG 2.2 AA)"
                    )
        return self


class Component(Strict):
    """One line of a status page: what it is called there, and the checks that tell how it is."""

    name: Name
    """What the public calls it."""
    id: Identifier | None = None
    """What badges, announcements and the JSON call it; made of the name when missing."""
    description: Line = ""
    """One line below its name."""
    checks: Patterns = ()
    """The checks that tell how it is, by their ids or patterns. Neither leaves the prober."""
    tags: Names = ()
    """Checks with one of these tags tell it, too."""
    latency: bool = False
    """Whether its latency is public: the badge p95."""

    @property
    def key(self) -> str:
        """Its public id."""
        return self.id or re.sub(r"[^a-z0-9]+", "-", self.name.lower()).strip("-")

    def selects(self, check: Check) -> bool:
        """Whether ``check`` tells how it is."""
        by_id = any(fnmatchcase(check.id, pattern) for pattern in self.checks)
        return by_id or not set(self.tags).isdisjoint(check.tags)

    @model_validator(mode="after")
    def _known_by_something(self) -> Component:
        if not self.checks and not self.tags:
            raise ValueError("expected checks or tags: which checks tell how it is")
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", self.key, re.ASCII):
            raise ValueError("no id can be made of its name; give it an id")
        return self


class Group(Strict):
    """Components that are shown together."""

    name: Name
    """What the public calls them."""
    description: Line = ""
    """One line below its name."""
    components: Annotated[tuple[Component, ...], Field(strict=False, min_length=1, max_length=100)]
    """What is in it."""


class Subscribing(Strict):
    """How people can ask to be told of incidents and announcements. Needs ``web.public_url``."""

    email: Identifier | None = None
    """The channel of kind email whose server and sender are used; nobody can subscribe by email when missing."""
    webhook: bool = False
    """Whether a webhook can be subscribed. It is asked first, and addresses that are not public are never called."""
    private_webhooks: bool = False
    """true: webhooks on private addresses are called, too, for a page of an inner network only."""


class StatusPage(Strict):
    """A page that everybody may see, at ``/status/`` and its name. Nothing of the checks leaves but how they are."""

    title: Name
    """Its heading, such as "Example status"."""
    description: Line = ""
    """One line below it."""
    groups: Annotated[tuple[Group, ...], Field(strict=False, max_length=50)] = ()
    """What is shown, in groups."""
    components: Annotated[tuple[Component, ...], Field(strict=False, max_length=100)] = ()
    """What is shown before all groups."""
    logo: Annotated[str, Field(min_length=1)] | None = None
    """A picture, relative to this file: a PNG of at most 256 KiB, or an SVG of at most 64 KiB, of which only shapes
    and texts are kept."""
    colours: Colours = Colours()
    """Its colours."""
    link: PublicUrl | None = None
    """Where the logo and a line at the end lead to, such as https://www.example.com."""
    link_text: Annotated[str, Field(max_length=100)] = ""
    """What that link is called; its host when missing."""
    announcements: Annotated[str, Field(min_length=1)] | None = None
    """A directory of Markdown files, relative to this file: what people announce; it is read again when it changes."""
    history: Annotated[Duration, Field(ge=86_400, le=90 * 86_400)] = 14 * 86_400.0
    """How long incidents and announcements that are over are shown."""
    incidents: bool = True
    """false: what the checks find shows in the states and bars only, and incidents are what people announce."""
    regions: dict[Identifier, Name] = {}
    """Public names of regions; where something fails is told of these only."""
    subscribe: Subscribing | None = None
    """How people can ask to be told; not at all when missing."""
    indexed: bool = True
    """false asks search engines to leave it out."""

    def all_components(self) -> Iterator[Component]:
        """Every component, in the order they are shown."""
        yield from self.components
        for group in self.groups:
            yield from group.components

    @model_validator(mode="after")
    def _told_apart(self) -> StatusPage:
        seen: set[str] = set()
        for component in self.all_components():
            if component.key.casefold() in seen:
                raise ValueError(f"the component id {component.key!r} is used twice; give one of them another id")
            seen.add(component.key.casefold())
        if not seen:
            raise ValueError("expected groups or components: what it shows")
        return self
