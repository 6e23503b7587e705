"""Every metric family the exposition can hold, in the order it is written; ``docs/metrics.md`` explains each.

Names, labels and most help texts of ``probe_*`` are those of blackbox_exporter, so that its dashboards and rules work.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

PHASES = ("resolve", "connect", "tls", "processing", "transfer")
TCP_PHASES = ("resolve", "connect", "tls", "dialogue")
DNS_PHASES = ("resolve", "connect", "tls", "request")
ICMP_PHASES = ("resolve", "setup", "rtt")
GRPC_PHASES = ("resolve", "check")
DURATION_BUCKETS_S = (0.05, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
LAG_BUCKETS_S = (0.001, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0)


@dataclass(frozen=True, slots=True)
class Family:
    """One metric name with what is said of it once, and the labels it has beside those of its check."""

    name: str
    help: str
    labels: tuple[str, ...] = ()
    kind: Literal["gauge", "counter", "histogram"] = "gauge"

    @property
    def head(self) -> bytes:
        """The HELP and TYPE lines of the text format."""
        return f"# HELP {self.name} {self._help}\n# TYPE {self.name} {self.kind}\n".encode()

    @property
    def openmetrics_head(self) -> bytes:
        """The same of OpenMetrics, where a counter's family is called without ``_total``."""
        name, text = self.name.removesuffix("_total"), self._help.replace('"', r"\"")
        return f"# HELP {name} {text}\n# TYPE {name} {self.kind}\n".encode()

    @property
    def _help(self) -> str:
        return self.help.replace("\\", r"\\").replace("\n", r"\n")


PROBE_LABELS = ("job", "instance", "check", "region")
CHECK_LABELS = ("check", "region")

PROBE_FAMILIES = (
    Family("probe_success", "Displays whether or not the probe was a success"),
    Family("probe_duration_seconds", "Returns how long the probe took to complete in seconds"),
    Family("probe_timeout_seconds", "Returns the timeout of the probe in seconds"),
    Family("probe_dns_lookup_time_seconds", "Returns the time taken for probe dns lookup in seconds"),
    Family("probe_ip_protocol", "Specifies whether probe ip protocol is IP4 or IP6"),
    Family(
        "probe_ip_addr_hash",
        "Specifies the hash of IP address. It's useful to detect if the IP address changes.",
    ),
    Family("probe_failed_due_to_regex", "Indicates if probe failed due to regex"),
    Family("probe_failed_due_to_bytes", "Indicates if probe failed due to unexpected bytes"),
    Family("probe_expect_info", "Explicit content matched", ("...",)),
    Family("probe_http_duration_seconds", "Duration of http request by phase, summed over all redirects", ("phase",)),
    Family("probe_http_status_code", "Response HTTP status code"),
    Family("probe_http_version", "Returns the version of HTTP of the probe response"),
    Family("probe_http_ssl", "Indicates if SSL was used for the final redirect"),
    Family("probe_http_redirects", "The number of redirects"),
    Family("probe_http_content_length", "Length of http content response"),
    Family("probe_http_uncompressed_body_length", "Length of uncompressed response body"),
    Family("probe_http_last_modified_timestamp_seconds", "Returns the Last-Modified HTTP response header in unixtime"),
    Family("probe_ssl_earliest_cert_expiry", "Returns earliest SSL cert expiry in unixtime"),
    Family(
        "probe_ssl_last_chain_info",
        "Contains SSL leaf certificate information",
        ("fingerprint_sha256", "subject", "issuer", "subjectalternative", "serialnumber"),
    ),
    Family("probe_tls_version_info", "Contains the TLS version used", ("version",)),
    Family("probe_tls_cipher_info", "Returns the TLS cipher negotiated during handshake", ("cipher",)),
    Family("probe_tcp_duration_seconds", "Duration of a TCP probe by phase", ("phase",)),
    Family("probe_dns_duration_seconds", "Duration of DNS request by phase", ("phase",)),
    Family("probe_dns_answer_rrs", "Returns number of entries in the answer resource record list"),
    Family("probe_dns_authority_rrs", "Returns number of entries in the authority resource record list"),
    Family("probe_dns_additional_rrs", "Returns number of entries in the additional resource record list"),
    Family("probe_dns_query_succeeded", "Displays whether or not the query was executed successfully"),
    Family("probe_dns_serial", "Returns the serial number of the zone"),
    Family("probe_icmp_duration_seconds", "Duration of icmp request by phase", ("phase",)),
    Family("probe_icmp_reply_hop_limit", "Replied packet hop limit (TTL for ipv4)"),
    Family("probe_grpc_duration_seconds", "Duration of gRPC request by phase", ("phase",)),
    Family("probe_grpc_ssl", "Indicates if SSL was used for the connection"),
    Family("probe_grpc_status_code", "Response gRPC status code"),
    Family("probe_grpc_healthcheck_response", "Response HealthCheck response", ("serving_status",)),
    Family("probe_heartbeat_last_signal_timestamp_seconds", "Time of the last signal in unixtime"),
    Family("probe_browser_step_duration_seconds", "Duration of a journey's step", ("step",)),
    Family("probe_browser_web_vital_lcp_seconds", "Largest Contentful Paint, the step's worst", ("step",)),
    Family("probe_browser_web_vital_fcp_seconds", "First Contentful Paint, the step's worst", ("step",)),
    Family("probe_browser_web_vital_inp_seconds", "Interaction to Next Paint, the step's worst", ("step",)),
    Family("probe_browser_web_vital_ttfb_seconds", "Time To First Byte, the step's worst", ("step",)),
    Family("probe_browser_web_vital_tbt_seconds", "Total Blocking Time, the step's worst", ("step",)),
    Family("probe_browser_web_vital_cls", "Cumulative Layout Shift, the step's worst", ("step",)),
    Family("probe_browser_paint_seconds", "Time of a paint, the step's latest", ("paint", "step")),
    Family(
        "probe_browser_navigation_seconds",
        "Navigation timing by phase, the step's worst",
        ("phase", "step"),
    ),
    Family("probe_measure", "A figure a journey recorded of the business", ("name", "unit", "...")),
)

CHECK_FAMILIES = (
    Family("prober_check_runs_total", "Runs of the check by what they said", ("verdict", "reason"), "counter"),
    Family("prober_check_duration_seconds", "Duration of the runs that measured something", ("le",), "histogram"),
    Family("prober_check_state", "State of the check: 0 up, 1 degraded, 2 down, 3 unknown"),
    Family("prober_check_consecutive_failures", "Failures since the last success, as alerting counts them"),
    Family("prober_check_last_run_timestamp_seconds", "Start of the last run in unixtime"),
    Family("prober_check_interval_seconds", "Configured time between two runs"),
    Family("prober_check_missed_runs_total", "Slots that passed without a run", (), "counter"),
    Family("prober_check_cancelled_total", "Runs that were cancelled and have no result", (), "counter"),
    Family(
        "prober_check_series_dropped_total",
        "Samples left out because a journey has too many names",
        ("what",),
        "counter",
    ),
)

LAG = Family("prober_schedule_lag_seconds", "How late runs started after their slot", ("le",), "histogram")

FAMILIES = (*PROBE_FAMILIES, *CHECK_FAMILIES, LAG)
