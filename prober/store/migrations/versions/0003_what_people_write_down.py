"""What people write down: deploy markers, notes on incidents, announcements, and who wants to hear of them."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text, nullable=False) for name in names]


def _figures(*names: str) -> list[sa.Column[float]]:
    return [sa.Column(name, sa.Float, nullable=False) for name in names]


def _key() -> sa.Column[str]:
    return sa.Column("id", sa.Text, primary_key=True)


def upgrade() -> None:
    op.create_table("markers", _key(), *_figures("at"), *_texts("payload"))
    op.create_index("markers_by_time", "markers", ["at"])
    op.create_table(
        "notes", sa.Column("seq", _SERIAL, primary_key=True), *_texts("incident_id", "text", "author"), *_figures("at")
    )
    op.create_index("notes_by_incident", "notes", ["incident_id", "at"])
    op.create_table("announcements", _key(), *_texts("page", "payload"), *_figures("starts_at", "changed_at"))
    op.create_index("announcements_by_page", "announcements", ["page", "starts_at"])
    op.create_table(
        "subscribers",
        _key(),
        *_texts("page", "kind", "address", "payload"),
        *_figures("asked_at"),
        sa.Column("confirmed_at", sa.Float),
    )
    op.create_index("subscribers_by_page", "subscribers", ["page", "kind", "address"], unique=True)
