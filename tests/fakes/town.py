"""Several regions on one store, as plain values: what the alerting decides, without a database, a thread or a wait."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

from fakes.alerts import AT, REGION, Way, run
from prober.alerting import Setting, decide
from prober.alerting.setting import Sighting
from prober.model import Check, Condition, Hush, Incident, Notice, NoticeKind, Result, Verdict
from prober.state import State, advance
from prober.store import Decision, Snapshot, Vote


@dataclass
class Town:
    """The store, and what every region does with it. Times are the store's; they move only when told to."""

    checks: dict[str, Check]
    routes: tuple[Way, ...] = (Way(("ops",)),)
    regions: tuple[str, ...] = ()
    """Empty for one that decides alone."""
    now: float = AT
    states: dict[tuple[str, str], State] = field(default_factory=dict)
    heard: dict[tuple[str, str], float] = field(default_factory=dict)
    beats: dict[str, float] = field(default_factory=dict)
    standings: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    incidents: dict[str, Incident] = field(default_factory=dict)
    hushes: list[Hush] = field(default_factory=list)
    told: list[tuple[float, str, Notice]] = field(default_factory=list)
    """(when, channel, notice)."""
    more: dict[str, Any] = field(default_factory=dict)
    """Further fields of the setting."""
    prefix: str = "i"
    _ids: Iterator[int] = field(default_factory=count)

    def run(self, check_id: str, verdict: Verdict, region: str = REGION) -> Decision:
        """One run at this moment, and what follows."""
        return self.take(run(self.checks[check_id], verdict, next(self._ids), at=self.now, region=region))

    def take(self, result: Result) -> Decision:
        key = (result.check.id, result.region)
        before = self.states.get(key) or State(*key)
        after, transitions = advance(before, result, result.check.alert)
        if after is before:
            return Decision()
        # As the recorder has it: what changes nothing is in no decision's scope.
        changed = {result.check.id} if transitions or after.undecided != before.undecided else set[str]()
        self.states[key], self.heard[key] = after, self.now
        sightings = {result.check.id: Sighting.of(result)} if result.verdict is Verdict.DOWN else {}
        return self.decide(changed, result.region, sightings)

    def decide(
        self, changed: Iterable[str] = (), region: str = REGION, sightings: Mapping[str, Sighting] | None = None
    ) -> Decision:
        """What any region would decide now; asked twice, since the store may have to."""
        snapshot = self.snapshot(changed)
        setting = self.setting(region, sightings or {})
        decision = decide(snapshot, setting)
        self.write(decision)
        again = decide(self.snapshot(changed), setting)
        assert not again.notices, "what was told is told again at once"
        assert not again.incidents
        return decision

    def snapshot(self, changed: Iterable[str]) -> Snapshot:
        unfinished = tuple(incident for incident in self.incidents.values() if not incident.finished)
        wanted = {*changed, *(incident.check_id for incident in unfinished)}
        wanted |= {
            check_id
            for (check_id, region), at in self.heard.items()
            if check_id in self.checks and at + self.fresh(check_id) < self.now
        }
        wanted |= {parent for name in wanted if name in self.checks for parent in self.checks[name].depends_on}
        votes: dict[str, dict[str, Vote]] = {}
        for (check_id, region), state in self.states.items():
            if check_id in wanted:
                heard_at = self.heard[check_id, region]
                values = json.loads(json.dumps(state.to_dict()))
                vote = Vote(check_id, region, values, heard_at, heard_at + self.fresh(check_id))
                votes.setdefault(check_id, {})[region] = vote
        hushes = tuple(hush for hush in self.hushes if hush.ends_at > self.now)
        return Snapshot(self.now, votes, dict(self.standings), unfinished, hushes, dict(self.beats))

    def fresh(self, check_id: str) -> float:
        check = self.checks.get(check_id)
        return 2 * check.interval + check.timeout if check else 0.0

    def setting(self, region: str, sightings: Mapping[str, Sighting]) -> Setting:
        return Setting(
            region=region,
            checks=self.checks,
            routes=self.routes,
            new_id=lambda: f"{self.prefix}{next(self._ids)}",
            regions=self.regions,
            contact_since=self.more.get("contact_since", AT - 1e6),
            sightings=sightings,
            **{name: value for name, value in self.more.items() if name != "contact_since"},
        )

    def write(self, decision: Decision) -> None:
        self.standings |= decision.standings
        for check_id in decision.forgotten:
            self.standings.pop(check_id, None)
        for region in decision.gone:
            self.beats.pop(region, None)
        for incident in decision.incidents:
            known = self.incidents.get(incident.id)
            assert incident.version == (known.version if known else 0)
            self.incidents[incident.id] = replace(incident, version=incident.version + 1)
        ids = {notice.id for _, _, notice in self.told}
        for channel, notice in decision.notices:
            assert notice.id not in ids, f"{notice.id} is written twice"
            self.told.append((self.now, channel, notice))
        open_keys = [one.key for one in self.incidents.values() if not one.finished]
        assert len(open_keys) == len(set(open_keys)), "two unfinished incidents of one key"

    def ack(self, incident_id: str, by: str = "somebody") -> None:
        one = self.incidents[incident_id]
        self.incidents[incident_id] = replace(one, acked_at=self.now, acked_by=by, version=one.version + 1)

    def kinds(self, condition: Condition | None = None, channel: str | None = None) -> list[str]:
        """What was told, in order."""
        return [
            notice.kind.value
            for _, to, notice in self.told
            if condition in (None, notice.condition) and channel in (None, to)
        ]

    def open(self, condition: Condition = Condition.DOWN) -> list[Incident]:
        return [one for one in self.incidents.values() if one.condition is condition and not one.finished]

    def last(self) -> Notice:
        return self.told[-1][2]


def told_kinds(town: Town) -> list[tuple[str, str]]:
    return [(notice.check_id, notice.kind.value) for _, _, notice in town.told]


def walk(town: Town, letters: str, check_id: str = "shop", every_s: float = 30.0, region: str = REGION) -> None:
    """One run per letter, and a look at the clock between every two: u up, g degraded, d down, ? unknown, . no run."""
    from fakes.alerts import LETTERS

    for letter in letters:
        if letter != ".":
            town.run(check_id, LETTERS[letter], region)
        town.now += every_s
        town.decide()


__all__ = ["NoticeKind", "Town", "told_kinds", "walk"]
