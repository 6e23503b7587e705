"""A notice as an email: text and HTML, threaded with what else was written of its incident."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from html import escape
from string import Template

from prober.model import Notice, NoticeKind
from prober.notify._plain import plain_text
from prober.notify._texts import cut
from prober.notify._wording import Tone, facts, headline, links, members, seen, tone, unmet

SUBJECT_CHARS = 200
TEXT_BYTES = 64_000
VALUE_CHARS = 1_000

_COLOURS = {Tone.BAD: "#d92d20", Tone.POOR: "#f79009", Tone.GOOD: "#12b76a"}
_MESSAGE_ID = re.compile(r"<[A-Za-z0-9.@_-]{3,200}>", re.ASCII)
_PAGE = Template(
    '<!doctype html><html><body style="font-family:sans-serif;color:#1d2939">'
    '<div style="border-left:6px solid $colour;padding:4px 16px">'
    '<h2 style="margin:4px 0">$headline</h2>$said$lines'
    '<table style="border-collapse:collapse">$facts</table>$note$links</div></body></html>\n'
)
_ROW = Template(
    '<tr><th style="text-align:left;padding:2px 12px 2px 0;color:#667085">$label</th><td>$value</td></tr>\n'
)


def email_of(notice: Notice, sender: Address, to: Sequence[Address], earlier: str = "") -> EmailMessage:
    """The email. The same notice makes the same Message-ID, so one that was sent twice is shown once."""
    message = EmailMessage(policy=SMTP)
    message["From"] = sender
    message["To"] = tuple(to)
    message["Subject"] = cut(headline(notice), SUBJECT_CHARS)
    message["Date"] = datetime.fromtimestamp(notice.at, UTC)
    message["Message-ID"] = message_id(notice, sender.domain)
    first = earlier if _MESSAGE_ID.fullmatch(earlier) else first_id(notice, sender.domain)
    if notice.kind is not NoticeKind.TRIGGER:
        message["In-Reply-To"] = first
        message["References"] = first
    message["Auto-Submitted"] = "auto-generated"
    message["X-Auto-Response-Suppress"] = "All"  # Exchange's word for the same
    message.set_content(plain_text(notice, TEXT_BYTES, titled=True) + "\n", cte="quoted-printable")
    message.add_alternative(html(notice), subtype="html", cte="quoted-printable")
    message.set_boundary(f"prober-{_hash(notice.id)}")
    return message


def message_id(notice: Notice, domain: str) -> str:
    """The Message-ID of ``notice``; a trigger's follows from its incident, so that all others can refer to it."""
    return first_id(notice, domain) if notice.kind is NoticeKind.TRIGGER else f"<{_hash(notice.id)}@{domain}>"


def first_id(notice: Notice, domain: str) -> str:
    """The Message-ID of the trigger of the incident ``notice`` is about."""
    return f"<{_hash(notice.incident_id)}.incident@{domain}>"


def html(notice: Notice) -> str:
    """The email as a page; everything in it is escaped, nothing is fetched."""
    lines = [*unmet(notice), *members(notice)]
    note = _shown(notice.note)
    return _PAGE.substitute(
        colour=_COLOURS[tone(notice)],
        headline=_shown(headline(notice)),
        said=f"<p><code>{_shown(seen(notice))}</code></p>" if seen(notice) else "",
        lines="<ul>" + "".join(f"<li>{_shown(line)}</li>\n" for line in lines) + "</ul>" if lines else "",
        facts="".join(_ROW.substitute(label=_shown(one.label), value=_shown(one.value)) for one in facts(notice)),
        note=f"<p><em>{note}</em></p>" if note else "",
        links="".join(f'<p><a href="{escape(one.url)}">{_shown(one.label)}</a></p>\n' for one in links(notice)),
    )


def _shown(text: str) -> str:
    return escape(cut(text, VALUE_CHARS))


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:32]


def address(text: str) -> Address:
    """``ops@example.com`` or ``Ops <ops@example.com>``. Raises ValueError for anything else."""
    match = re.fullmatch(r"(?:(?P<name>[^<>]*)<)?(?P<user>[^<>@\s]+)@(?P<domain>[A-Za-z0-9.-]+)(?(name)>)", text)
    if match is None or not text.isprintable() or not match["user"].isascii():
        raise ValueError("expected an address such as ops@example.com or Ops <ops@example.com>")
    return Address((match["name"] or "").strip().strip('"'), match["user"], match["domain"])
