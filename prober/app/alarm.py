"""The alerting side of a running prober: the store and its spare, the recorder, and a delivery for each of the two."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module

from prober.alerting import Meter, Recorder, Roster, Surroundings
from prober.app.targets import Place
from prober.app.troubles import Troubles
from prober.clock import Clock
from prober.config import Config, Loaded
from prober.delivery import Delivery
from prober.faults import UserFault, describe
from prober.log import Log
from prober.model import Incident
from prober.notify import CHANNELS, Notifier
from prober.schedule import freshness_s
from prober.state import State
from prober.store import Store, StoreFault, open_store
from prober.web import incident_links

REGION_LEASE_S = 60.0
BEAT_S = 15.0
NOTE_S = 10.0
"""A store that may be far away is not asked more often what is open, unless something was told or answered."""
SELF = "prober"

Letters = Callable[[Config, Store, Callable[[], bytes | None]], Mapping[str, tuple[Notifier, int]]]

_log = Log(__name__)


@dataclass
class Alarm:
    """Takes results, and sees to it that people are told of them."""

    place: Place
    clock: Clock
    troubles: Troubles
    on_state: Callable[[str, State], None]
    """Called in the recorder's thread, with what was committed."""
    letters: Letters = lambda *_: {}
    """Who sends to the subscribers of status pages."""
    _key: bytes | None = None
    _public_url: str | None = None
    _twin: bool = False
    _beaten_at: float = float("-inf")
    _deliveries: tuple[Delivery, ...] = field(default=())
    _open: dict[str, tuple[Incident, ...]] = field(default_factory=dict)
    _noted_at: float = float("-inf")

    def open(self, loaded: Loaded) -> None:
        """Open the stores. Raises UserFault where a store of our own cannot be used."""
        config = loaded.config
        path = loaded.base / config.store.path
        if config.store.url is None:
            self.store = open_store(path, self.clock)
            self.spare = Store.in_memory(self.clock)
        else:
            self.spare = open_store(path, self.clock)
            self.store = open_store(config.store.url, wait=False)
        # Connections of its own: however many look back, the recorder never waits for one.
        self.past = open_store(
            config.store.url or path, None if config.store.url else self.clock, exclusive=False, wait=False
        )
        self._instance = self.own.instance_id()
        self._public_url = config.web.public_url
        self._deliveries = tuple(self._delivery(store, config) for store in (self.store, self.spare))
        self.recorder = Recorder(
            self.store,
            self.spare,
            self.place.region,
            Surroundings(
                on_state=self.on_state,
                on_notices=self._on_notices,
                troubles=self._troubles,
                links=self._links,
                freshness_s=freshness_s,
                burns=lambda: self.meter.burns,
                beat=self._on_beat,
            ),
            clock=self.clock,
            thin_s=config.store.thin,
        )
        self.meter = Meter(self.store, self.clock.monotonic, self.recorder.poke)

    def start(self, config: Config) -> None:
        """Begin with what an earlier process left. Raises UserFault where a store of our own cannot be read."""
        for delivery in self._deliveries:
            delivery.start()
        try:
            self.recorder.start(self._roster(config))
        except StoreFault as fault:
            raise UserFault(f"the store {self.store.path} cannot be read: {fault}") from None
        self._count_for(config)
        self.meter.start()

    def configure(self, config: Config) -> None:
        """Go on with ``config``: channels first, so that no route leads to one that is not there."""
        self._public_url = config.web.public_url
        for delivery in self._deliveries:
            delivery.configure(*self._senders(config))
        self.recorder.configure(self._roster(config))
        self._count_for(config)

    def close(self, grace_s: float) -> None:
        """Commit and send what there is, for a while, and stop."""
        self.meter.close(grace_s)
        self.recorder.close(grace_s)
        for delivery in self._deliveries:
            delivery.close(grace_s)

    def shut(self) -> None:
        """Give up the stores."""
        for store in (self.past, self.store, self.spare):
            store.close()

    # What it says of itself.

    @property
    def alive(self) -> bool:
        """Whether its threads run."""
        return self.recorder.alive and self.meter.alive and all(delivery.alive for delivery in self._deliveries)

    @property
    def sent(self) -> Mapping[str, int]:
        """Notices taken by their service since the start, by channel."""
        return sum((Counter(delivery.sent) for delivery in self._deliveries), Counter())

    @property
    def failed(self) -> Mapping[str, int]:
        """Attempts that failed since the start, by channel."""
        return sum((Counter(delivery.failed) for delivery in self._deliveries), Counter())

    @property
    def parked(self) -> Mapping[str, int]:
        """Notices given up since the start, by channel."""
        return sum((Counter(delivery.parked) for delivery in self._deliveries), Counter())

    @property
    def pending(self) -> Mapping[str, int]:
        """Notices that wait, by channel."""
        return sum((Counter(delivery.pending) for delivery in self._deliveries), Counter())

    def broken(self) -> Mapping[str, str]:
        """Channels that refuse for good, and why."""
        return {name: why for delivery in self._deliveries for name, why in delivery.broken.items()}

    def wake(self) -> None:
        """Something was put into the outbox beside the recorder."""
        self._deliveries[0].wake()

    def poke(self) -> None:
        """Somebody answered a notice: look at once."""
        self._noted_at = float("-inf")
        self.recorder.poke()

    @property
    def incidents(self) -> tuple[Incident, ...]:
        """Those that are not finished, as of a few seconds ago."""
        return tuple(incident for found in dict(self._open).values() for incident in found)

    @property
    def current(self) -> Store:
        """Where incidents are at the moment: the spare while the store is away."""
        return self.spare if self.recorder.away else self.store

    @property
    def own(self) -> Store:
        """The store that is this prober's alone: beside a shared one, its spare."""
        return self.spare if self.store.shared else self.store

    @property
    def key(self) -> bytes | None:
        """What signs the links in notices; None until the store has been in reach."""
        return self._key

    # What it is made of.

    def _delivery(self, store: Store, config: Config) -> Delivery:
        with contextlib.suppress(StoreFault):  # a server that is not there yet: the lease ends by itself
            store.release(self._instance)
        senders, limits = self._senders(config)
        return Delivery(store, senders, self.clock, per_minute=limits, owner=self._instance, patient=store.shared)

    def _senders(self, config: Config) -> tuple[dict[str, Notifier], dict[str, int]]:
        """A sender for each channel and for the subscribers of each status page, and how much each may send."""
        senders, limits = notifiers(config), _limits(config)
        for name, (sender, limit) in self.letters(config, self.store, lambda: self._key).items():
            senders[name], limits[name] = sender, limit
        return senders, limits

    def _roster(self, config: Config) -> Roster:
        enabled = [check for check in config.checks if check.enabled]
        return Roster.of(
            [check for check in enabled if self.place.runs(check)],
            config.routes,
            checks=enabled,
            regions=(config.regions or (self.place.region,)) if self.store.shared else (),
            windows=config.maintenance,
            grouping=config.grouping,
            channels=config.selfwatch.channels,
            silent_after_s=config.selfwatch.silent_after,
            shard=self.place.shard,
        )

    def _count_for(self, config: Config) -> None:
        """Count for the checks whose budgets are decided on here: of several shards each has its own."""
        enabled = [check for check in config.checks if check.enabled]
        ours = [check for check in enabled if self.store.shared or self.place.runs(check)]
        self.meter.configure([check for check in ours if self.place.shard.owns(check.id)], config.maintenance)

    # Called in the recorder's thread.

    def _troubles(self) -> Mapping[str, str]:
        found = self.troubles.current()
        if self._twin:
            found["twin"] = f"another prober runs as region {self.place.name} on the same store"
        return found

    def _beat(self) -> None:
        now = self.clock.monotonic()
        if now - self._beaten_at < BEAT_S:
            return
        try:
            self._key = self._key or self.store.signing_key()
            if self.store.shared:
                self._twin = not self._take_region()
            self._beaten_at = now
        except StoreFault as fault:
            _log.debug("the region's sign of life was not taken", error=describe(fault))

    def _take_region(self) -> bool:
        """Renew the lease on the region, or on the part of it that is this prober's."""
        place = self.place
        shard = place.name if place.name != place.region else None
        return self.store.beat(place.region, self._instance, REGION_LEASE_S, shard=shard)

    def _on_beat(self, back: bool) -> None:
        if back:
            self._beaten_at = float("-inf")  # the others count what this region says from here on
        self._beat()
        if not self.store.shared or self.clock.monotonic() - self._noted_at >= NOTE_S:
            self._note_open()

    def _on_notices(self, spare: bool) -> None:
        self._deliveries[spare].wake()
        self._note_open()

    def _note_open(self) -> None:
        """Look what is open. Of a store that is away it is shown what was open when it went."""
        self._noted_at = self.clock.monotonic()
        for name, store in (("spare", self.spare), *(() if self.recorder.away else (("store", self.store),))):
            with contextlib.suppress(StoreFault):
                self._open[name] = store.open_incidents()

    def _links(self, incident: Incident) -> tuple[tuple[str, str], ...]:
        """The pages to acknowledge and to silence; none where nobody could reach them."""
        if self._public_url is None or self._key is None or incident.check_id == SELF:
            return ()
        return incident_links(self._public_url, self._key, incident.id)


def notifiers(config: Config) -> dict[str, Notifier]:
    """A sender for each channel; its library is imported only now."""
    return {name: import_module(CHANNELS[spec.kind]).Sender(spec) for name, spec in config.channels.items()}


def _limits(config: Config) -> dict[str, int]:
    return {name: spec.per_minute for name, spec in config.channels.items()}
