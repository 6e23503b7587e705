"""What several regions need to decide together, and incidents, leases and hushes that say more.

The release before goes on reading and writing: what it does not know has a default or is empty in its rows.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_UNFINISHED = "finished = 0 OR (finished IS NULL AND closed_at IS NULL)"


def _text(name: str, default: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False, server_default=sa.text(f"'{default}'"))


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text, nullable=False) for name in names]


def _figures(*names: str) -> list[sa.Column[float]]:
    return [sa.Column(name, sa.Float, nullable=False) for name in names]


def upgrade() -> None:
    _results()
    _states()
    _incidents()
    _outbox()
    op.create_table("hushes", sa.Column("id", sa.Text, primary_key=True), *_hush())
    op.create_index("hushes_by_end", "hushes", ["ends_at"])
    op.create_table("regions", sa.Column("region", sa.Text, primary_key=True), *_region())
    op.execute("INSERT INTO meta (key, value) VALUES ('decision', '')")


def _results() -> None:
    op.add_column("results", sa.Column("runs", sa.Integer, nullable=False, server_default=sa.text("1")))
    # One run may have been written twice by a prober that was killed before it heard of its commit.
    op.execute("DELETE FROM results WHERE seq NOT IN (SELECT min(seq) FROM results GROUP BY check_id, region, run_id)")
    op.create_index("results_by_run", "results", ["check_id", "region", "run_id"], unique=True)


def _states() -> None:
    op.add_column("states", sa.Column("heard_at", sa.Float))
    op.add_column("states", sa.Column("stale_at", sa.Float))
    op.create_index("states_by_staleness", "states", ["stale_at"])
    op.create_table(
        "standings", *_texts("check_id", "region", "payload"), sa.PrimaryKeyConstraint("check_id", "region")
    )


def _incidents() -> None:
    op.add_column("incidents", _text("condition", "down"))
    op.add_column("incidents", sa.Column("finished", sa.Integer))
    op.add_column("incidents", sa.Column("version", sa.Integer, nullable=False, server_default=sa.text("1")))
    op.add_column("incidents", sa.Column("payload", sa.Text))
    op.drop_index("incidents_open", "incidents")
    where = sa.text(_UNFINISHED)
    columns = ["check_id", "region", "condition"]
    op.create_index(
        "incidents_unfinished", "incidents", columns, unique=True, sqlite_where=where, postgresql_where=where
    )


def _outbox() -> None:
    op.add_column("outbox", _text("owner", ""))
    op.add_column("outbox", sa.Column("leased_until", sa.Float, nullable=False, server_default=sa.text("0")))
    op.add_column("outbox", _text("reference", ""))


def _hush() -> list[sa.Column[str] | sa.Column[float]]:
    return [*_texts("kind"), *_figures("starts_at", "ends_at"), *_texts("payload")]


def _region() -> list[sa.Column[str] | sa.Column[float]]:
    return [*_figures("heard_at"), *_texts("instance"), *_figures("leased_until")]
