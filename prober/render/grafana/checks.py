"""What the results say: the overview, a check in detail, journeys."""

from __future__ import annotations

from prober.render.grafana.panels import NONE_IS_GOOD, Panel, Row, Steps, bars, figure, lines, stacked, timeline

ONE = '{check=~"$check", region=~"$region"}'
WHOLE = '{check=~"$check", region=~"$region", phase="total_load_time"}'
PARTS = '{check=~"$check", region=~"$region", phase!="total_load_time"}'
DAY = 86_400
CERTIFICATES: Steps = ((None, "red"), (7 * DAY, "yellow"), (28 * DAY, "green"))
UPTIME: Steps = ((None, "red"), (0.99, "yellow"), (0.999, "green"))


def _count(state: int) -> str:
    return f"count(max by (check) (prober_check_state{ONE}) == {state}) or vector(0)"


OVERVIEW: tuple[Panel | Row, ...] = (
    figure("Down", "Checks that are down in at least one region.", _count(2), steps=NONE_IS_GOOD),
    figure("Degraded", "Checks that work but broke a limit.", _count(1), steps=((None, "green"), (1, "yellow"))),
    figure("Unknown", "The prober could not tell: its own trouble.", _count(3), steps=((None, "green"), (1, "purple"))),
    figure("Checks", "How many checks there are.", f"count(count by (check) (prober_check_state{ONE}))"),
    figure(
        "Reachability",
        "The share of runs that were up or degraded, over all checks, regions and the time shown.",
        f"avg(avg_over_time(probe_success{ONE}[$__range]))",
        "percentunit",
        steps=UPTIME,
        decimals=2,
    ),
    figure(
        "Certificate ends",
        "The first certificate to end. No data where no check speaks TLS.",
        f"min(probe_ssl_earliest_cert_expiry{ONE}) - time()",
        "dtdurations",
        steps=CERTIFICATES,
        nothing="no TLS",
    ),
    timeline(
        "States",
        "What alerting decided of each check in each region.",
        {"{{check}} {{region}}": f"max by (check, region) (prober_check_state{ONE})"},
    ),
    bars(
        "Reachability by check",
        "The share of runs that were up or degraded; the worst first.",
        {"{{check}}": f"sort(avg by (check) (avg_over_time(probe_success{ONE}[$__range])))"},
        "percentunit",
        steps=UPTIME,
        decimals=2,
        lowest=0,
        highest=1,
    ),
    bars(
        "Uptime by check",
        "The share of time in which at least one region saw it up: an outage is what all of them see.",
        {"{{check}}": f"sort(avg_over_time(max by (check) (probe_success{ONE})[$__range:1m]))"},
        "percentunit",
        steps=UPTIME,
        decimals=2,
        lowest=0,
        highest=1,
    ),
    lines(
        "Duration, p50 and p95",
        "Of the last hour's runs, the slowest region.",
        {
            "{{check}} p50": f"max by (check) (quantile_over_time(0.50, probe_duration_seconds{ONE}[1h]))",
            "{{check}} p95": f"max by (check) (quantile_over_time(0.95, probe_duration_seconds{ONE}[1h]))",
        },
        "s",
    ),
    bars(
        "Slowest phases",
        "The ten phases of http checks that took longest on average.",
        {
            "{{check}} {{phase}}": "topk(10, max by (check, phase) "
            f"(avg_over_time(probe_http_duration_seconds{ONE}[$__range])))"
        },
        "s",
    ),
    bars(
        "Certificates",
        "How long the first of the certificates sent is still good. No data where no check speaks TLS.",
        {"{{check}} {{instance}}": f"sort(min by (check, instance) (probe_ssl_earliest_cert_expiry{ONE}) - time())"},
        "dtdurations",
        steps=CERTIFICATES,
        nothing="no TLS",
    ),
    lines(
        "Failures in a row",
        "As alerting counts them.",
        {"{{check}} {{region}}": f"max by (check, region) (prober_check_consecutive_failures{ONE})"},
        "short",
    ),
)

CHECK: tuple[Panel | Row, ...] = (
    timeline(
        "State",
        "What alerting decided.",
        {"{{check}} {{region}}": f"max by (check, region) (prober_check_state{ONE})"},
        height=6,
    ),
    lines(
        "Duration by region",
        "How long each run took.",
        {"{{check}} {{region}}": f"max by (check, region) (probe_duration_seconds{ONE})"},
        "s",
    ),
    lines(
        "Share of the deadline",
        "Near 1 a run is cut off.",
        {
            "{{check}} {{region}}": f"max by (check, region) (probe_duration_seconds{ONE}) "
            f"/ max by (check, region) (probe_timeout_seconds{ONE})"
        },
        "percentunit",
        steps=((None, "green"), (0.8, "red")),
    ),
    stacked(
        "Phases of http",
        "Where the time goes, summed over redirects; the mean of the regions.",
        {"{{check}} {{phase}}": f"avg by (check, phase) (probe_http_duration_seconds{ONE})"},
        "s",
    ),
    stacked(
        "Phases of tcp",
        "Where the time goes; the mean of the regions.",
        {"{{check}} {{phase}}": f"avg by (check, phase) (probe_tcp_duration_seconds{ONE})"},
        "s",
    ),
    lines(
        "Name resolution",
        "How long the name took to resolve.",
        {"{{check}} {{region}}": f"max by (check, region) (probe_dns_lookup_time_seconds{ONE})"},
        "s",
    ),
    lines(
        "Status codes",
        "The final status; 0 without an answer.",
        {"{{check}} {{region}}": f"max by (check, region) (probe_http_status_code{ONE})"},
        "none",
    ),
    lines(
        "Runs by verdict and reason",
        "In each interval of the graph.",
        {
            "{{check}} {{verdict}} {{reason}}": "sum by (check, verdict, reason) "
            f"(increase(prober_check_runs_total{ONE}[$__rate_interval]))"
        },
        "short",
    ),
    lines(
        "Size of the answer",
        "Bytes of the decoded body.",
        {"{{check}}": f"max by (check) (probe_http_uncompressed_body_length{ONE})"},
        "bytes",
    ),
    lines(
        "TLS",
        "1 for each version in use. No data where no check speaks TLS.",
        {"{{check}} {{version}}": f"max by (check, version) (probe_tls_version_info{ONE})"},
        "none",
        nothing="no TLS",
    ),
    lines(
        "Missed and cancelled runs",
        "Slots without a result.",
        {
            "{{check}} missed": f"sum by (check) (increase(prober_check_missed_runs_total{ONE}[$__rate_interval]))",
            "{{check}} cancelled": f"sum by (check) (increase(prober_check_cancelled_total{ONE}[$__rate_interval]))",
        },
        "short",
    ),
)


def _vital(title: str, metric: str, good: float, poor: float, unit: str = "s") -> Panel:
    """A vital's colours are the field's: green is good, yellow needs improvement, red is poor."""
    return lines(
        title,
        f"The step's worst. Good up to {good:g}, poor over {poor:g} (web.dev).",
        {"{{check}} {{step}}": f"max by (check, step) ({metric}{ONE})"},
        unit,
        width=8,
        steps=((None, "green"), (good, "yellow"), (poor, "red")),
    )


JOURNEY: tuple[Panel | Row, ...] = (
    timeline(
        "State",
        "What alerting decided.",
        {"{{check}} {{region}}": f"max by (check, region) (prober_check_state{ONE})"},
        height=5,
    ),
    stacked(
        "Steps",
        "How long each step took; the mean of the regions.",
        {"{{check}} {{step}}": f"avg by (check, step) (probe_browser_step_duration_seconds{ONE})"},
        "s",
        width=24,
    ),
    Row("Vitals"),
    _vital("Largest Contentful Paint", "probe_browser_web_vital_lcp_seconds", 2.5, 4),
    _vital("Interaction to Next Paint", "probe_browser_web_vital_inp_seconds", 0.2, 0.5),
    _vital("Cumulative Layout Shift", "probe_browser_web_vital_cls", 0.1, 0.25, "none"),
    _vital("First Contentful Paint", "probe_browser_web_vital_fcp_seconds", 1.8, 3),
    _vital("Time To First Byte", "probe_browser_web_vital_ttfb_seconds", 0.8, 1.8),
    _vital("Total Blocking Time", "probe_browser_web_vital_tbt_seconds", 0.2, 0.6),
    Row("Navigations"),
    stacked(
        "Navigation by phase",
        "The step's worst page, from the name to the last byte and the finished document.",
        {"{{step}} {{phase}}": f"max by (check, step, phase) (probe_browser_navigation_seconds{PARTS})"},
        "s",
    ),
    lines(
        "Total load time",
        "Until the load event.",
        {"{{check}} {{step}}": f"max by (check, step) (probe_browser_navigation_seconds{WHOLE})"},
        "s",
    ),
    lines(
        "Paints",
        "First paint and first contentful paint.",
        {"{{step}} {{paint}}": f"max by (check, step, paint) (probe_browser_paint_seconds{ONE})"},
        "s",
    ),
    lines(
        "Measures",
        "What journeys measured of the business.",
        {"{{check}} {{name}}": f"max by (check, name, unit) (probe_measure{ONE})"},
        "short",
    ),
)
