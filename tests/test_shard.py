from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prober.shard import Shard, owner, parse_shard

ids = st.text(min_size=1, max_size=40)
counts = st.integers(1, 12)


@given(st.sets(ids, max_size=30), counts)
def test_all_shards_together_run_every_check_exactly_once(checks: set[str], count: int) -> None:
    shards = [Shard(index, count) for index in range(count)]
    run = Counter(check for shard in shards for check in checks if shard.owns(check))
    assert run == Counter(checks)


@given(ids, counts)
def test_one_shard_more_moves_a_check_to_the_new_one_or_not_at_all(check: str, count: int) -> None:
    assert owner(check, count + 1) in (owner(check, count), count)


@pytest.mark.parametrize("count", [1, 2, 5, 9])
def test_one_shard_more_moves_its_share_of_the_checks(count: int) -> None:
    checks = [f"check-{number}" for number in range(6000)]
    moved = sum(owner(check, count) != owner(check, count + 1) for check in checks)
    assert moved / len(checks) == pytest.approx(1 / (count + 1), rel=0.12)


def test_the_checks_are_spread_evenly() -> None:
    spread = Counter(owner(f"check-{number}", 4) for number in range(8000))
    assert min(spread.values()) > 0.92 * 2000
    assert max(spread.values()) < 1.08 * 2000


def test_where_a_check_runs_does_not_depend_on_the_process() -> None:
    assert [owner(f"check-{number}", 5) for number in range(12)] == [*FIXED]


FIXED = (2, 0, 4, 2, 3, 0, 0, 2, 2, 1, 4, 2)


@pytest.mark.parametrize(
    ("text", "host", "shard"),
    [
        ("0/3", "anything", Shard(0, 3)),
        ("2/3", "prober-0", Shard(2, 3)),
        ("0/1", "x", Shard()),
        ("auto/3", "prober-2", Shard(2, 3)),
        ("auto/12", "prober-eu-west-1-11", Shard(11, 12)),
        ("auto/3", "prober-1.prober.monitoring.svc", Shard(1, 3)),
    ],
)
def test_a_shard_is_named_by_its_number_or_by_its_host(text: str, host: str, shard: Shard) -> None:
    assert parse_shard(text, host) == shard


@pytest.mark.parametrize(
    ("text", "host"),
    [
        *(
            (text, "prober-0")
            for text in ("", "1", "3/3", "-1/3", "1/0", "1/x", "a/3", "1/2/3", "auto", "0/1001", "²/3")
        ),
        ("auto/3", "prober"),
        ("auto/3", "prober-3"),
        ("auto/3", "prober-abc"),
    ],
)
def test_what_names_no_shard_is_refused(text: str, host: str) -> None:
    with pytest.raises(ValueError, match=r"expected I/N|there is no shard|does not end in a number"):
        parse_shard(text, host)


def test_a_shard_goes_by_its_regions_name_and_its_own() -> None:
    assert Shard().name("eu") == "eu"
    assert Shard(1, 3).name("eu") == "eu#1/3"
