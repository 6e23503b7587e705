"""The alerting rooms as a process of their own, to be killed: runs of a fixed history, recorded and delivered.

Usage: recording_child.py STORE WEBHOOK_URL LETTERS. Prints one line ("run NUMBER VERDICT FAILURES") for every run whose
state was committed, and goes on where the store says an earlier process stopped.
"""

import sys
import threading

from fakes.alerts import REGION, Way, check, runs
from prober.alerting import Recorder, Roster, Surroundings
from prober.delivery import Delivery
from prober.model import AlertPolicy, Verdict
from prober.notify import webhook
from prober.secret import Secret
from prober.state import State
from prober.store import Store

UNFLAPPING = AlertPolicy(down_after=3, up_after=2, flapping=None)


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main(path: str, url: str, letters: str) -> None:
    store = Store(path)
    committed = threading.Event()

    def on_state(_: str, state: State) -> None:
        if running:
            say(f"run {running[-1]} {state.verdict} {state.failures}")
        committed.set()

    running: list[int] = []
    latest = store.results("shop", limit=1)
    first = int(latest[0].run_id.rpartition("-")[2]) + 1 if latest else 0
    sender = webhook.Sender(webhook.Spec(kind="webhook", url=Secret(url)))
    delivery = Delivery(store, {"ops": sender}, owner="child", per_minute={"ops": 6000})
    store.release("child")
    around = Surroundings(
        on_state=on_state,
        on_notices=lambda _: delivery.wake(),
        freshness_s=lambda _: 1e12,  # these runs were long ago, and count all the same
    )
    recorder = Recorder(store, Store.in_memory(), REGION, around, linger_s=0.0)
    delivery.start()
    recorder.start(Roster.of([check(alert=UNFLAPPING)], [Way(("ops",))]))
    for number, result in enumerate(runs(check(alert=UNFLAPPING), letters[first:], first), first):
        running.append(number)
        committed.clear()
        recorder.put(result)
        if result.verdict is not Verdict.UNKNOWN:  # which changes no state, so none is told
            committed.wait()
    recorder.close(20.0)
    delivery.close(20.0)
    store.close()
    say("done")


if __name__ == "__main__":
    main(*sys.argv[1:])
