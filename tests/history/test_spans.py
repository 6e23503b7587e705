"""Whatever is laid over whatever: the time is told whole, and once."""

from itertools import pairwise

import pytest
from fakes.alerts import AT
from hypothesis import given
from hypothesis import strategies as st

from prober.history import Stretch
from prober.history.spans import by_piece, decided, either, painted, seconds, settled, spans
from prober.model import Transition, Verdict

UNTIL = AT + 1_000.0
TIMES = st.integers(-200, 1_200).map(lambda at: AT + at)
STRETCHES = st.lists(st.tuples(TIMES, TIMES).map(sorted).map(tuple), max_size=6)


@st.composite
def changes(draw: st.DrawFn) -> list[Transition]:
    """In the order they were decided in; since when they hold may be in any."""
    verdicts = draw(st.lists(st.sampled_from(list(Verdict)), min_size=1, max_size=8))
    times = sorted(draw(st.lists(TIMES, min_size=len(verdicts), max_size=len(verdicts))))
    back = draw(st.lists(st.integers(0, 300), min_size=len(verdicts), max_size=len(verdicts)))
    return [
        Transition("shop", "", before, after, at, at - since)
        for before, after, at, since in zip(verdicts, verdicts[1:], times, back, strict=False)
    ]


LINES = st.builds(
    lambda told, blind, lost: painted(
        painted(settled(told, Stretch.UP, AT, UNTIL), blind, Stretch.UNKNOWN), lost, Stretch.NO_DATA
    ),
    changes(),
    STRETCHES,
    STRETCHES,
)


@given(LINES, LINES, changes(), TIMES, STRETCHES, st.lists(TIMES, min_size=2, max_size=8))
def test_spans_are_the_whole_time_and_seconds_add_up_to_it(one, other, together, began, planned, cuts) -> None:  # type: ignore[no-untyped-def]
    seen = decided(either(one, other), settled(together, None, AT, UNTIL), began)
    told = spans(painted(seen, planned, Stretch.MAINTENANCE))
    assert (told[0].start, told[-1].end) == (AT, UNTIL)
    for before, after in pairwise(told):
        assert before.end == after.start
        assert before.state is not after.state
    assert all(span.start < span.end for span in told)
    assert sum(seconds(told, AT, UNTIL).values()) == pytest.approx(UNTIL - AT)
    edges = sorted({AT, UNTIL, *(min(max(cut, AT), UNTIL) for cut in cuts)})
    for (start, end), spent in zip(pairwise(edges), by_piece(told, edges), strict=True):
        assert spent == pytest.approx(seconds(told, start, end))
        assert sum(spent.values()) == pytest.approx(end - start)


@given(LINES, STRETCHES)
def test_what_is_laid_over_is_all_there_is_where_it_lies(line, over) -> None:  # type: ignore[no-untyped-def]
    for start, end, state in painted(line, over, Stretch.MAINTENANCE):
        middle = (start + end) / 2
        assert (state is Stretch.MAINTENANCE) == any(a <= middle < b for a, b in over)


def test_what_regions_did_not_decide_yet_is_what_they_saw() -> None:
    seen = [(AT, UNTIL, Stretch.UP)]
    change = Transition("shop", "", Verdict.UNKNOWN, Verdict.DOWN, AT + 500, AT + 400)
    told = spans(decided(seen, settled([change], None, AT, UNTIL), AT + 400))
    assert [(span.state, span.start - AT) for span in told] == [(Stretch.UP, 0), (Stretch.DOWN, 400)]


def test_where_too_few_regions_were_heard_of_nothing_is_said() -> None:
    seen = [(AT, UNTIL, Stretch.UP)]
    lost = Transition("shop", "", Verdict.UP, Verdict.UNKNOWN, AT + 500, AT + 400)
    told = spans(decided(seen, settled([lost], None, AT, UNTIL), 0.0))
    assert [(span.state, span.start - AT) for span in told] == [(Stretch.UP, 0), (Stretch.NO_DATA, 400)]
