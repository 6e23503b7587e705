"""What some checks were over a while, gathered from one moment of the store with few statements."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from prober.history.planned import Planned
from prober.history.spans import SETTLED, Line, decided, either, painted, settled, spans
from prober.history.words import Span, Stretch
from prober.model import Transition, Verdict
from prober.state import Outlook
from prober.store.coverage import Coverage, common
from prober.store.past import Past
from prober.store.shares import UNTOLD, UNWATCHED, Key, Share, Word, applied, freshness, shares

_OUTLOOKS = {
    Outlook.UP.value: Stretch.UP,
    Outlook.DEGRADED.value: Stretch.DEGRADED,
    Outlook.PARTIAL.value: Stretch.DEGRADED,
    Outlook.DOWN.value: Stretch.DOWN,
}


def fresh(past: Past, check_ids: Collection[str], words: Mapping[Key, Word], planned: Planned) -> dict[Key, Share]:
    """What is not rolled up yet, by check and region."""
    return shares(past.unrolled(check_ids), freshness(words), planned.at)


class Scene:
    """Some checks, from ``since`` until now."""

    def __init__(self, past: Past, check_ids: Collection[str], since: float, planned: Planned) -> None:
        self._planned, self._now = planned, past.now
        words = past.words(check_ids)
        self.fresh = fresh(past, check_ids, words, planned)
        """What is not rolled up yet, by check and region."""
        self._coverage = past.coverage(check_ids, since)
        for key, share in self.fresh.items():
            for lacking, looks in share.looks.items():
                covered = applied(self._coverage.get((*key, lacking)), looks)
                if covered is not None:
                    self._coverage[(*key, lacking)] = covered
        for key, word in words.items():
            # Runs that wait to be stood for have no row yet; had there been a gap before them, one would.
            for lacking in (UNWATCHED, UNTOLD):
                covered = self._coverage.get((*key, lacking))
                if covered is not None and word.stale_at is not None:
                    covered.until = max(covered.until, word.stale_at)
        self._current: dict[Key, Stretch | None] = {
            key: SETTLED.get(_verdict(word.verdict)) for key, word in words.items()
        }
        self._current |= {(name, ""): _OUTLOOKS.get(outlook) for name, outlook in past.outlooks(check_ids).items()}
        self._transitions: dict[Key, list[Transition]] = past.transitions(check_ids, since)
        self._regions: dict[str, list[str]] = {}
        for check_id, region, lacking in sorted(self._coverage, key=lambda key: self._coverage[key].since):
            if lacking == UNWATCHED:
                self._regions.setdefault(check_id, []).append(region)
        self._began = self._decide_since(past)
        forgotten = {check_id for check_id, names in self._regions.items() if self._is_forgotten(check_id, names)}
        if forgotten:
            self._transitions = past.last_transitions(forgotten) | self._transitions

    def spans(self, check_id: str, region: str, since: float, until: float) -> tuple[Span, ...]:
        """The whole time between, oldest first."""
        regions = self._regions.get(check_id, ())
        if since >= until:
            return ()
        if region not in ("", *regions) or not regions:
            return (Span(Stretch.NO_DATA, since, until),)
        line = self._seen(check_id, region, since, until) if region else self._over_all(check_id, since, until)
        watched = (min(self._watched(check_id, name).since for name in regions), self._now)
        line = painted(line, common(self._planned.of(check_id), [watched]), Stretch.MAINTENANCE)
        return spans(painted(line, [(self._now, until)] if until > self._now else (), Stretch.NO_DATA))

    def _decide_since(self, past: Past) -> dict[str, float]:
        """By check on which regions decide together: since when; from before all that is asked, where that is clear."""
        names = {name for name, region in (*self._current, *self._transitions) if not region}
        before = {name: self._transitions.get((name, "")) for name in names}
        clear = {
            name
            for name, changes in before.items()
            if (SETTLED[changes[0].before] if changes else self._current.get((name, ""))) is not None
        }
        return dict.fromkeys(clear, float("-inf")) | past.decided_since(names - clear)

    def _is_forgotten(self, check_id: str, regions: Sequence[str]) -> bool:
        """Whether nothing is said of it any more, nor was lately."""
        keys = [(check_id, region) for region in regions]
        return not any(key in self._current or key in self._transitions for key in keys)

    def _over_all(self, check_id: str, since: float, until: float) -> Line:
        """What the regions decided together; where they did not, what any of them saw, the latest to begin first."""
        first, *others = self._regions[check_id]
        line = self._seen(check_id, first, since, until)
        for region in others:
            line = either(line, self._seen(check_id, region, since, until))
        if check_id not in self._began:
            return line
        key = (check_id, "")
        together = settled(self._transitions.get(key, ()), self._current.get(key), since, until)
        return decided(line, together, self._began[check_id])

    def _seen(self, check_id: str, region: str, since: float, until: float) -> Line:
        """What one region saw."""
        key = (check_id, region)
        line = settled(self._transitions.get(key, ()), self._current.get(key), since, until)
        told = self._coverage.get((*key, UNTOLD))
        untold = [(since, until)] if told is None else told.missing(since, until)
        line = painted(line, untold, Stretch.UNKNOWN)
        return painted(line, self._watched(check_id, region).missing(since, until), Stretch.NO_DATA)

    def _watched(self, check_id: str, region: str) -> Coverage:
        return self._coverage[(check_id, region, UNWATCHED)]


def _verdict(value: str) -> Verdict:
    return Verdict(value) if value in Verdict.__members__.values() else Verdict.UNKNOWN
