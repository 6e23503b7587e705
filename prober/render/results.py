"""Results as JSON: the contract of ``prober run --json``. Seconds end in ``_s``; null is "not measured", never 0."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from prober.model import Result, Verdict
from prober.sinks._plain import as_json


def exit_code(results: Sequence[Result]) -> int:
    """0 all up or degraded, 1 at least one down, 3 none down but at least one unknown."""
    verdicts = {result.verdict for result in results}
    if Verdict.DOWN in verdicts:
        return 1
    return 3 if Verdict.UNKNOWN in verdicts else 0


def document(results: Sequence[Result], duration_s: float) -> dict[str, Any]:
    """The whole answer of one ``prober run``, ready for ``json.dumps``."""
    counts = Counter(result.verdict for result in results)
    summary = {
        "total": len(results),
        **{verdict.value: counts[verdict] for verdict in Verdict},
        "duration_s": round(duration_s, 6),
        "exit_code": exit_code(results),
    }
    return {"summary": summary, "results": [as_json(result) for result in results]}
