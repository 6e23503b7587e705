import io
import json
from pathlib import Path
from xml.etree import ElementTree

from rich.console import Console

from prober.model import Artifact, Check, Measure, Navigation, Observation, Outcome, Reason, Result, Step, Verdict
from prober.render.junit import junit
from prober.render.results import document, exit_code
from prober.render.terminal import line, progress, report

GOLDEN = Path(__file__).parent / "golden"


def result(name: str, verdict: Verdict, reason: Reason = Reason.OK, message: str = "") -> Result:
    page = Navigation(
        "hard", "http://shop/", ttfb_s=0.02, fcp_s=0.2, lcp_s=2.75, lcp_element="img", cls=0.31, timings={"tls_s": None}
    )
    seen = Observation(
        0.5,
        phases={"connect": 0.1, "processing": 0.4, "total": 0.5},
        facts={"status": 200},
        steps=(Step("Browse [events]", verdict, 0.5, message, (page,)),) if name == "purchase" else (),
        measures=(Measure("order_total", 98.0, "EUR", {"event": "1"}),),
        artifacts=(Artifact("screenshot", "artifacts/a.png", "5f0a"),) if verdict is Verdict.DOWN else (),
    )
    outcomes = (Outcome("status", verdict, reason, "200", "503"),)
    return Result(
        Check(id=name, kind="http"), "eu", "0f" * 8, 1_700_000_000.25, verdict, reason, message, seen, outcomes
    )


RESULTS = [
    result("purchase", Verdict.UP),
    result("api", Verdict.DEGRADED, Reason.LATENCY, "total time: expected at most 1s, saw 1.2s"),
    result("health", Verdict.DOWN, Reason.STATUS, "saw \x1b[31m]]> \x00 & <b> \ud800 ü"),
    result("journey", Verdict.UNKNOWN, Reason.NO_BROWSER, "no browser"),
]


def test_the_exit_code_tells_down_from_unknown_from_fine() -> None:
    assert exit_code(RESULTS) == 1
    assert exit_code([RESULTS[0], RESULTS[3]]) == 3
    assert exit_code(RESULTS[:2]) == 0


def test_the_json_document_is_the_golden_one() -> None:
    text = json.dumps(document(RESULTS[:3], 1.25), indent=2, ensure_ascii=True) + "\n"
    assert text == (GOLDEN / "results.json").read_text()


def test_the_junit_document_is_the_golden_one_and_parses() -> None:
    text = junit(RESULTS, 1.25)
    assert text == (GOLDEN / "results.xml").read_text()
    suite = ElementTree.fromstring(text).find("testsuite")
    assert suite is not None
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("4", "1", "1")
    failure = suite.find("testcase/failure")
    assert failure is not None
    assert failure.get("message") == "saw \\x1b[31m]]> \\x00 & <b> \\xd800 ü"


def shown(what: object, width: int = 100) -> str:
    console = Console(width=width, force_terminal=False, record=True, file=io.StringIO())
    console.print(what)
    return console.export_text()


def test_the_report_shows_every_check_its_reason_and_its_steps() -> None:
    text = shown(report(RESULTS[:3], 1.25))
    for part in ("purchase", "Browse [events]", "LCP 2.75 s", "CLS 0.310", "latency", "status", "artifacts/a.png"):
        assert part in text
    assert "3 checks in 1.25 s: 1 up, 1 degraded, 1 down" in text
    assert "\x1b" not in text


def test_the_progress_shows_who_is_still_running() -> None:
    assert "api" in shown(progress([r.check for r in RESULTS], {"purchase": RESULTS[0]}))


def test_a_plain_line_names_check_verdict_and_reason() -> None:
    assert line(RESULTS[1]) == "degraded  500.0 ms  api  latency: total time: expected at most 1s, saw 1.2s"
