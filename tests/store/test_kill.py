"""A prober killed with -9 while it records and delivers: nothing it had committed is lost, nothing is told wrongly."""

import os
import random
import subprocess
import sys
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest
from fakes import recording_child
from fakes.alerts import REGION, check, runs
from fakes.receiver import Answer, receiver

from prober.state import State, advance
from prober.store import Store

KILLS = 10
TESTS = Path(__file__).parent.parent


def expected(letters: str) -> tuple[State, list[str]]:
    state, changes = State("shop", REGION), []
    for result in runs(check(), letters):
        state, transitions = advance(state, result, check().alert)
        changes += [f"{t.before.value}-{t.after.value} {t.since}" for t in transitions]
    return state, changes


def live(arguments: list[str], lines: int) -> tuple[list[str], bool]:
    """What a child printed, killed after ``lines`` of it; and whether it had come to its end before."""
    environment = {**os.environ, "PYTHONPATH": str(TESTS)}
    child = subprocess.Popen(
        [sys.executable, recording_child.__file__, *arguments], stdout=subprocess.PIPE, text=True, env=environment
    )
    with child:
        assert child.stdout is not None
        try:
            printed = [line for _, line in zip(range(lines), child.stdout, strict=False)]
        finally:
            child.kill()
        # What it had said before the signal reached it counts as well.
        printed += [line for line in child.stdout if line.endswith("\n")]
    said = [line.strip() for line in printed if line.startswith("run ")]
    return said, "done\n" in printed


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_ten_kills_lose_no_transition_incident_notice_or_count(tmp_path: Path) -> None:
    rng = random.Random(20_26)
    letters = "".join(rng.choice(["uuu", "ddd", "dddd", "uu", "d", "u", "?", "g", "dudu"]) for _ in range(400))
    state, changes = expected(letters)
    kills, finished, said = 0, False, list[str]()
    with receiver() as service:
        service.answers.extend(Answer(503) for _ in range(3))
        arguments = [str(tmp_path / "prober.db"), service.url, letters]
        while not finished:
            lines = rng.randrange(1, len(letters) // KILLS) if kills < KILLS else sys.maxsize
            printed, finished = live(arguments, lines)
            said += printed
            kills += not finished
    assert kills >= KILLS
    with closing(Store(arguments[0])) as store:
        assert [State.from_dict(kept) for kept in store.states()] == [state]
        kept = [f"{t.before.value}-{t.after.value} {t.since}" for t in reversed(store.transitions("shop", 10_000))]
        assert kept == changes
        assert [r.run_id for r in reversed(store.results("shop", 10_000))] == [f"shop-{n}" for n in range(len(letters))]
        downs = sum("-down " in change for change in changes)
        assert len(store.incidents(10_000)) == downs
        rows = store.outbox(10_000)
        assert {row.status for row in rows} == {"sent"}
        assert Counter(row.notice.kind.value for row in rows)["trigger"] == downs
        # A run whose state was reported had been committed: no later process took it again.
        numbers = [int(line.split()[1]) for line in said]
        assert numbers == sorted(set(numbers))
        arrived = [str(posted.body["incident"]) for posted in service.posted]
        told = [row.notice.incident_id for row in reversed(rows)]
        assert set(arrived) == set(told)
        assert len(told) <= len(arrived) <= len(told) + kills + 3
        check_order(arrived, [str(posted.body["kind"]) for posted in service.posted])


def check_order(incidents: list[str], kinds: list[str]) -> None:
    """No incident is resolved before it was told, nor told again after."""
    for incident in set(incidents):
        resolved = [kind == "resolve" for i, kind in zip(incidents, kinds, strict=True) if i == incident]
        assert resolved == sorted(resolved)
        assert not resolved[0]
