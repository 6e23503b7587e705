"""Notices on their way: who sends which, in which order, and what became of them."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Row,
    ScalarSelect,
    Select,
    Text,
    and_,
    case,
    exists,
    func,
    literal_column,
    or_,
    select,
    update,
)

from prober.model import Notice, NoticeKind
from prober.store import codec, schema
from prober.store.database import Database
from prober.store.rows import OutboxRow
from prober.store.schema import DROPPED, PARKED, PENDING, SENT

LONGEST_WAIT_S = 3_600.0
"""No delivery is put off for longer: what is due later than that was stamped by a clock that was put back since."""

VIA = "-via-"
"""In the id of a notice that goes to a fallback, after the id of the one it stands for."""

_box = schema.outbox
_FREE = {"owner": "", "leased_until": 0.0}


class Outbox(Database):
    """The durable queue between deciding and delivering. Of each incident and channel, one row after another."""

    def claim(self, channel: str, owner: str, lease_s: float) -> OutboxRow | None:
        """The next notice to send to ``channel``, leased to ``owner``; None when nothing is due that nobody holds."""
        now = self._now()
        due = select(_box.c.seq).where(*_head(channel), _ripe(_box.c.due_at, now), _ripe(_box.c.leased_until, now))
        first = due.order_by(_box.c.due_at, _box.c.seq).limit(1).with_for_update(skip_locked=True, of=_box)
        leased = update(_box).where(_box.c.seq == first.correlate(None).scalar_subquery())
        leased = leased.values(owner=owner, leased_until=now + lease_s)
        with self._writing() as connection:
            row = connection.execute(leased.returning(_box.c.seq)).first()
            return None if row is None else codec.outbox_row(_with_company(connection, row.seq))

    def next_due(self, channel: str) -> float | None:
        """When the next notice to ``channel`` can be claimed, by the store's clock; None when there is none."""
        later = case((_box.c.leased_until > _box.c.due_at, _box.c.leased_until), else_=_box.c.due_at)
        found: float | None = self._read(select(func.min(later)).where(*_head(channel)))[0][0]
        return found

    def pending(self) -> dict[str, int]:
        """Notices not yet done, by channel."""
        query = select(_box.c.channel, func.count().label("waiting")).where(_is(_box, PENDING))
        return {row.channel: row.waiting for row in self._read(query.group_by(_box.c.channel))}

    def outbox(self, limit: int = 100, status: str | None = None) -> tuple[OutboxRow, ...]:
        """The latest rows of the outbox, newest first; of one status (pending, sent, parked, dropped) when named."""
        query = select(_box).order_by(_box.c.seq.desc()).limit(limit)
        query = query.where(_box.c.status == status) if status else query
        return tuple(codec.outbox_row(row) for row in self._read(query))

    def standing(self, channel: str, resolved_since: float) -> tuple[Notice, ...]:
        """The latest notice sent to ``channel`` of each incident; of one that is over only if sent after that.

        Not of one whose end is on its way: it may have been taken though no answer came, and would begin again.
        """
        sent = and_(_box.c.channel == channel, _is(_box, SENT))
        latest = select(func.max(_box.c.seq)).where(sent).group_by(_box.c.incident_id)
        stands = or_(_box.c.kind != NoticeKind.RESOLVE.value, _box.c.done_at > resolved_since)
        end = _box.alias("end")
        ending = exists().where(_same(end, _box), end.c.kind == NoticeKind.RESOLVE.value, _is(end, PENDING))
        query = select(_box.c.payload).where(_box.c.seq.in_(latest), stands, ~ending).order_by(_box.c.seq)
        return tuple(codec.notice(row.payload) for row in self._read(query))

    # What became of a row that was claimed. False, and nothing is changed, where another owner has it by now.

    def mark_sent(self, notice_id: str, owner: str, detail: str, reference: str = "", at: float | None = None) -> bool:
        """The service took it, and calls it ``reference``."""
        values = {"detail": codec.text(detail), "reference": codec.text(reference), "attempts": _box.c.attempts + 1}
        done_at = self._now() if at is None else at
        with self._writing() as connection:
            row = _change(connection, notice_id, owner, status=SENT, done_at=done_at, **values)
            if row is None:
                return False
            notice = codec.notice(row.payload)
            if notice.kind is NoticeKind.RESOLVE:
                for instead in _told_instead(connection, notice.incident_id, row.channel):
                    _tell_instead(connection, notice, instead, "")
            return True

    def drop(self, notice_id: str, owner: str, why: str, at: float | None = None) -> bool:
        """It has become pointless; nothing was sent."""
        return self._settle(notice_id, owner, DROPPED, at, detail=codec.text(why))

    def postpone(self, notice_id: str, owner: str, due_at: float, error: str) -> bool:
        """An attempt failed; the next may be made at ``due_at``, by the store's clock."""
        values = {"due_at": due_at, "detail": codec.text(error), "attempts": _box.c.attempts + 1}
        with self._writing() as connection:
            return _change(connection, notice_id, owner, **values) is not None

    def park(
        self, notice_id: str, owner: str, error: str, fallback: str = "", note: str = "", at: float | None = None
    ) -> bool:
        """No attempt can help; nothing is sent until somebody puts it back. Channel ``fallback`` is told instead."""
        values = {"detail": codec.text(error), "attempts": _box.c.attempts + 1}
        done_at = self._now() if at is None else at
        with self._writing() as connection:
            row = _change(connection, notice_id, owner, status=PARKED, done_at=done_at, **values)
            if row is None:
                return False
            notice = codec.notice(row.payload)
            # Whoever was told of it before, though the route may have another fallback by now, or none.
            before = _told_instead(connection, notice.incident_id, row.channel)
            for instead in before or filter(None, [fallback]):
                _tell_instead(connection, notice, instead, note)
            return True

    def _settle(self, notice_id: str, owner: str, status: str, at: float | None, **values: Any) -> bool:
        done_at = self._now() if at is None else at
        with self._writing() as connection:
            return _change(connection, notice_id, owner, status=status, done_at=done_at, **values) is not None

    # By hand.

    def retry(self, id_prefix: str | None = None) -> int:
        """Put parked notices back, all or those whose id begins so with what was parked behind them; how many.

        What an incident's resolve was sent after stays where it is: told now, it would never be taken back.
        """
        # Chosen before any is changed: what waits behind a row is told by that one being parked.
        back = update(_box).where(_box.c.seq.in_(_to_put_back(id_prefix)))
        with self._writing() as connection:
            changed = back.values(status=PENDING, due_at=self._now(), done_at=None, **_FREE)
            return connection.execute(changed).rowcount

    def release(self, owner: str) -> int:
        """Give back what ``owner`` holds: at its end, or at its start what it held when it was killed; how many."""
        with self._writing() as connection:
            held = update(_box).where(_is(_box, PENDING), _box.c.owner == owner)
            return connection.execute(held.values(**_FREE)).rowcount


def _is(table: FromClause, status: str) -> ColumnElement[bool]:
    # Spelled out, since an index over the rows of one status serves no question that leaves it open.
    return table.c.status == literal_column(f"'{status}'", Text)


def _same(one: FromClause, other: FromClause) -> ColumnElement[bool]:
    return and_(one.c.incident_id == other.c.incident_id, one.c.channel == other.c.channel)


def _head(channel: str) -> tuple[ColumnElement[bool], ...]:
    """Pending rows that no earlier pending row of their incident and channel stands before."""
    earlier = _box.alias("earlier")
    waiting = exists().where(_same(earlier, _box), earlier.c.seq < _box.c.seq, _is(earlier, PENDING))
    return (_is(_box, PENDING), _box.c.channel == channel, ~waiting)


def _ripe(at: ColumnElement[float], now: ColumnElement[float]) -> ColumnElement[bool]:
    return or_(at <= now, at > now + LONGEST_WAIT_S)


def _with_company(connection: Connection, seq: int) -> Row[Any]:
    """The row, with what the rows of its incident and channel before and behind it say."""
    other = _box.alias("other")
    before = and_(_same(other, _box), other.c.seq < _box.c.seq)
    orphaned = and_(exists().where(before, _is(other, PARKED)), ~exists().where(before, _is(other, SENT)))
    behind = exists().where(_same(other, _box), other.c.seq > _box.c.seq, _is(other, PENDING))
    query = select(
        _box,
        orphaned.label("orphaned"),
        behind.label("superseded"),
        _reference(other, before).label("earlier"),
    )
    return connection.execute(query.where(_box.c.seq == seq)).one()


def _reference(other: Any, before: ColumnElement[bool]) -> ScalarSelect[str]:
    query: Select[tuple[str]] = select(other.c.reference).where(before, _is(other, SENT), other.c.reference != "")
    return query.order_by(other.c.seq).limit(1).scalar_subquery()


def _change(connection: Connection, notice_id: str, owner: str, **values: Any) -> Row[Any] | None:
    ours = (_box.c.id == notice_id, _box.c.owner == owner, _is(_box, PENDING))
    changed = update(_box).where(*ours).values(**_FREE, **values).returning(_box.c.payload, _box.c.channel)
    return connection.execute(changed).first()


def _instead(notice: Notice, channel: str, note: str) -> Notice:
    digest = hashlib.blake2s(channel.encode(), digest_size=4).hexdigest()
    remark = "; ".join(filter(None, (notice.note, note)))
    return replace(notice, id=f"{notice.id}{VIA}{digest}", note=remark, fallback="")


def _tell_instead(connection: Connection, notice: Notice, channel: str, note: str) -> None:
    schema.insert_new(connection, _box, [codec.outbox_values(channel, _instead(notice, channel, note))], ["id"])


def _told_instead(connection: Connection, incident_id: str, channel: str) -> list[str]:
    """The channels that were told of the incident because ``channel`` could not be."""
    query = select(_box.c.id, _box.c.channel).where(_box.c.incident_id == incident_id).order_by(_box.c.seq)
    rows = connection.execute(query).all()
    ours = {row.id for row in rows if row.channel == channel}
    return list(dict.fromkeys(row.channel for row in rows if row.id.rpartition(VIA)[0] in ours))


def _to_put_back(id_prefix: str | None) -> Select[tuple[int]]:
    row, parked, resolve = (_box.alias(name) for name in ("row", "parked", "resolve"))
    resolved = and_(resolve.c.kind == NoticeKind.RESOLVE.value, _is(resolve, SENT))
    over = exists().where(_same(resolve, row), resolve.c.seq > row.c.seq, resolved)
    query = select(row.c.seq).where(_is(row, PARKED), ~over)
    if id_prefix is None:
        return query
    named = and_(_is(parked, PARKED), parked.c.id.startswith(id_prefix, autoescape=True))
    return query.where(exists().where(_same(parked, row), parked.c.seq <= row.c.seq, named))
