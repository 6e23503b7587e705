"""Each route of the API, with real results from a real store."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from fakes.alerts import AT, check, run, runs
from fakes.rest import SHOP, Site
from fakes.storing import batch, decided, incident, state

from prober.model import Artifact, Condition, HushKind, Observation, Reason, Result, Slo, Verdict
from prober.web import Row

API = "/api/v1"
ROW = Row(
    "shop",
    "http",
    "https://shop.example/",
    state=Verdict.DOWN,
    reason=Reason.STATUS,
    message="expected 200, got 503",
    last_run_at=AT,
    duration_s=0.5,
    next_run_at=AT + 30,
    since=AT - 60,
    undecided="back for 1 of 2",
    run_id="shop-1",
    verdict=Verdict.DOWN,
)


def got(answer: httpx.Response, status: int = 200) -> Any:
    assert answer.status_code == status, answer.text
    return answer.json()


# Checks.


def test_checks_are_listed_by_id_with_their_state_latest_run_and_open_incidents(site: Site, api: httpx.Client) -> None:
    site.rows["shop"] = ROW
    decided(site.store, incidents=(incident(),))
    login, paused, shop = got(api.get(f"{API}/checks"))["checks"]
    assert (login["id"], login["title"], login["state"], login["latest"]) == ("login", "Log-in", "unknown", None)
    assert (paused["id"], paused["enabled"]) == ("paused", False)
    assert (shop["state"], shop["undecided"], shop["incidents"]) == ("down", "back for 1 of 2", ["5f2b"])
    assert shop["latest"] == {
        "run_id": "shop-1",
        "started_at": "2023-11-14T22:13:20.000Z",
        "duration_s": 0.5,
        "verdict": "down",
        "reason": "status",
        "message": "expected 200, got 503",
    }


def test_checks_are_found_by_tag_and_state_and_come_in_pages(site: Site, api: httpx.Client) -> None:
    site.rows["shop"] = ROW
    assert [one["id"] for one in got(api.get(f"{API}/checks?tag=checkout&tag=accounts"))["checks"]] == ["login", "shop"]
    assert [one["id"] for one in got(api.get(f"{API}/checks?state=down"))["checks"]] == ["shop"]
    seen, after = [], ""
    for _ in range(3):
        page = got(api.get(f"{API}/checks?limit=1{after}"))
        seen += [one["id"] for one in page["checks"]]
        after = f"&after={page['next']}"
    assert (seen, after) == (["login", "paused", "shop"], "&after=None")


def test_one_check_comes_with_its_configuration(same: httpx.Client) -> None:
    config = got(same.get(f"{API}/checks/shop"))["config"]
    assert (config["url"], config["interval"], config["tags"]) == ("https://shop.example/", "30s", ["checkout"])
    assert got(same.get(f"{API}/checks/nothing"), 404)["detail"] == "There is no such check here."


def test_five_hundred_checks_take_one_look_at_everything(site: Site, api: httpx.Client) -> None:
    site.checks[:] = [check(f"c{number:03}") for number in range(500)]
    site.rows |= {one.id: ROW for one in site.checks}
    assert len(got(api.get(f"{API}/checks"))["checks"]) == 500
    assert site.looks == 1


# Results and runs.


def stored(site: Site, *results: Result) -> None:
    for number, result in enumerate(results):
        said = state(result.check.id, result.region)
        site.store.commit(batch(f"{result.run_id}-{number}", results=(result,), states=(said,)))


def test_results_come_newest_first_in_pages_that_what_is_added_meanwhile_does_not_move(
    site: Site, api: httpx.Client
) -> None:
    stored(site, *runs(SHOP, "uudu"))
    first = got(api.get(f"{API}/checks/shop/results?limit=2"))
    stored(site, run(SHOP, Verdict.UP, 9))
    second = got(api.get(f"{API}/checks/shop/results?limit=2&cursor={first['next']}"))
    assert [one["run_id"] for one in first["results"]] == ["shop-3", "shop-2"]
    assert [one["run_id"] for one in second["results"]] == ["shop-1", "shop-0"]
    assert second["next"] is None
    assert first["results"][1]["message"] == "status 503, expected 200-399"
    assert first["results"][1]["phases"] == {"total": 0.5}


def test_results_are_found_by_verdict_region_and_time(site: Site, api: httpx.Client) -> None:
    stored(site, *runs(SHOP, "udug"), run(SHOP, Verdict.DOWN, 8, region="us-east-1"))

    def found(query: str) -> list[str]:
        return [one["run_id"] for one in got(api.get(f"{API}/checks/shop/results?{query}"))["results"]]

    assert found("verdict=down&verdict=degraded") == ["shop-8", "shop-3", "shop-1"]
    assert found("region=us-east-1") == ["shop-8"]
    assert found("since=2023-11-14T22:13:50Z&until=2023-11-14T22:14:20%2B00:00") == ["shop-1"]
    assert found("since=2023-11-15T00:13:50+02:00&verdict=up") == ["shop-2"]  # a plus that was not encoded


def test_a_run_is_found_by_its_id_with_all_that_was_seen_but_where_its_files_lie(site: Site, api: httpx.Client) -> None:
    seen = Observation(
        0.5, facts={"status": 503}, artifacts=(Artifact("screenshot", "/var/lib/secret/1.png", "a1", "/artifacts/a1"),)
    )
    stored(site, Result(SHOP, "eu-west-1", "r1", AT, Verdict.DOWN, Reason.STATUS, "503", seen), *runs(SHOP, "d", 1))
    whole = api.get(f"{API}/runs/r1")
    assert "/var/lib" not in whole.text
    assert got(whole)["facts"] == {"status": 503}
    assert got(whole)["artifacts"] == [{"kind": "screenshot", "id": "a1", "url": "/artifacts/a1"}]
    assert got(api.get(f"{API}/runs/shop-1"))["outcomes"][0]["seen"] == "503"
    assert got(api.get(f"{API}/runs/shop"), 404)["detail"] == "There is no such run."


def test_what_a_target_sent_is_passed_on_as_json_whatever_it_was(site: Site, api: httpx.Client) -> None:
    facts = {"header": "\ud800 <script>\x00\u202e", "nan": float("nan")}
    stored(site, Result(SHOP, "eu-west-1", "r1", AT, Verdict.UP, Reason.OK, "\ud800", Observation(0.5, facts=facts)))
    assert got(api.get(f"{API}/runs/r1"))["facts"] == {"header": "? <script>\x00\u202e", "nan": None}
    assert got(api.get(f"{API}/checks/shop/results"))["results"][0]["run_id"] == "r1"


# Uptime and objectives.


def test_uptime_is_time_by_state_overall_and_per_region(site: Site, api: httpx.Client) -> None:
    stored(site, *runs(SHOP, "uuuu"))
    said = got(api.get(f"{API}/checks/shop/uptime?since=2023-11-14T22:00:00Z&until=2023-11-14T23:00:00Z"))
    assert set(said["overall"]["seconds"]) == {"up", "degraded", "down", "unknown", "maintenance", "no_data"}
    assert sum(said["overall"]["seconds"].values()) == pytest.approx(3_600)
    assert (said["overall"]["runs"], said["overall"]["reachability"]) == (4, 1.0)
    assert set(said["regions"]) <= {"eu-west-1"}


def test_uptime_of_the_latest_day_is_what_is_told_without_a_question(same: httpx.Client) -> None:
    said = got(same.get(f"{API}/checks/shop/uptime"))
    assert (said["since"], said["until"]) == ("2023-11-13T23:13:20.000Z", "2023-11-14T23:13:20.000Z")
    assert (said["overall"]["uptime"], said["overall"]["reachability"]) == (None, None)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("since=2024-01-01T00:00:00Z&until=2023-01-01T00:00:00Z", "later than until"),
        ("since=1971-01-01T00:00:00Z", "at most 1100d"),
        ("since=yesterday", "expected a moment with its offset"),
        ("since=2023-02-30T00:00:00Z", "no such moment"),
    ],
)
def test_a_stretch_that_makes_no_sense_is_refused(same: httpx.Client, query: str, message: str) -> None:
    (mistake,) = got(same.get(f"{API}/checks/shop/uptime?{query}"), 422)["errors"]
    assert mistake["path"] == "query.since"
    assert message in mistake["message"]


def test_an_objective_leaves_something_and_a_check_without_one_says_so(site: Site, api: httpx.Client) -> None:
    site.checks.append(check("paid", slo=Slo(objective=99.9)))
    said = got(api.get(f"{API}/checks/paid/slo"))
    assert (said["objective"], said["window_s"]) == (99.9, 30 * 86_400)
    assert "no objective" in got(api.get(f"{API}/checks/shop/slo"), 404)["detail"]


# Incidents.


def test_incidents_come_newest_first_in_pages_also_where_several_began_at_once(site: Site, api: httpx.Client) -> None:
    opened = [incident(f"i{n}", f"c{n}", opened_at=AT + 100 * (n // 2)) for n in range(6)]
    decided(site.store, incidents=opened)
    seen, cursor = [], ""
    while cursor != "&cursor=None":
        page = got(api.get(f"{API}/incidents?limit=2{cursor}"))
        seen += [one["id"] for one in page["incidents"]]
        cursor = f"&cursor={page['next']}"
    assert seen == ["i5", "i4", "i3", "i2", "i1", "i0"]


def test_incidents_are_found_by_check_state_condition_and_time(site: Site, api: httpx.Client) -> None:
    ended = {"closed_at": AT + 50, "finished": True}
    decided(
        site.store,
        incidents=(
            incident("over", **ended),
            incident("lasts", opened_at=AT + 200),
            incident("slow", "login", condition=Condition.DEGRADED, opened_at=AT + 300),
        ),
    )

    def found(query: str) -> list[str]:
        return [one["id"] for one in got(api.get(f"{API}/incidents?{query}"))["incidents"]]

    assert found("") == ["slow", "lasts", "over"]
    assert found("state=open") == ["slow", "lasts"]
    assert found("state=closed") == ["over"]
    assert found("check=shop") == ["lasts", "over"]
    assert found("condition=degraded") == ["slow"]
    assert found("until=2023-11-14T22:13:21Z") == ["over"]
    assert found("since=2023-11-14T22:14:11Z") == ["slow", "lasts"]


def test_an_incident_comes_with_what_happened_in_it(site: Site, api: httpx.Client) -> None:
    decided(site.store, incidents=(incident(),))
    assert api.post(f"{API}/incidents/5f2b/notes", json={"text": "Taking it back.\nNow."}).status_code == 201
    said = got(api.get(f"{API}/incidents/5f2b"))
    assert (said["check_id"], said["state"], said["channels"]) == ("shop", "open", ["ops", "hook"])
    assert any("Taking it back." in event["text"] for event in said["timeline"])
    assert got(api.get(f"{API}/incidents/5f2"), 404)["title"] == "Not Found"


def test_an_incident_is_acknowledged_by_whoever_asks_or_on_somebodys_behalf(site: Site) -> None:
    decided(site.store, incidents=(incident(), incident("77aa", "login")))
    with site.client("bot") as bot:
        assert got(bot.post(f"{API}/incidents/5f2b/ack"))["acked_by"] == "bot"
        said = got(bot.post(f"{API}/incidents/77aa/ack", json={"by": "Ada"}))
        assert (said["acked_by"], said["acked_at"]) == ("Ada (bot)", "2023-11-14T23:13:20.000Z")
        assert got(bot.post(f"{API}/incidents/none/ack"), 404)["status"] == 404
    known = site.store.incident("77aa")
    assert known is not None
    assert (known.acked_by, site.alarm.poked) == ("Ada (bot)", 2)


def test_a_note_is_kept_with_who_wrote_it(site: Site, api: httpx.Client) -> None:
    decided(site.store, incidents=(incident(),))
    said = got(api.post(f"{API}/incidents/5f2b/notes", json={"text": "The disk was full."}), 201)
    assert (said["by"], said["at"]) == ("ada", "2023-11-14T23:13:20.000Z")
    assert [(note.text, note.author) for note in site.store.notes("5f2b")] == [("The disk was full.", "ada")]
    assert got(api.post(f"{API}/incidents/none/notes", json={"text": "x"}), 404)["status"] == 404


# Silences and maintenance.


def test_a_silence_begins_is_listed_and_ends(site: Site, api: httpx.Client) -> None:
    body = {"checks": ["sh*"], "tags": ["accounts"], "lasts": "1h30m", "reason": "deploy 1.4.2"}
    made = got(api.post(f"{API}/silences", json=body), 201)
    assert (made["active"], made["ends_at"], made["by"]) == (True, "2023-11-15T00:43:20.000Z", "ada")
    (hush,) = site.store.hushes(AT + 3_600)
    assert (hush.kind, hush.checks, hush.tags) == (HushKind.SILENCE, ("sh*",), ("accounts",))
    assert got(api.get(f"{API}/silences"))["items"] == [made]
    assert got(api.get(f"{API}/maintenance"))["items"] == []
    assert api.delete(f"{API}/maintenance/{made['id']}").status_code == 404
    assert api.delete(f"{API}/silences/{made['id']}").status_code == 204
    assert api.delete(f"{API}/silences/{made['id']}").status_code == 404
    assert got(api.get(f"{API}/silences"))["items"] == []
    assert site.alarm.poked == 2


def test_maintenance_is_planned_for_everything(site: Site, api: httpx.Client) -> None:
    body = {"everything": True, "starts_at": "2023-11-20T00:00:00+01:00", "lasts": "2h"}
    made = got(api.post(f"{API}/maintenance", json=body), 201)
    assert (made["active"], made["starts_at"]) == (False, "2023-11-19T23:00:00.000Z")
    (hush,) = site.store.hushes(AT + 3_600)
    assert (hush.kind, hush.checks, hush.tags) == (HushKind.MAINTENANCE, (), ())


@pytest.mark.parametrize(
    ("body", "path", "message"),
    [
        ({"lasts": "1h"}, "body", "say which checks"),
        ({"lasts": "1h", "everything": True, "checks": ["shop"]}, "body", "say which checks"),
        ({"lasts": "1h", "checks": ["shopp"]}, "body", "no check 'shopp': did you mean 'shop'?"),
        ({"lasts": "1h", "tags": ["checkuot"]}, "body", "did you mean 'checkout'?"),
        ({"lasts": "tomorrow", "checks": ["shop"]}, "body.lasts", "expected a duration"),
        ({"lasts": "400d", "checks": ["shop"]}, "body.lasts", "expected a duration"),
        ({"lasts": 60, "checks": ["shop"]}, "body.lasts", "expected a duration"),
        ({"lasts": "1h", "checks": ["shop"], "starts_at": "2020-01-01T00:00:00Z"}, "body.starts_at", "has passed"),
        ({"lasts": "1h", "checks": ["shop"] * 51}, "body.checks", "at most 50"),
        ({"lasts": "1h", "checks": ["a b"]}, "body.checks[0]", "pattern"),
        ({"lasts": "1h", "checks": ["shop"], "for": "1h"}, "body.for", "not permitted"),
    ],
)
def test_a_silence_that_makes_no_sense_is_refused_with_what_is_expected(
    lasting: Site, same: httpx.Client, body: dict[str, Any], path: str, message: str
) -> None:
    said = got(same.post(f"{API}/silences", json=body), 422)
    assert said["type"] == "/problems/invalid"
    assert said["errors"][0]["path"] == path
    assert message in said["errors"][0]["message"]
    assert lasting.store.hushes(0.0) == ()


# Markers, signals, health.


@pytest.mark.parametrize("path", ["/markers", f"{API}/markers"])
def test_a_marker_is_set_and_found_again(site: Site, path: str) -> None:
    body = {"text": "shop 1.4.2", "tags": ["checkout"], "url": "https://ci.example/1841", "id": "deploy-1841"}
    with site.client("ci") as ci, site.client("reader") as ada:
        made = got(ci.post(path, json=body), 201)
        assert (made["id"], made["at"], made["by"]) == ("deploy-1841", "2023-11-14T23:13:20.000Z", "ci")
        got(ci.post(path, json={**body, "text": "shop 1.4.3", "at": "2023-11-14T23:00:00Z"}), 201)
        (found,) = got(ada.get(path))["markers"]
        assert (found["text"], found["at"], found["tags"]) == ("shop 1.4.3", "2023-11-14T23:00:00.000Z", ["checkout"])
        assert got(ada.get(path, params={"until": "2023-11-14T22:59:59Z"}))["markers"] == []


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({}, "body.text"),
        ({"text": ""}, "body.text"),
        ({"text": "a\nb"}, "body.text"),
        ({"text": "x" * 201}, "body.text"),
        ({"text": "x", "url": "javascript:alert(1)"}, "body.url"),
        ({"text": "x", "at": "2031-01-01T00:00:00Z"}, "body.at"),
        ({"text": "x", "at": "1999-01-01T00:00:00Z"}, "body.at"),
        ({"text": "x", "at": 1_700_000_000}, "body.at"),
        ({"text": 7}, "body.text"),
    ],
)
def test_a_marker_is_bounded(same: httpx.Client, body: dict[str, Any], path: str) -> None:
    assert got(same.post("/markers", json=body), 422)["errors"][0]["path"] == path


def test_a_signal_is_handed_to_the_check(site: Site, api: httpx.Client) -> None:
    body = {"kind": "fail", "message": "no space left", "duration_s": 3}
    assert got(api.post(f"{API}/checks/shop/signals", json=body), 202) == {"check_id": "shop", "kind": "fail"}
    assert site.signals == [("shop", {"kind": "fail", "message": "no space left", "duration_s": 3.0})]
    assert api.post(f"{API}/checks/none/signals", json=body).status_code == 404
    assert got(api.post(f"{API}/checks/shop/signals", json={"kind": "maybe"}), 422)["errors"][0]["path"] == "body.kind"


def test_a_check_that_is_not_passive_takes_no_signals(site: Site, api: httpx.Client) -> None:
    site.passive = False
    said = got(api.post(f"{API}/checks/shop/signals", json={"kind": "success"}), 409)
    assert said["detail"] == "shop is no passive check: it takes no signals."


def test_health_is_that_of_the_prober(same: httpx.Client) -> None:
    said = got(same.get(f"{API}/health"))
    assert (said["healthy"], said["ready"]["line"], said["figures"]) == (
        {"ok": True, "line": ""},
        "starting",
        {"runs": [{"name": "slots missed", "value": "0", "note": "", "well": True}]},
    )


# Running now, as far as it needs no engine.


def test_a_run_that_is_asked_for_can_be_waited_for_at_its_location(site: Site, api: httpx.Client) -> None:
    asked = api.post(f"{API}/checks/shop/runs")
    run_id = got(asked, 202)["run_id"]
    assert site.runner.begun == [("shop", run_id)]
    assert (asked.headers["location"], asked.headers["retry-after"]) == (f"{API}/runs/{run_id}", "1")
    assert got(api.get(asked.headers["location"]), 202)["status"] == "pending"
    over = Result(SHOP, "eu-west-1", run_id, AT, Verdict.UP, Reason.OK, "", Observation(0.5, phases={"total": 0.5}))
    site.on_loop(site.runs.take, over)
    assert got(api.get(asked.headers["location"]))["verdict"] == "up"


def test_a_run_is_asked_for_once_at_a_time(site: Site, api: httpx.Client) -> None:
    first = got(api.post(f"{API}/checks/shop/runs"), 202)["run_id"]
    assert first in got(api.post(f"{API}/checks/shop/runs"), 409)["detail"]
    assert got(api.post(f"{API}/checks/login/runs"), 202)["check_id"] == "login"


def test_a_wait_that_is_too_short_ends_in_where_to_look(site: Site, api: httpx.Client) -> None:
    asked = api.post(f"{API}/checks/shop/runs?wait=1s")
    assert got(asked, 202)["run_id"] == site.runner.begun[0][1]
    assert got(api.post(f"{API}/checks/login/runs?wait=1h"), 422)["errors"][0]["path"] == "query.wait"


@pytest.mark.parametrize(
    ("check_id", "status", "detail"),
    [("paused", 409, "paused is not enabled."), ("none", 404, "There is no such check here.")],
)
def test_what_does_not_run_is_not_run_now(same: httpx.Client, check_id: str, status: int, detail: str) -> None:
    assert got(same.post(f"{API}/checks/{check_id}/runs"), status)["detail"] == detail


def test_a_run_that_comes_to_nothing_says_so(site: Site, api: httpx.Client) -> None:
    asked = api.post(f"{API}/checks/shop/runs")
    site.on_loop(site.runs.lose, "shop", "", "it was cancelled")
    assert got(api.get(asked.headers["location"]), 404)["detail"] == "The run came to nothing: it was cancelled."
    site.runner.ready = False
    refused = api.post(f"{API}/checks/shop/runs")
    assert got(refused, 503)["detail"] == "Try again later: nothing can run shop at the moment."
    assert refused.headers["retry-after"] == "5"


def test_who_waits_is_not_kept_when_the_prober_stops(site: Site, api: httpx.Client) -> None:
    asked = api.post(f"{API}/checks/shop/runs")
    site.on_loop(site.runs.close)
    assert "stopping" in got(api.get(asked.headers["location"]), 404)["detail"]
    assert "stopping" in got(api.post(f"{API}/checks/shop/runs"), 503)["detail"]
