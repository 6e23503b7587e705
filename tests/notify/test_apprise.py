"""Apprise: the real library against the receiver, its deadline, and its absence."""

import asyncio
import sys
import threading
from typing import Any

import pytest
from fakes.alerts import EVERY_KIND, HOSTILE, RESOLVE, TRIGGER
from fakes.channels import fault, golden, open_sender, send
from fakes.receiver import Answer, receiver

from prober.app import logs
from prober.faults import Permanent, Retryable, UserFault
from prober.model import Notice
from prober.notify import apprise

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the library's own imports


def sender(*urls: str) -> Any:
    return open_sender({"kind": "apprise", "urls": list(urls)})


def plugin(url: str, path: str = "hook") -> str:
    return f"{url.replace('http://', 'json://user:canary-pass@')}/{path}"


@pytest.mark.parametrize("notice", EVERY_KIND, ids=lambda notice: notice.kind.value)
def test_what_apprise_is_given_is_what_its_golden_file_says(notice: Notice) -> None:
    assert apprise.payload(notice) == golden("apprise", notice)


def test_the_json_plugin_brings_a_notice_to_a_service() -> None:
    with receiver() as service:
        receipt = send(sender(plugin(service.url)))
        (one,) = service.posted
        assert (one.path, one.body["title"], one.body["type"]) == ("/hook", "Down: The storefront", "failure")
        assert "failed 3 times in a row" in one.body["message"]
        send(sender(plugin(service.url)), RESOLVE)
        assert service.posted[1].body["type"] == "success"
    assert receipt.detail == "taken by 1 of 1"


def test_the_most_hostile_notice_can_be_sent() -> None:
    with receiver() as service:
        send(sender(plugin(service.url)), HOSTILE)
        assert len(service.posted[0].body["message"]) <= 4_000


def test_what_no_service_takes_is_retryable_since_apprise_tells_no_more() -> None:
    with receiver() as service:
        service.always = Answer(500)
        found = fault(sender(plugin(service.url), plugin(service.url, "other")))
        assert isinstance(found, Retryable)
        assert str(found) == "taken by none of 2; apprise does not tell why"


def test_one_service_that_takes_it_is_enough() -> None:
    with receiver() as service:
        service.answers.append(Answer(500))
        assert send(sender(plugin(service.url), plugin(service.url, "other"))).detail == "taken by 1 of 2"


@pytest.mark.parametrize("url", ["nosuch://canary-pass@host", "slack://canary-pass"])
def test_a_url_of_no_service_is_permanent_and_not_shown(url: str, caplog: pytest.LogCaptureFixture) -> None:
    for name, level in logs._QUIET.items():
        caplog.set_level(level, logger=name)
    assert isinstance(fault(sender(url)), Permanent)
    assert "canary" not in caplog.text


def test_a_service_that_hangs_is_left_behind_at_the_deadline_and_not_asked_again_meanwhile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(apprise, "DEADLINE_S", 0.1)
    with receiver() as service:
        service.hung_paths.add("/hook")
        one = sender(plugin(service.url))
        assert str(fault(one)) == "no outcome within 0.1 s"
        assert str(fault(one)) == "the attempt before is still under way"
        service.open.set()
        for thread in threading.enumerate():
            if thread.name == "apprise":
                thread.join(20.0)
        monkeypatch.undo()
        assert send(one).status == 200
        assert len(service.wait_for(2)) == 2


def test_a_sender_that_is_cancelled_leaves_its_thread_to_end_by_itself() -> None:
    async def main(url: str) -> None:
        sending = asyncio.ensure_future(sender(plugin(url)).send(TRIGGER))
        await asyncio.to_thread(service.wait_for, 1)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending

    with receiver() as service:
        service.hung_paths.add("/hook")
        asyncio.run(main(service.url))
        service.open.set()
        for thread in threading.enumerate():
            if thread.name == "apprise":
                thread.join(20.0)
                assert not thread.is_alive()


def test_a_missing_extra_is_told_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)
    with pytest.raises(UserFault, match=r"pip install 'prober\[apprise\]'"):
        sender("json://localhost")
