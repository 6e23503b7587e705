"""The HTTP check: what a user writes, what is asked, what is observed."""

from __future__ import annotations

import asyncio
import gc
import json
import time
import weakref
from typing import Any

import pytest
from fakes.script import Server, answer, http, redirect, stall
from pydantic import ValidationError

from prober import USER_AGENT
from prober.app.assemble import _started_on_curl
from prober.clock import SystemClock
from prober.curl import Curl, Request
from prober.journey.tracing import trace_id_of, traceparent
from prober.judge import judge
from prober.log import Log
from prober.model import Observation, Reason, Verdict
from prober.net import Net
from prober.probes import Context
from prober.probes import http as http_kind
from prober.probes.http import Spec, observe, request
from prober.secret import Secret, secrets_in

CLOCK = SystemClock()


def spec(url: str = "http://shop.example/", **fields: Any) -> Spec:
    return Spec.model_validate({"id": "shop", "kind": "http", "url": url, **fields})


def context(net: Net, timeout_s: float = 5.0) -> Context:
    log = Log()
    return Context("shop", "eu", "run", CLOCK.monotonic() + timeout_s, CLOCK, net, None, log)


def asked(**fields: Any) -> Request:
    return request(spec(**fields), context(Net()))


def headers(asking: Request) -> dict[str, str]:
    return {k: v.reveal() if isinstance(v, Secret) else v for k, v in asking.headers}


def ran(check: Spec, timeout_s: float = 5.0) -> Observation:
    async def main() -> Observation:
        curl, net = Curl(), Net()
        try:
            ctx = context(net, timeout_s)
            return observe(await curl.fetch(request(check, ctx), net, ctx.deadline))
        finally:
            curl.close()
            await net.close()

    return asyncio.run(main())


def test_a_check_goes_all_the_way_from_spec_to_verdict() -> None:
    with Server(http(answer(b'{"ok": true}'))) as server:
        check = spec(server.url(), expect={"status": 200, "json": {"ok": True}})
        seen = ran(check)
    assert judge(seen, check.expect, time.time()).verdict is Verdict.UP
    assert json.loads(json.dumps(dict(seen.facts)))["status"] == 200
    assert seen.duration_s == pytest.approx(sum(seen.phases.values()))


def test_a_stalled_target_is_down_within_timeout_and_a_hundred_milliseconds() -> None:
    with Server(http(stall)) as server:
        started = time.monotonic()
        seen = ran(spec(server.url()), timeout_s=0.3)
        took_s = time.monotonic() - started
    assert judge(seen, spec().expect, 0.0).reason is Reason.TIMEOUT
    assert took_s < 0.3 + 0.1 + 0.6  # the last is for starting and stopping engine and loop


def test_requests_say_that_they_are_synthetic() -> None:
    sent = headers(asked())
    assert sent == {"User-Agent": USER_AGENT, "X-Synthetic-Check": "shop"}
    assert USER_AGENT.startswith("prober/")
    assert USER_AGENT.endswith("(+https://github.com/eventchain/prober)")


def test_a_users_own_agent_gets_the_probers_as_suffix() -> None:
    sent = headers(asked(headers={"user-agent": "Mine/1.0", "x-synthetic-check": "other"}))
    assert sent == {"User-Agent": f"Mine/1.0 {USER_AGENT}", "X-Synthetic-Check": "shop"}


@pytest.mark.parametrize(
    ("auth", "value"),
    [
        ({"basic": {"username": "me", "password": "pw"}}, "Basic bWU6cHc="),
        ({"bearer": "token"}, "Bearer token"),
    ],
)
def test_credentials_become_an_authorization_header_that_hides_its_value(auth: dict[str, Any], value: str) -> None:
    sent = asked(auth=auth)
    assert headers(sent)["Authorization"] == value
    assert value not in repr(sent)


def test_query_parameters_are_encoded_and_added() -> None:
    assert asked(query={"q": "a b&c", "n": "ü"}).url == "http://shop.example/?q=a%20b%26c&n=%C3%BC"
    assert asked(url="http://a/?x=1", query={"y": "2"}).url == "http://a/?x=1&y=2"


def test_everything_that_may_be_secret_is_held_as_one() -> None:
    check = spec(
        headers={"X-Api-Key": "canary-1", "Accept": "text/html"},
        query={"token": "canary-2", "page": "plain"},
        body="canary-3",
        auth={"bearer": "canary-4"},
        proxy="http://me:canary-5@127.0.0.1:3128",
    )
    assert len(secrets_in(check)) == 5
    assert "canary" not in repr(check) + check.model_dump_json() + check.target
    assert check.headers["Accept"] == "text/html"


def test_the_target_is_the_url_without_what_sounds_secret() -> None:
    assert spec("https://shop.example/a?token=canary&x=1#top").target == "https://shop.example/a?token=***&x=1"


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"url": "shop.example"}, "http"),
        ({"url": "ftp://shop.example/"}, "http"),
        ({"url": "http:///x"}, "host"),
        ({"url": "http://me:canary@shop.example/"}, "use auth"),
        ({"headers": {"X A": "b"}}, "not a header name"),
        ({"headers": {"X-A": "canary\r\nX-B: c"}}, "line break"),
        ({"headers": {"X-A": 1}}, "header"),
        ({"auth": {}}, "either basic or bearer"),
        ({"auth": {"bearer": "x", "basic": {"username": "a", "password": "b"}}}, "either basic or bearer"),
        ({"auth": {"basic": {"username": "a:b", "password": "c"}}}, "colon"),
        ({"auth": {"bearer": "x"}, "headers": {"authorization": "y"}}, "exclude"),
        ({"resolve": "shop.example"}, "IP address"),
        ({"proxy": "ftp://127.0.0.1:1"}, "socks5h"),
        ({"proxy": "http://127.0.0.1"}, "PORT"),
        ({"http_version": "0.9"}, "http_version"),
        ({"method": "GE T"}, "method"),
        ({"redirects": {"max": -1}}, "max"),
        ({"tls": {"key_file": "x"}}, "cert_file"),
        ({"nonsense": 1}, "nonsense"),
    ],
)
def test_what_makes_no_sense_is_refused_with_words(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError) as caught:
        spec(**fields)
    message = "; ".join(f"{error['loc']} {error['msg']}" for error in caught.value.errors(include_input=False))
    assert words in message
    assert "canary" not in message


@pytest.mark.parametrize("written", [1.1, 2, 3, "1.1", "2", "3", "auto"])
def test_versions_may_be_written_as_numbers(written: object) -> None:
    assert spec(http_version=written).http_version == str(written)


def test_options_reach_the_request() -> None:
    sent = asked(
        url="https://shop.example/",
        method="post",
        body="x",
        redirects={"follow": False, "max": 3, "allow_downgrade": True},
        ip="v6",
        resolve="::1",
        http_version=2,
        tls={"verify": False},
        allow_link_local=True,
    )
    assert (sent.method, sent.body, sent.follow, sent.max_redirects) == ("POST", Secret("x"), False, 3)
    assert (sent.allow_downgrade, sent.ip, sent.resolve, sent.http_version) == (True, "v6", "::1", "2")
    assert (sent.tls.verify, sent.allow_link_local) == (False, True)


def test_the_schema_documents_every_field() -> None:
    def undocumented(schema: dict[str, Any]) -> list[str]:
        models = {"Spec": schema, **schema["$defs"]}
        return [
            f"{model}.{name}"
            for model, shape in models.items()
            for name, field in shape.get("properties", {}).items()
            if "description" not in field
        ]

    assert undocumented(Spec.model_json_schema()) == []


def test_a_traced_check_tells_the_target_of_a_trace_that_is_recorded() -> None:
    with Server(http(answer(b"ok"))) as server:
        seen = ran(spec(server.url(), trace=True))
        plain = ran(spec(server.url()))
    trace_id = seen.facts["trace_id"]
    told = [line for line in server.heads[0].decode().split("\r\n") if line.lower().startswith("trace")]
    assert told == [f"traceparent: {traceparent(trace_id, None)}"]
    assert "trace_id" not in plain.facts
    assert b"traceparent" not in server.heads[1]


def test_every_run_has_a_trace_of_its_own_though_checks_prepare_their_request_once() -> None:
    async def main(check: Spec, runs: int) -> list[Observation]:
        curl, net = Curl(), Net()
        start, log = _started_on_curl(curl, http_kind), Log()
        seen = []
        try:
            for number in range(runs):
                ended: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
                ctx = Context("shop", "eu", f"run-{number}", CLOCK.monotonic() + 5, CLOCK, net, None, log)
                assert start(check, ctx, ended.set_result)
                seen.append((await ended)())
        finally:
            curl.close()
            await net.close()
        return seen

    with Server(http(answer(b"ok"))) as server:
        seen = asyncio.run(main(spec(server.url(), trace=True), 3))
    traces = [one.facts["trace_id"] for one in seen]
    assert traces == [trace_id_of(f"run-{number}") for number in range(3)]
    assert all(traceparent(trace, None).encode() in head for trace, head in zip(traces, server.heads, strict=True))


def test_what_a_check_asks_is_kept_as_long_as_the_check(monkeypatch: pytest.MonkeyPatch) -> None:
    asked_for: list[str] = []
    request = http_kind.request

    def counting(check: Spec, context: Context) -> Any:
        asked_for.append(check.id)
        return request(check, context)

    async def main() -> weakref.ref[Spec]:
        curl, net = Curl(), Net()
        monkeypatch.setattr(http_kind, "request", counting)
        start, log, check = _started_on_curl(curl, http_kind), Log(), spec(server.url())
        try:
            for number in range(3):
                ended: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
                ctx = Context("shop", "eu", f"run-{number}", CLOCK.monotonic() + 5, CLOCK, net, None, log)
                assert start(check, ctx, ended.set_result)
                (await ended)()
        finally:
            curl.close()
            await net.close()
        return weakref.ref(check)

    with Server(http(answer(b"ok"))) as server:
        gone = asyncio.run(main())
    gc.collect()
    assert len(asked_for) == 1
    assert gone() is None


def test_datadogs_origin_goes_along_when_asked_for() -> None:
    sent = headers(asked(trace="datadog"))
    assert sent["x-datadog-origin"] == "synthetics"
    assert sent["tracestate"] == "dd=s:1;o:synthetics"
    assert sent["traceparent"] == traceparent(trace_id_of("run"), None)


def test_no_redirect_takes_a_trace_to_another_origin() -> None:
    with Server(http(answer(b"ok"))) as elsewhere, Server(http(redirect(elsewhere.url()))) as server:
        seen = ran(spec(server.url(), trace="datadog"))
    assert seen.facts["status"] == 200
    assert b"traceparent" in server.heads[0]
    assert not any(word in elsewhere.heads[0].lower() for word in (b"traceparent", b"tracestate", b"x-datadog"))


def test_a_trace_and_a_traceparent_header_exclude_each_other() -> None:
    with pytest.raises(ValidationError, match="exclude each other"):
        spec(trace=True, headers={"Traceparent": "00-x"})
