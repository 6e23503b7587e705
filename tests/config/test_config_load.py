"""From a file to a Config: what is merged, what is told, what is kept from sight."""

import os
from pathlib import Path
from textwrap import dedent

import pytest

from prober.config import Config, Defaults, Loaded, load, make_check
from prober.faults import ConfigFault
from prober.model import AlertPolicy, Severity

JOURNEY = """
from prober import journey

@journey(id="buy", title="From the file", timeout="40s", interval="2m", tags=["declared"],
         budgets={"lcp": "3s", "cls": 0.2})
async def buy(page):
    pass

@journey(id="call")
async def call(http):
    pass
"""


@pytest.fixture
def base(tmp_path: Path) -> Path:
    (tmp_path / "buy.py").write_text(JOURNEY)
    return tmp_path


def loaded(base: Path, text: str, environ: dict[str, str] | None = None, *, lenient: bool = False) -> Loaded:
    path = base / "probes.yaml"
    path.write_text(dedent(text))
    return load(path, environ or {}, lenient=lenient)


def errors(base: Path, text: str, environ: dict[str, str] | None = None, *, lenient: bool = False) -> list[str]:
    with pytest.raises(ConfigFault) as caught:
        loaded(base, text, environ, lenient=lenient)
    return [str(error) for error in caught.value.errors]


HOME = '{id: home, kind: http, url: "http://127.0.0.1/"}'


def test_the_shape_of_the_contract_is_read(base: Path) -> None:
    config = loaded(
        base,
        """
        regions: [eu-west-1, us-east-1]
        defaults: {interval: 30s, timeout: 10s, alert: {down_after: 3, up_after: 2}}
        channels:
          ops: {kind: slack, webhook_url: "${SLACK_WEBHOOK_URL}"}
          hook: {kind: webhook, url: "http://127.0.0.1:5001/"}
        routes:
          - {channels: [ops, hook]}
        checks:
          - {id: storefront, kind: http, url: "http://127.0.0.1:8000/",
             expect: {status: 200-299, body: {contains: "Tickets"}}}
          - {id: api-port, kind: tcp, address: "127.0.0.1:8000"}
          - {id: purchase, kind: browser, journey: "buy.py::buy", interval: 5m, timeout: 60s}
        sinks:
          - {kind: cloudwatch, aws_region: eu-west-1}
        store: {path: prober.db}
        web: {listen: "127.0.0.1:9115"}
        browser: {executable: null}
        """,
        {"SLACK_WEBHOOK_URL": "https://hooks.example/T0/B0"},
    ).config
    assert [check.id for check in config.checks] == ["storefront", "api-port", "purchase"]
    assert [check.interval for check in config.checks] == [30.0, 30.0, 300.0]
    assert list(config.channels) == ["ops", "hook"]
    assert [sink.kind for sink in config.sinks] == ["cloudwatch"]
    assert (config.web.host, config.web.port) == ("127.0.0.1", 9115)
    assert config.caps()["http"] == 500


def test_every_section_may_be_left_out_or_left_empty(base: Path) -> None:
    found = loaded(base, "checks:\nroutes:\nchannels:\nsinks:\n")
    assert found.config == Config()
    assert [str(warning) for warning in found.warnings] == ["line 1: checks: there are no checks"]


def test_what_a_check_says_outweighs_the_defaults_key_by_key(base: Path) -> None:
    config = loaded(
        base,
        """
        defaults: {interval: 45s, alert: {down_after: 5, up_after: 4}, severity: warning, tags: [all]}
        checks:
          - {id: a, kind: http, url: "http://127.0.0.1/", alert: {down_after: 1}, tags: [own]}
          - {id: b, kind: http, url: "http://127.0.0.1/", severity: info}
        """,
    ).config
    first, second = config.checks
    assert (first.interval, first.alert, first.tags) == (45.0, AlertPolicy(down_after=1, up_after=4), ("own",))
    assert (second.severity, second.tags) == (Severity.INFO, ("all",))


def test_a_check_outweighs_its_journey_which_outweighs_the_defaults(base: Path) -> None:
    config = loaded(
        base,
        """
        defaults: {interval: 10s, timeout: 5s, runbook: "http://book"}
        checks:
          - {id: a, kind: browser, journey: "buy.py::buy", interval: 3m, expect: {budgets: {lcp: 1s}}}
        """,
    ).config
    check = config.checks[0]
    assert (check.interval, check.timeout, check.tags, check.runbook) == (180.0, 40.0, ("declared",), "http://book")
    assert (check.title, check.expect.budgets) == ("From the file", {"lcp": "1s", "cls": 0.2})  # type: ignore[attr-defined]


def test_what_a_journey_declares_is_told_with_where_it_comes_from(base: Path) -> None:
    told = errors(base, 'checks:\n  - {id: a, kind: browser, journey: "buy.py::buy", interval: 30s}\n')
    assert told == [
        "line 2: checks[0]: timeout 40s exceeds interval 30s; a check never overlaps itself "
        "(timeout comes from @journey in buy.py::buy)"
    ]


def test_a_journey_of_the_other_kind_is_an_error(base: Path) -> None:
    told = errors(base, 'checks:\n  - {id: a, kind: browser, journey: "buy.py::call"}\n')
    assert told == ["line 2: checks[0].journey: call takes no page (write kind: api)"]


def test_the_mistakes_of_a_journey_file_are_told_with_its_own_lines(base: Path) -> None:
    (base / "broken.py").write_text("x = 1\nif x\n")
    told = errors(base, "checks:\n  - {id: a, kind: browser, journey: broken.py}\n")
    assert len(told) == 1
    assert told[0].startswith("line 2: checks[0].journey: broken.py: line 2: not Python")


def test_every_mistake_is_told_at_once(base: Path) -> None:
    told = errors(base, f"web: {{listen: x}}\nbogus: 1\nchecks:\n  - {HOME}\n  - {HOME}\n  - {{kind: tcp}}\n")
    assert len(told) == 5


def test_an_unset_reference_is_an_error_that_hides_what_follows_from_it(base: Path) -> None:
    text = 'checks:\n  - {id: a, kind: http, url: "${SHOP}/health", timout: 5s}\n'
    assert errors(base, text) == [
        "line 2: checks[0].timout: unknown key (did you mean 'timeout'?)",
        "line 2: checks[0].url: the variable SHOP is not set (set it, or write ${SHOP:-default})",
    ]
    assert errors(base, text, lenient=True) == ["line 2: checks[0].timout: unknown key (did you mean 'timeout'?)"]


def test_a_lenient_load_keeps_a_check_whose_references_lead_to_nothing(base: Path) -> None:
    found = loaded(
        base,
        """
        defaults: {runbook: "${BOOK}"}
        channels:
          ops: {kind: slack, webhook_url: "${SLACK}"}
        routes: [{channels: ops}]
        checks:
          - {id: a, kind: http, url: "${SHOP}/health", interval: "${EVERY}", title: Health}
          - {id: b, kind: tcp, address: "${ADDRESS}"}
          - {id: c, kind: browser, journey: "${JOURNEYS}/buy.py"}
          - {id: d, kind: http, url: "http://127.0.0.1/"}
        """,
        lenient=True,
    )
    first, second, third, fourth = found.config.checks
    assert (first.title, first.interval) == ("Health", 30.0)
    assert [str(check.target) for check in (first, second, third)] == [
        "${SHOP}/health",
        "${ADDRESS}",
        "${JOURNEYS}/buy.py",
    ]
    assert len(found.warnings) == 6
    assert [error.path for error in found.lacking([first])] == [
        "defaults.runbook",
        "checks[0].url",
        "checks[0].interval",
    ]
    assert [error.path for error in found.lacking([fourth], "channels")] == [
        "defaults.runbook",
        "channels.ops.webhook_url",
    ]


def test_a_reference_is_text_even_where_a_number_is_meant(base: Path) -> None:
    told = errors(base, f"checks: [{HOME}]\nconcurrency: {{http: '${{CAP}}'}}\n", {"CAP": "5"})
    assert told == [
        "line 2: concurrency.http: expected a whole number, not text "
        "(write it without quotes; references are always text)"
    ]


def test_no_value_of_a_reference_or_secret_stands_in_an_error(base: Path) -> None:
    text = """
        heartbeat: {url: "${CANARY}", every: "${CANARY}"}
        channels:
          a: {kind: slack, webhook_url: "${CANARY}"}
          b: {kind: webhook, url: inline-canary-value}
          c: {kind: "${CANARY}"}
        routes: [{channels: [a, b, c], severity: "${CANARY}", tags: "${CANARY} x"}]
        web: {listen: "${CANARY}"}
        checks:
          - {id: "${CANARY}!", kind: http, url: "${CANARY}", regions: ["${CANARY}"], title: 5}
          - {id: b, kind: tcp, address: "${CANARY}", schedule: "${CANARY}", timezone: "${CANARY}"}
          - {id: c, kind: browser, journey: "${CANARY}.py"}
    """
    told = "\n".join(errors(base, text, {"CANARY": "canary//value :1 :2"}))
    assert "canary-value" not in told
    assert "canary//value" not in told
    assert len(told.splitlines()) >= 12


def test_secrets_are_collected_for_the_redactor(base: Path) -> None:
    (base / "token").write_text("from-a-file\n")
    found = loaded(
        base,
        f"""
        channels: {{hook: {{kind: webhook, url: "http://127.0.0.1:5001/hidden"}}}}
        routes: [{{channels: hook}}]
        heartbeat: {{url: "http://beat/${{file:token}}"}}
        checks: [{HOME}]
        """,
    )
    revealed = {secret.reveal() for secret in found.secrets}
    assert {"http://127.0.0.1:5001/hidden", "http://beat/from-a-file", "from-a-file"} <= revealed
    assert "hidden" not in repr(found)


def test_the_digest_follows_the_content_of_every_file(base: Path) -> None:
    (base / "token").write_text("one-token")
    text = 'heartbeat: {url: "http://b/${file:token}"}\nchecks: [{id: a, kind: browser, journey: "buy.py::buy"}]\n'
    first = loaded(base, text).digest
    assert loaded(base, text).digest == first
    (base / "token").write_text("two-token")
    second = loaded(base, text).digest
    (base / "buy.py").write_text(JOURNEY + "\n# changed\n")
    third = loaded(base, text).digest
    assert len({first, second, third, loaded(base, text + "\n").digest}) == 4


def test_what_is_allowed_but_hardly_meant_is_a_warning(base: Path) -> None:
    found = loaded(
        base,
        """
        channels: {hook: {kind: webhook, url: "http://127.0.0.1:5001/"}}
        checks: []
        """,
    )
    told = [f"{warning.path}: {warning.message}" for warning in found.warnings]
    assert told == ["checks: there are no checks", "channels.hook: no route leads here, so nothing is sent"]


@pytest.mark.parametrize(
    ("name", "message"),
    [("gone.yaml", "No such file or directory"), (".", "Is a directory"), ("a\0b", "embedded null byte")],
)
def test_a_file_that_cannot_be_read_is_one_clear_line(base: Path, name: str, message: str) -> None:
    with pytest.raises(ConfigFault, match=f"cannot be read: {message}"):
        load(base / name, {}, lenient=True)


def test_a_config_may_come_out_of_a_pipe(base: Path) -> None:
    reader, writer = os.pipe()
    with os.fdopen(writer, "wb") as pipe:
        pipe.write(f"checks: [{HOME}]".encode())
    try:
        assert load(Path(f"/dev/fd/{reader}"), {}, lenient=False).config.checks[0].id == "home"
    finally:
        os.close(reader)


def test_a_check_of_the_command_line_takes_the_defaults_of_the_config(base: Path) -> None:
    defaults = Defaults.model_validate({"interval": "12.345s", "alert": {"down_after": 7}, "severity": "info"})
    check = make_check({"id": "x", "kind": "http", "url": "http://127.0.0.1/", "timeout": "1s"}, base, defaults)
    assert (check.interval, check.timeout, check.alert.down_after) == (12.345, 1.0, 7)
    assert check.severity is Severity.INFO


def test_a_journey_of_the_command_line_takes_what_it_declares(base: Path) -> None:
    check = make_check({"id": "x", "kind": "browser", "journey": "buy.py::buy"}, base)
    assert (check.timeout, check.interval) == (40.0, 120.0)


def test_a_bad_check_of_the_command_line_is_told_without_a_line(base: Path) -> None:
    with pytest.raises(ConfigFault) as caught:
        make_check({"id": "x", "kind": "http", "url": "nonsense"}, base)
    assert caught.value.errors[0].path == "url"
    assert caught.value.errors[0].line is None


def test_routes_select_by_check_tag_and_severity(base: Path) -> None:
    config = loaded(
        base,
        """
        channels: {hook: {kind: webhook, url: "http://127.0.0.1:5001/"}}
        routes:
          - {channels: hook}
          - {channels: hook, checks: a}
          - {channels: hook, tags: [x, y]}
          - {channels: hook, severity: [warning, info]}
        checks:
          - {id: a, kind: http, url: "http://127.0.0.1/", tags: [y]}
          - {id: b, kind: http, url: "http://127.0.0.1/", severity: warning}
        """,
    ).config
    taken = [[r.takes(check, check.severity, ("eu",), 0.0) for r in config.routes] for check in config.checks]
    assert taken == [
        [True, True, True, False],
        [True, False, False, True],
    ]


def test_ten_thousand_checks_load_in_seconds(base: Path) -> None:
    # The time-out of the test is the limit; a load that grew quadratic would take minutes.
    rows = "".join(f'  - {{id: c{n}, kind: http, url: "http://127.0.0.1/{n}", tags: [a]}}\n' for n in range(10_000))
    assert len(loaded(base, "checks:\n" + rows).config.checks) == 10_000
