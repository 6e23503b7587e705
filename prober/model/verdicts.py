"""Verdicts and the closed list of reasons. Needs nothing, so that whoever only names one pays for nothing else."""

from __future__ import annotations

from enum import StrEnum


class Verdict(StrEnum):
    """What one run says of its check; ``unknown`` means the prober itself failed and is never downtime."""

    UP = "up"
    DEGRADED = "degraded"
    DOWN = "down"
    UNKNOWN = "unknown"


class Reason(StrEnum):
    """Why a result is what it is: closed, so that it can be a metric label, a log field and an alert text."""

    OK = "ok"
    # the name
    DNS = "dns"
    DNS_NXDOMAIN = "dns_nxdomain"
    DNS_NODATA = "dns_nodata"
    DNS_SERVFAIL = "dns_servfail"
    DNS_REFUSED = "dns_refused"
    DNS_TIMEOUT = "dns_timeout"
    # the connection
    ADDRESS_BLOCKED = "address_blocked"
    CONNECT_REFUSED = "connect_refused"
    CONNECT_TIMEOUT = "connect_timeout"
    CONNECT = "connect"
    UNREACHABLE = "unreachable"
    CLOSED_EARLY = "closed_early"
    RESET = "reset"
    PROXY = "proxy"
    # TLS
    TLS_EXPIRED = "tls_expired"
    TLS_NOT_YET = "tls_not_yet"
    TLS_HOSTNAME = "tls_hostname"
    TLS_UNTRUSTED = "tls_untrusted"
    TLS_HANDSHAKE = "tls_handshake"
    TLS_TIMEOUT = "tls_timeout"
    TLS_VERSION = "tls_version"
    CERTIFICATE = "certificate"
    # the answer
    TIMEOUT = "timeout"
    HTTP_PROTOCOL = "http_protocol"
    TRUNCATED = "truncated"
    DECODE = "decode"
    BODY_LIMIT = "body_limit"
    REDIRECT_LOOP = "redirect_loop"
    REDIRECT_LIMIT = "redirect_limit"
    REDIRECT_INVALID = "redirect_invalid"
    REDIRECT_BLOCKED = "redirect_blocked"
    REDIRECT_DOWNGRADE = "redirect_downgrade"
    # what was expected of it
    STATUS = "status"
    HEADER = "header"
    BODY = "body"
    JSON = "json"
    DIALOGUE = "dialogue"
    ANSWER = "answer"
    LATENCY = "latency"
    BUDGET = "budget"
    # journeys
    STEP = "step"
    STEP_TIMEOUT = "step_timeout"
    NAVIGATION = "navigation"
    PAGE_HUNG = "page_hung"
    PAGE_CRASH = "page_crash"
    SCRIPT_ERROR = "script_error"
    DEADLINE = "deadline"
    # what others push
    REPORTED = "reported"
    SILENT = "silent"
    # the prober's own
    NO_BROWSER = "no_browser"
    BROWSER_CRASH = "browser_crash"
    OUT_OF_MEMORY = "out_of_memory"
    FD_EXHAUSTED = "fd_exhausted"
    LOOP_STALLED = "loop_stalled"
    RESOLVER_DOWN = "resolver_down"
    NO_LOCAL_ROUTE = "no_local_route"
    EGRESS_DOWN = "egress_down"
    INTERNAL = "internal"

    @property
    def ours(self) -> bool:
        """Whether the prober is to blame, which makes the result ``unknown`` instead of ``down``."""
        return self in _OURS


_OURS = frozenset(
    {
        Reason.NO_BROWSER,
        Reason.BROWSER_CRASH,
        Reason.OUT_OF_MEMORY,
        Reason.FD_EXHAUSTED,
        Reason.LOOP_STALLED,
        Reason.RESOLVER_DOWN,
        Reason.NO_LOCAL_ROUTE,
        Reason.EGRESS_DOWN,
        Reason.INTERNAL,
    }
)
