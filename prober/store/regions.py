"""Who is there: regions by when they were last heard of, and the lease that keeps two from having one name."""

from __future__ import annotations

import secrets

from sqlalchemy import Connection, or_, select

from prober.store import schema
from prober.store.hushes import Hushes

SHARDED = "shards"
"""Who a region belongs to that several probers share."""


class Regions(Hushes):
    """The regions' side of the store."""

    def beat(self, region: str, instance: str, lease_s: float, *, shard: str | None = None) -> bool:
        """Note that ``region`` is heard of now; False when another instance that lives goes by the same name.

        One of several shards of a region goes by the name ``shard``, and for the region it leaves no lease: only a
        prober that takes all of the region for its own is in its way.
        """
        with self._writing() as connection:
            if shard is None:
                return self._lease(connection, region, instance, lease_s)
            alone = self._lease(connection, shard, instance, lease_s)
            return self._lease(connection, region, SHARDED, 0.0) and alone

    def _lease(self, connection: Connection, name: str, instance: str, lease_s: float) -> bool:
        now, table = self._now(), schema.regions
        values = {"heard_at": now, "instance": instance, "leased_until": now + lease_s}
        taking = schema.insert_into(connection, table).values(region=name, **values)
        taken = {column: taking.excluded[column] for column in values}
        ours = or_(table.c.instance == instance, table.c.leased_until < taking.excluded.heard_at)
        noted = taking.on_conflict_do_update(index_elements=["region"], set_=taken, where=ours)
        return connection.execute(noted.returning(table.c.region)).first() is not None

    def regions(self) -> dict[str, float]:
        """When each region was last heard of, by the store's clock."""
        return {row.region: row.heard_at for row in self._read(select(schema.regions))}

    def instance_id(self) -> str:
        """This prober's own random name, which it keeps over restarts; for a store of its own only."""
        if self.shared:
            raise ValueError("a shared store belongs to no one instance")
        return self._once("instance_id", secrets.token_hex(8))
