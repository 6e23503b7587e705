"""The words every channel says the same."""

from dataclasses import replace

import pytest
from fakes.alerts import AT, BURNS, REMINDER, RESOLVE, SLOW, TRIGGER, UPDATE

from prober.model import Condition, Notice, NoticeKind
from prober.notify._plain import plain_text
from prober.notify._wording import Tone, facts, headline, lasted, links, members, seen, summary, tone, unmet

SILENT = replace(TRIGGER, condition=Condition.SILENT, check_id="eu-west-1", title="eu-west-1")
PROBER = replace(TRIGGER, condition=Condition.PROBER, check_id="prober", title="prober", message="disk full")


@pytest.mark.parametrize(
    ("notice", "line"),
    [
        (TRIGGER, "Down: The storefront"),
        (UPDATE, "Down (update): The storefront"),
        (REMINDER, "Still down for 2h: The storefront"),
        (RESOLVE, "Up again after 5m: The storefront"),
        (replace(RESOLVE, at=AT), "Up again: The storefront"),
        (replace(RESOLVE, message="no longer watched: the check was removed"), "No longer watched: The storefront"),
        (SLOW, "Slow: The storefront"),
        (replace(SLOW, kind=NoticeKind.RESOLVE), "Fast again after 1m: The storefront"),
        (replace(SLOW, reason="certificate"), "Degraded: The storefront"),
        (replace(TRIGGER, condition=Condition.PARTIAL), "Failing in some regions: The storefront"),
        (replace(RESOLVE, condition=Condition.PARTIAL), "Up again in every region after 5m: The storefront"),
        (replace(TRIGGER, condition=Condition.UNMONITORED), "Not monitored: The storefront"),
        (replace(REMINDER, condition=Condition.UNMONITORED), "Still not monitored for 2h: The storefront"),
        (BURNS, "Error budget burns fast: The storefront"),
        (
            replace(BURNS, kind=NoticeKind.REMINDER, at=AT + 7_200),
            "Error budget still burns fast for 2h: The storefront",
        ),
        (replace(RESOLVE, condition=Condition.BURNS_FAST), "Error budget safe again after 5m: The storefront"),
        (replace(BURNS, condition=Condition.BURNS_SLOWLY), "Error budget burns slowly: The storefront"),
        (replace(RESOLVE, condition=Condition.BURNS_SLOWLY), "Error budget lasting again after 5m: The storefront"),
        (SILENT, "Region silent: eu-west-1"),
        (replace(SILENT, kind=NoticeKind.RESOLVE), "Region heard again after 1m: eu-west-1"),
        (PROBER, "Prober in trouble"),
        (replace(PROBER, title="The disk is full"), "Prober in trouble: The disk is full"),
        (replace(PROBER, kind=NoticeKind.RESOLVE), "Prober well again after 1m"),
        (replace(TRIGGER, test=True), "[test] Down: The storefront"),
        (replace(RESOLVE, test=True), "[test] Up again after 5m: The storefront"),
        (replace(TRIGGER, title="a\r\nBcc: b\u202e"), "Down: a Bcc: b"),
    ],
)
def test_a_headline_says_what_is_up_with_what(notice: Notice, line: str) -> None:
    assert headline(notice) == line


@pytest.mark.parametrize("condition", Condition)
@pytest.mark.parametrize("kind", NoticeKind)
def test_every_condition_has_words_for_every_kind_of_notice(condition: Condition, kind: NoticeKind) -> None:
    line = headline(replace(TRIGGER, condition=condition, kind=kind))
    assert line.endswith("The storefront")
    others = [headline(replace(TRIGGER, condition=one, kind=kind)) for one in Condition if one is not condition]
    assert line not in others


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        *[(0, ""), (-5, ""), (0.4, ""), (1.2, "1s"), (60.5, "1m"), (300, "5m"), (312, "5m12s")],
        *[(7_203, "2h"), (7_290, "2h2m"), (262_900, "3d1h")],
    ],
)
def test_a_time_is_told_to_the_precision_people_speak_in(seconds: float, words: str) -> None:
    assert lasted(replace(TRIGGER, at=TRIGGER.since + seconds)) == words


def test_red_is_for_what_people_notice_and_green_for_what_is_over() -> None:
    assert [tone(one) for one in (TRIGGER, BURNS, PROBER, SLOW, SILENT, RESOLVE)] == [
        Tone.BAD,
        Tone.BAD,
        Tone.BAD,
        Tone.POOR,
        Tone.POOR,
        Tone.GOOD,
    ]
    assert tone(replace(SLOW, kind=NoticeKind.RESOLVE)) is Tone.GOOD


def test_nothing_is_said_twice() -> None:
    assert seen(RESOLVE) == ""
    assert seen(replace(RESOLVE, condition=Condition.BURNS_FAST, message="safe again after 5m")) == ""
    assert summary(RESOLVE) == headline(RESOLVE)
    assert unmet(TRIGGER) == ["body contains: expected Tickets, saw <html>down & out</html>"]
    assert "Check" not in [fact.label for fact in facts(replace(TRIGGER, title=TRIGGER.check_id))]
    assert "Region" not in [fact.label for fact in facts(SILENT)]


def test_a_recovery_that_says_more_than_its_headline_is_shown() -> None:
    assert (
        seen(replace(RESOLVE, message="up again but degraded after 5m: 2.1s")) == "up again but degraded after 5m: 2.1s"
    )


def test_the_facts_stand_in_the_order_people_ask_for_them() -> None:
    assert [(fact.label, fact.value) for fact in facts(UPDATE)] == [
        ("Check", "storefront"),
        ("Target", "https://shop.example/"),
        ("Failing in", "eu-west-1, us-east-1"),
        ("Fine in", "ap-south-1"),
        ("Step", "pay by card"),
        ("Severity", "critical"),
        ("Reason", "status"),
        ("Since", "2023-11-14T22:13:20.000Z"),
        ("Last good", "2023-11-14T22:12:50.000Z"),
        ("Failures", "failed 3 times in a row"),
        ("Phases", "resolve 4ms, connect 21ms, first_byte 1.25s"),
        ("Trace", "4bf92f3577b34da6a3ce929d0e0e4736"),
        ("Tags", "shop, checkout"),
        ("Incident", "5f2b"),
    ]


def test_a_recovery_tells_when_it_began_and_ended() -> None:
    told = {fact.label: fact.at for fact in facts(RESOLVE)}
    assert (told["Began"], told["Ended"]) == (AT, AT + 300.0)
    assert not {"Since", "Failures"} & set(told)


def test_actions_come_first_and_what_no_browser_opens_is_not_linked() -> None:
    odd = replace(UPDATE, evidence=(*UPDATE.evidence, ("har", "s3://bucket/1.har"), ("x", "javascript:alert(1)")))
    assert [one.label for one in links(odd)] == ["Acknowledge", "Silence", "Runbook", "Screenshot", "Trace"]


def test_long_lists_say_how_many_more_there_are() -> None:
    crowd = replace(
        UPDATE, members=(("a", "A", "down"),) * 40, expected=(("x", "1", "2"),) * 9, regions_down=("r",) * 20
    )
    assert members(crowd)[-1] == "and 25 more"
    assert unmet(crowd)[-1] == "and 4 more"
    assert facts(crowd)[2].value.endswith("and 8 more")


def test_plain_text_says_all_of_it() -> None:
    text = plain_text(UPDATE, 10_000, titled=True)
    assert text == (
        "Down (update): The storefront\n\n"
        "status 503, expected 200-299\n\n"
        "Check: storefront\nTarget: https://shop.example/\nFailing in: eu-west-1, us-east-1\nFine in: ap-south-1\n"
        "Step: pay by card\nSeverity: critical\nReason: status\nSince: 2023-11-14T22:13:20.000Z\n"
        "Last good: 2023-11-14T22:12:50.000Z\nFailures: failed 3 times in a row\n"
        "Phases: resolve 4ms, connect 21ms, first_byte 1.25s\nTrace: 4bf92f3577b34da6a3ce929d0e0e4736\n"
        "Tags: shop, checkout\nIncident: 5f2b\n\n"
        "Told together:\n- The events – status 503\n- login\n\n"
        "The shared database is away: this is one region's own view.\n\n"
        "Acknowledge: https://status.example/i/5f2b?ack\nSilence: https://status.example/i/5f2b?mute\n"
        "Runbook: https://wiki.example/runbooks/storefront\nScreenshot: https://status.example/e/1.png\n"
        "Trace: https://status.example/e/1.zip"
    )
