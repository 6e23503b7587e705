"""Bringing a store's tables to where this release knows them, with Alembic and forward only.

Each step only adds, so that the release before can go on using the store. ``meta.schema_version`` is the oldest
version that still can; the released first version refuses what is higher than its own there, and so does every later
one. How far a store has come stands in Alembic's own table.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Protocol

from sqlalchemy import Connection, column, inspect, select, table

from prober.faults import UserFault
from prober.store import schema

HEAD = f"{schema.VERSION:04d}"

# Alembic keeps what it is working on in its own module: within a process one store after another.
_one_at_a_time = threading.Lock()


class Named(Protocol):
    """As much of a place as a refusal tells of it."""

    label: str
    elsewhere: str


def is_current(connection: Connection, place: Named) -> bool:
    """Whether the tables are as this release knows them, or further. Raises UserFault when they cannot be used."""
    tables = inspect(connection).get_table_names()
    if "meta" in tables:
        value = select(schema.meta.c.value).where(schema.meta.c.key == "schema_version")
        needed = connection.execute(value).scalar()
        if needed is not None and int(needed) > schema.VERSION:
            raise UserFault(
                f"the store {place.label} was written by a newer prober (schema {needed}, this one knows "
                f"{schema.VERSION}); upgrade, or {place.elsewhere}"
            )
    if "alembic_version" not in tables:
        return False
    reached = connection.execute(select(column("version_num")).select_from(table("alembic_version"))).scalar()
    return reached is not None and str(reached) >= HEAD


def run(connection: Connection) -> None:
    """Take every step that is missing, within the transaction that ``connection`` is in."""
    # Not needed by a store that is current, and not quick to load.
    from alembic import command
    from alembic.config import Config

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    with _one_at_a_time:
        command.upgrade(config, "head")
    schema.upsert(connection, schema.meta, [{"key": "schema_version", "value": str(schema.READABLE_BY)}])
