"""Results as JUnit XML, as CI servers read it: one testcase a check, down as failure, unknown as error."""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.etree import ElementTree

from prober.clock import iso
from prober.model import Result, Verdict

# What XML 1.0 cannot carry at all (https://www.w3.org/TR/xml/#charsets), not even escaped.
_UNPRINTABLE = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(results: Sequence[Result], duration_s: float) -> str:
    """The document, with an XML declaration. Control characters are shown as ``\\x1b``."""
    suite = ElementTree.Element(
        "testsuite",
        name="prober",
        tests=str(len(results)),
        failures=str(_count(results, Verdict.DOWN)),
        errors=str(_count(results, Verdict.UNKNOWN)),
        skipped="0",
        time=f"{duration_s:.3f}",
    )
    if results:
        suite.set("timestamp", iso(min(result.started_at for result in results)))
    for result in results:
        suite.append(_case(result))
    suites = ElementTree.Element("testsuites")
    suites.append(suite)
    ElementTree.indent(suites)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(suites, encoding="unicode") + "\n"


def _count(results: Sequence[Result], verdict: Verdict) -> int:
    return sum(result.verdict is verdict for result in results)


def _case(result: Result) -> ElementTree.Element:
    case = ElementTree.Element(
        "testcase",
        classname=f"prober.{result.check.kind}",
        name=result.check.id,
        time=f"{result.duration_s:.3f}",
    )
    if result.verdict in (Verdict.DOWN, Verdict.UNKNOWN):
        tag = "failure" if result.verdict is Verdict.DOWN else "error"
        problem = ElementTree.SubElement(case, tag, type=result.reason.value, message=_clean(result.message))
        problem.text = _clean(_story(result))
    else:
        ElementTree.SubElement(case, "system-out").text = _clean(_story(result))
    return case


def _story(result: Result) -> str:
    lines = [f"{result.verdict.value}: {result.reason.value}: {result.message}".removesuffix(": "), result.check.target]
    lines += [f"{o.expectation}: {o.verdict.value}: expected {o.expected}, saw {o.seen}" for o in result.outcomes]
    lines += [
        f"step {step.name}: {step.verdict.value} in {step.duration_s:.3f}s {step.message}".rstrip()
        for step in result.observation.steps
    ]
    lines += [f"{artifact.kind}: {artifact.path}" for artifact in result.observation.artifacts]
    return "\n".join(lines)


def _clean(text: str) -> str:
    return _UNPRINTABLE.sub(lambda match: f"\\x{ord(match[0]):02x}", text)
