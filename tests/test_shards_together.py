"""Two real probers, the two shards of one region on one database: who looks at what, what is kept, what is told."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from fakes.postgres import postgres
from fakes.process import prober
from fakes.receiver import receiver
from fakes.regions import World, target

from prober.shard import owner

SHARDS = ("0/2", "1/2")
CHECKS = [f"check-{number:02}" for number in range(24)]

CONFIG = """
regions: [eu]
store: {{url: "${{PROBER_STORE_URL}}", path: "${{LOCAL_PATH}}"}}
defaults:
  interval: 1s
  timeout: 1s
  alert: {{down_after: 2, up_after: 1, flapping: null}}
channels:
  page: {{kind: webhook, url: "{service}/page", per_minute: 6000}}
routes: [{{channels: [page]}}]
checks:
"""
CHECK = '  - {{id: {id}, kind: http, url: "${{TARGET}}/{id}"}}\n'


@contextmanager
def region(folder: Path) -> Iterator[World]:
    """Both shards of it serve, each with a way of its own to the target, and every check has settled on up."""
    with ExitStack() as stack:
        server = stack.enter_context(postgres())
        place, service = stack.enter_context(target()), stack.enter_context(receiver())
        here = World(server, server.create(), place, service, folder)
        config = folder / "probes.yaml"
        config.write_text(CONFIG.format(service=service.url) + "".join(CHECK.format(id=one) for one in CHECKS))
        for shard in SHARDS:
            name = shard[0]
            here.probers[shard] = stack.enter_context(
                prober(
                    *("serve", "--config", config, "--shard", shard, "--listen", "127.0.0.1:0"),
                    environ={
                        "PROBER_STORE_URL": here.database,
                        "LOCAL_PATH": f"{name}.db",
                        "TARGET": f"{place.url}/{name}",
                    },
                )
            )
        for process in here.probers.values():
            process.wait_for("serving")
        here.until(lambda: Counter(verdict for _, _, verdict in states(here)) == {"up": len(CHECKS)}, "all are up")
        yield here


def states(here: World) -> list[tuple[str, str, str]]:
    found = here.postgres.run("SELECT check_id, region, verdict FROM states", here.database)
    return [(check, region, verdict) for check, region, verdict in found]


def seen_by(here: World) -> dict[str, set[str]]:
    """Which shards have looked at each check."""
    found = defaultdict(set)
    for path in list(here.target.asked):
        shard, _, check = path.partition("/")
        found[check].add(shard)
    return dict(found)


def test_two_shards_run_every_check_once_keep_its_state_and_tell_of_it_once(tmp_path: Path) -> None:
    with region(tmp_path) as here:
        here.run_on(2, tuple(here.target.asked))
        assert seen_by(here) == {check: {str(owner(check, 2))} for check in CHECKS}
        assert sorted(states(here)) == [(check, "eu", "up") for check in CHECKS]

        failing = [next(check for check in CHECKS if owner(check, 2) == shard) for shard in (0, 1)]
        here.cut(*(f"{owner(check, 2)}/{check}" for check in failing))
        here.until(lambda: len(here.told("page")) >= 2, "each shard tells of its own")
        here.cut()
        here.until(lambda: len(here.told("page")) >= 4 and not here.unfinished(), "both are told to be over")
        here.run_on(3, tuple(here.target.asked))

        told = Counter((one.kind, one.condition, one.check) for one in here.told("page"))
        assert told == {(kind, "down", check): 1 for kind in ("trigger", "resolve") for check in failing}
        assert sorted(states(here)) == [(check, "eu", "up") for check in CHECKS]
