"""What is kept of results that are gone: what they came to per five minutes and per day, and when nobody looked."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text, nullable=False) for name in names]


def _figures(*names: str) -> list[sa.Column[float]]:
    return [sa.Column(name, sa.Float, nullable=False) for name in names]


def _numbers(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.Integer, nullable=False) for name in names]


def _packed() -> sa.Column[bytes]:
    return sa.Column("payload", sa.LargeBinary, nullable=False)


def _key(*names: str) -> sa.PrimaryKeyConstraint:
    return sa.PrimaryKeyConstraint(*names)


def upgrade() -> None:
    subject = ("check_id", "region", "lacking")
    op.create_table(
        "hours", *_texts("check_id", "region"), *_numbers("hour"), _packed(), _key("check_id", "hour", "region")
    )
    op.create_table(
        "days",
        *_texts("check_id", "region"),
        *_numbers("day", "runs", "good"),
        _packed(),
        _key("check_id", "day", "region"),
    )
    op.create_table("watched", *_texts(*subject), *_figures("since", "until"), _key(*subject))
    op.create_table("gaps", *_texts(*subject), *_figures("starts_at", "ends_at"), _key(*subject, "starts_at"))
    op.create_index("gaps_by_end", "gaps", ["check_id", "ends_at"])
    op.create_index("transitions_by_age", "transitions", ["at"])
