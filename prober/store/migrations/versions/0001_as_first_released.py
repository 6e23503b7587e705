"""The tables as first released. A store of that release has them already, but no note of Alembic's."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text, nullable=False) for name in names]


def _figures(*names: str) -> list[sa.Column[float]]:
    return [sa.Column(name, sa.Float, nullable=False) for name in names]


def _table(name: str, *parts: sa.Column[str] | sa.Column[float] | sa.Column[int] | sa.PrimaryKeyConstraint) -> None:
    op.create_table(name, *parts, if_not_exists=True)


def _index(name: str, table: str, columns: list[str], where: str = "", *, unique: bool = False) -> None:
    only = sa.text(where) if where else None
    op.create_index(name, table, columns, unique=unique, if_not_exists=True, sqlite_where=only, postgresql_where=only)


def upgrade() -> None:
    _table("meta", sa.Column("key", sa.Text, primary_key=True), *_texts("value"))
    _table(
        "results",
        sa.Column("seq", _SERIAL, primary_key=True),
        *_texts("check_id", "region", "run_id"),
        *_figures("started_at", "duration_s"),
        *_texts("verdict", "reason", "message", "payload"),
    )
    _index("results_by_check", "results", ["check_id", "seq"])
    _index("results_by_age", "results", ["started_at"])
    _table("states", *_texts("check_id", "region", "verdict", "payload"), sa.PrimaryKeyConstraint("check_id", "region"))
    _table(
        "transitions",
        sa.Column("seq", _SERIAL, primary_key=True),
        *_texts("check_id", "region", "before", "after"),
        *_figures("at", "since"),
    )
    _index("transitions_by_check", "transitions", ["check_id", "seq"])
    _table(
        "incidents",
        sa.Column("id", sa.Text, primary_key=True),
        *_texts("check_id", "region", "reason", "message"),
        *_figures("opened_at"),
        sa.Column("closed_at", sa.Float),
        *_texts("channels", "trigger"),
    )
    _index("incidents_by_age", "incidents", ["opened_at"])
    _index("incidents_open", "incidents", ["check_id", "region"], "closed_at IS NULL", unique=True)
    _outbox()


def _outbox() -> None:
    _table(
        "outbox",
        sa.Column("seq", _SERIAL, primary_key=True),
        sa.Column("id", sa.Text, nullable=False, unique=True),
        *_texts("incident_id", "channel", "kind", "payload"),
        sa.Column("status", sa.Text, nullable=False, server_default=sa.text("'pending'")),
        sa.Column("attempts", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("due_at", sa.Float, nullable=False, server_default=sa.text("0")),
        sa.Column("done_at", sa.Float),
        sa.Column("detail", sa.Text, nullable=False, server_default=sa.text("''")),
    )
    _index("outbox_by_incident", "outbox", ["incident_id", "channel", "seq"])
    _index("outbox_pending", "outbox", ["channel", "due_at"], "status = 'pending'")
