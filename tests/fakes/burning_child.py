"""The recorder and the meter as a process of their own, to be killed. Usage: burning_child.py STORE.

Prints "begun" when both run, and "told" for every notice that was committed; goes on until it is killed.
"""

import sys
import threading

from fakes.alerts import REGION, Way, check
from prober.alerting import Meter, Recorder, Roster, Surroundings
from prober.model import Slo
from prober.store import Store

CHECK = check(interval="60s", slo=Slo(objective=99.9))


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main(path: str) -> None:
    store = Store(path)
    around = Surroundings(on_state=lambda *_: None, on_notices=lambda _: say("told"), burns=lambda: meter.burns)
    recorder = Recorder(store, Store.in_memory(), REGION, around)
    meter = Meter(store, lambda: 0.0, recorder.poke)
    meter.configure([CHECK])
    recorder.start(Roster.of([CHECK], [Way(("ops",))]))
    meter.start()
    say("begun")
    threading.Event().wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
