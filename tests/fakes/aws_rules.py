"""What CloudWatch and CloudWatch Logs refuse, written down from AWS's documents apart from the code under test."""

from __future__ import annotations

import math
import re
import time
from typing import Any

Datum = dict[str, Any]

LARGEST = 2**360
_SIZES = {f"{much}{what}".capitalize() for much in ("", "kilo", "mega", "giga", "tera") for what in ("bytes", "bits")}
UNITS = {"Seconds", "Microseconds", "Milliseconds", "Percent", "Count", "Count/Second", "None"}
UNITS |= _SIZES | {f"{size}/Second" for size in _SIZES}
RETENTIONS = {1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731}
RETENTIONS |= {1096, 1827, 2192, 2557, 2922, 3288, 3653}
BATCH_BYTES, EVENT_BYTES, BATCH_EVENTS = 1_048_576, 26, 10_000
DAY_MS, HOUR_MS = 86_400_000, 3_600_000


def flaw_of_metrics(document: dict[str, Any], body_bytes: int) -> str | None:
    """Why PutMetricData would be refused; one bad datum is enough."""
    data, namespace = document["MetricData"], document["Namespace"]
    if body_bytes > 1_000_000:
        return "size"
    if namespace.startswith("AWS/") or not re.fullmatch(r"[^:].{0,254}", namespace):
        return "namespace"
    if not 1 <= len(data) <= 1000:
        return "number of data"
    return next((found for found in map(flaw_of_datum, data) if found), None)


def flaw_of_datum(datum: Datum) -> str | None:
    """Why CloudWatch would refuse ``datum``."""
    names = [dimension["Name"] for dimension in datum["Dimensions"]]
    texts = names + [dimension["Value"] for dimension in datum["Dimensions"]]
    rules = {
        "dimensions": len(names) <= 30 and len(set(names)) == len(names),
        "name": 1 <= len(datum["MetricName"]) <= 255 and datum["MetricName"].isascii(),
        "dimension": all(t.strip() and t.isascii() and t.isprintable() and len(t) <= 1024 for t in texts),
        "dimension name": all(len(name) <= 255 and not name.startswith(":") for name in names),
        "time": time.time() - 14 * 86_400 < datum["Timestamp"] < time.time() + 2 * 3_600,
        "unit": datum["Unit"] in UNITS,
        "resolution": datum.get("StorageResolution", 60) in (1, 60),
        "one of Value, Values and StatisticValues": len({"Value", "Values", "StatisticValues"} & datum.keys()) == 1,
    }
    broken = [rule for rule, holds in rules.items() if not holds]
    return broken[0] if broken else _flaw_of_values(datum)


def _flaw_of_values(datum: Datum) -> str | None:
    if "StatisticValues" in datum:
        known = datum["StatisticValues"]
        count, total, low, high = (known[name] for name in ("SampleCount", "Sum", "Minimum", "Maximum"))
        slack = 1e-9 * (1 + abs(total))
        fits = count > 0 and low <= high and low * count - slack <= total <= high * count + slack
        return None if fits and all(map(_possible, known.values())) else "statistics"
    values = datum.get("Values", [datum.get("Value")])
    counts = datum.get("Counts", [1.0] * len(values))
    if not 1 <= len(values) <= 150 or len(set(values)) != len(values) or len(counts) != len(values):
        return "values"
    return None if all(map(_possible, values)) and all(count > 0 for count in counts) else "value"


def _possible(value: float) -> bool:
    return math.isfinite(value) and abs(value) <= LARGEST


def flaw_of_events(events: list[dict[str, Any]]) -> str | None:
    """Why PutLogEvents would fail as a whole."""
    if not 1 <= len(events) <= BATCH_EVENTS:
        return "number of events"
    sizes = [len(event["message"].encode()) + EVENT_BYTES for event in events]
    if sum(sizes) > BATCH_BYTES or max(sizes) > BATCH_BYTES or not all(event["message"] for event in events):
        return "size"
    times = [event["timestamp"] for event in events]
    if times != sorted(times):
        return "order"
    now_ms = time.time() * 1000
    valid = [at for at in times if now_ms - 14 * DAY_MS <= at <= now_ms + 2 * HOUR_MS]
    return "span" if valid and max(valid) - min(valid) > DAY_MS else None


def rejected(events: list[dict[str, Any]], retention_days: int | None) -> dict[str, int]:
    """What PutLogEvents says of events that it leaves out while it takes the others."""
    now_ms, info = time.time() * 1000, {}
    times = [event["timestamp"] for event in events]
    if too_old := sum(at < now_ms - 14 * DAY_MS for at in times):
        info["tooOldLogEventEndIndex"] = too_old
    if retention_days and (expired := sum(at < now_ms - retention_days * DAY_MS for at in times)):
        info["expiredLogEventEndIndex"] = expired
    if too_new := sum(at > now_ms + 2 * HOUR_MS for at in times):
        info["tooNewLogEventStartIndex"] = len(times) - too_new
    return info


def flaw_of_emf(document: dict[str, Any]) -> str | None:
    """Why no metrics would be made of ``document``, after the specification of the embedded metric format."""
    meta = document["_aws"]
    if not isinstance(meta["Timestamp"], int) or not meta["CloudWatchMetrics"]:
        return "metadata"
    for directive in meta["CloudWatchMetrics"]:
        if set(directive) != {"Namespace", "Dimensions", "Metrics"} or not directive["Namespace"]:
            return "directive"
        for keys in directive["Dimensions"]:
            values = [document.get(key) for key in keys]
            if len(keys) > 30 or not all(isinstance(value, str) and 0 < len(value) <= 1024 for value in values):
                return "dimensions"
        if not 1 <= len(directive["Metrics"]) <= 100:
            return "number of metrics"
        for metric in directive["Metrics"]:
            told = document.get(metric["Name"])
            values = told if isinstance(told, list) else [told]
            if set(metric) - {"Name", "Unit", "StorageResolution"} or metric["Unit"] not in UNITS:
                return "metric"
            if len(values) > 100 or not all(isinstance(value, int | float) and _possible(value) for value in values):
                return "value"
    return None
