"""What the calendar does for the past: it notes maintenance, rolls up, and throws away what is old enough."""

from datetime import UTC, datetime
from pathlib import Path

from fakes.alerts import AT, check
from fakes.watching import Watching

from prober.app.upkeep import prune, rolled_up
from prober.clock import MovedClock
from prober.config import Config, load
from prober.history import History, Stretch
from prober.store import Store
from prober.store.tally import DAY_S

SHOP = check()
CONFIG = """
checks: [{id: shop, kind: http, url: "https://shop.example/"}]
maintenance:
  - {schedule: "%M %H * * *", duration: 5m, reason: nightly, checks: [shop]}
"""


def config(base: Path, at: float = AT) -> Config:
    path = base / "probes.yaml"
    path.write_text(datetime.fromtimestamp(at, UTC).strftime(CONFIG))
    return load(path, {}, lenient=False).config


def test_a_window_of_the_configuration_is_noted_while_it_lasts_and_known_of_when_it_is_gone(
    store: Store, clock: MovedClock, tmp_path: Path
) -> None:
    minute = AT // 60 * 60
    known = config(tmp_path, minute)
    watching = Watching(store)
    history = History(store, lambda: [SHOP], windows=lambda: known.maintenance, clock=clock)
    for number in range(10):
        watching.sees(SHOP, "ud", minute + 60 * number)
        clock.set_wall(minute + 60 * number + 59)
        rolled_up(store, known)
        assert store.hushes(clock.wall()) == ()
        if number == 2:
            spans = history.spans("shop", "", minute, clock.wall())
            assert [span.state for span in spans] == [Stretch.MAINTENANCE]
    later = History(store, lambda: [SHOP], clock=clock)
    spent = later.uptime("shop", "", minute, minute + 600)
    assert 240 <= spent.seconds[Stretch.MAINTENANCE] <= 300
    assert (spent.runs, spent.good) == (10, 5)
    with store.past() as past:
        (hush,) = past.hushes(minute, minute + 600)
    assert (hush.reason, hush.by, hush.checks) == ("nightly", "the configuration", ("shop",))


def test_each_part_of_the_past_goes_by_its_own_age(store: Store, clock: MovedClock, tmp_path: Path) -> None:
    known = config(tmp_path)
    Watching(store).sees(SHOP, "u" * 5 + "d" * 5 + "u" * 5)
    Watching(store).sees(SHOP, "u", AT + 200 * DAY_S)
    rolled_up(store, known)
    clock.set_wall(AT + 8 * DAY_S)
    rolled_up(store, known)
    prune(store, known.store, clock.wall())
    assert len(store.results("shop")) == 1
    history = History(store, lambda: [SHOP], clock=clock)
    assert history.uptime("shop", "", AT, AT + 450).seconds[Stretch.DOWN] == 150.0
    assert history.latency("shop", "", AT // DAY_S * DAY_S, AT + 450, 1)[0].good == 10
    clock.set_wall(AT + 100 * DAY_S)
    prune(store, known.store, clock.wall())
    with store.past() as past:
        assert past.hours(["shop"], 0, int((AT + DAY_S) // 3_600)) == []
    day = History(store, clock=clock).latency("shop", "", AT // DAY_S * DAY_S, AT + 450, 1)[0]
    assert (day.width_s, day.good) == (DAY_S, 10)
    assert history.uptime("shop", "", AT, AT + 450).seconds[Stretch.DOWN] == 150.0
