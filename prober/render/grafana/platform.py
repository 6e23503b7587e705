"""The probers' own health, and the production dashboard of the platform's monitoring document."""

from __future__ import annotations

from prober.render.grafana.panels import NONE_IS_GOOD, Panel, Row, figure, lines

HERE = '{region=~"$region"}'
OK = ((None, "red"), (1, "green"))


def _grown(family: str, by: str) -> str:
    return f"sum by ({by}) (increase({family}[$__rate_interval]))"


HEALTH: tuple[Panel | Row, ...] = (
    figure("Probers", "How many answer Prometheus.", f"count(prober_build_info{HERE})"),
    figure(
        "Silent checks",
        "Checks whose last run is older than three intervals.",
        f"count(time() - prober_check_last_run_timestamp_seconds{HERE} > 3 * prober_check_interval_seconds{HERE}) "
        "or vector(0)",
        steps=NONE_IS_GOOD,
    ),
    figure(
        "Configuration",
        "0 where the configuration on disk was refused.",
        "min(prober_config_last_reload_successful)",
        steps=OK,
        names={"0": "refused", "1": "as on disk"},
    ),
    figure(
        "Store",
        "1 while it is away and results wait in the spare one.",
        "max(prober_store_away)",
        steps=NONE_IS_GOOD,
        names={"0": "here", "1": "away"},
    ),
    figure("Open incidents", "What people are to know of.", "count(prober_incident_open) or vector(0)"),
    figure("Notices waiting", "Falls to 0 when all are delivered.", "sum(prober_notices_pending)"),
    lines(
        "Lateness, p50 and p99",
        "How late runs start after their slots.",
        {
            "{{region}} p50": "histogram_quantile(0.50, sum by (region, le) "
            f"(rate(prober_schedule_lag_seconds_bucket{HERE}[$__rate_interval])))",
            "{{region}} p99": "histogram_quantile(0.99, sum by (region, le) "
            f"(rate(prober_schedule_lag_seconds_bucket{HERE}[$__rate_interval])))",
        },
        "s",
    ),
    lines(
        "Runs a second",
        "By verdict; unknown is the prober's own fault.",
        {"{{region}} {{verdict}}": f"sum by (region, verdict) (rate(prober_check_runs_total{HERE}[$__rate_interval]))"},
        "cps",
    ),
    lines(
        "Missed runs",
        "Slots that passed without one.",
        {"{{region}}": f"sum by (region) (increase(prober_check_missed_runs_total{HERE}[$__rate_interval]))"},
        "short",
    ),
    lines(
        "Event loop",
        "The longest it stood still since the start; over 0.25 s measurements suffer.",
        {"{{instance}}": "prober_loop_stall_worst_seconds"},
        "s",
        steps=((None, "green"), (0.25, "red")),
    ),
    lines(
        "Way into the store",
        "Results that wait, batches it did not take at once, results lost.",
        {
            "waiting {{instance}}": "prober_store_queued_results",
            "errors {{instance}}": _grown("prober_store_errors_total", "instance"),
            "lost {{reason}}": _grown("prober_store_dropped_results_total", "reason"),
        },
        "short",
    ),
    lines(
        "Notices",
        "Sent, failed attempts, and parked: given up.",
        {"{{channel}} {{outcome}}": _grown("prober_notices_total", "channel, outcome")},
        "short",
    ),
    lines(
        "Ways into other systems",
        "Results that wait for sinks, and those given up. No data without sinks.",
        {
            "waiting {{sink}}": "sum by (sink) (prober_sink_queued_results)",
            "dropped {{sink}} {{reason}}": _grown("prober_sink_dropped_total", "sink, reason"),
        },
        "short",
        nothing="no sinks",
    ),
    lines(
        "Browsers",
        "Slots of the pools and those in use. No data without journeys.",
        {
            "{{pool}} slots": "sum by (pool) (prober_pool_slots)",
            "{{pool}} busy": "sum by (pool) (prober_pool_busy)",
            "{{pool}} replaced {{reason}}": _grown("prober_pool_recycled_total", "pool, reason"),
        },
        "short",
        nothing="no journeys",
    ),
    lines(
        "Memory",
        "Of the prober, and of the workers with their browsers.",
        {
            "prober {{instance}}": f"process_resident_memory_bytes and on (instance, job) prober_build_info{HERE}",
            "{{pool}}": "sum by (pool) (prober_pool_memory_bytes)",
        },
        "bytes",
    ),
    lines(
        "Processor",
        "Cores in use by the prober itself, without its workers.",
        {
            "{{instance}}": "rate(process_cpu_seconds_total[$__rate_interval]) "
            f"and on (instance, job) prober_build_info{HERE}"
        },
        "short",
    ),
)

PRODUCTION: tuple[Panel | Row, ...] = (
    lines(
        "Request Rate",
        "Requests a second by method and route.",
        {"{{method}} {{route}}": "sum by (method, route) (rate(http_requests_total[5m]))"},
        "reqps",
    ),
    lines(
        "Response Time",
        "Over all requests; the platform's buckets bound how exact it is.",
        {
            "95th percentile": "histogram_quantile(0.95, sum by (le) (rate(http_request_duration_seconds_bucket[5m])))",
            "50th percentile": "histogram_quantile(0.50, sum by (le) (rate(http_request_duration_seconds_bucket[5m])))",
        },
        "s",
        steps=((None, "green"), (2, "red")),
    ),
    figure(
        "Error Rate",
        "The share of requests that were answered by 5xx.",
        '(sum(rate(http_requests_total{status_code=~"5.."}[5m])) or vector(0)) / sum(rate(http_requests_total[5m]))',
        "percentunit",
        steps=((None, "green"), (0.01, "yellow"), (0.1, "red")),
        width=8,
        decimals=2,
    ),
    figure(
        "Daily Revenue",
        "Of the last 24 hours, without what monitoring bought.",
        "sum(increase(ticket_sales_revenue_total[1d]))",
        "currencyEUR",
        width=8,
    ),
    figure("Active Users", "People with a session now.", "sum(active_users_current)", width=8),
)
