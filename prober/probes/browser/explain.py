"""What Playwright's exceptions mean."""

from __future__ import annotations

import re
from collections.abc import Mapping

from playwright.async_api import Error as PlaywrightError
from playwright.async_api import TimeoutError as PlaywrightTimeout

from prober.journey.explain import explain as explain_any
from prober.journey.explain import without_call_log
from prober.model import Failure, Reason

# Chromium's net/base/net_error_list.h, by what a person would do about them.
_NET_ERRORS: Mapping[str, Reason] = {
    "ERR_NAME_NOT_RESOLVED": Reason.DNS,
    "ERR_NAME_RESOLUTION_FAILED": Reason.DNS,
    "ERR_DNS_TIMED_OUT": Reason.DNS_TIMEOUT,
    "ERR_CONNECTION_REFUSED": Reason.CONNECT_REFUSED,
    "ERR_CONNECTION_TIMED_OUT": Reason.CONNECT_TIMEOUT,
    "ERR_CONNECTION_RESET": Reason.RESET,
    "ERR_CONNECTION_CLOSED": Reason.CLOSED_EARLY,
    "ERR_EMPTY_RESPONSE": Reason.CLOSED_EARLY,
    "ERR_CONNECTION_FAILED": Reason.CONNECT,
    "ERR_ADDRESS_UNREACHABLE": Reason.UNREACHABLE,
    "ERR_INTERNET_DISCONNECTED": Reason.NO_LOCAL_ROUTE,
    "ERR_CERT_DATE_INVALID": Reason.TLS_EXPIRED,
    "ERR_CERT_COMMON_NAME_INVALID": Reason.TLS_HOSTNAME,
    "ERR_CERT_AUTHORITY_INVALID": Reason.TLS_UNTRUSTED,
    "ERR_SSL_VERSION_OR_CIPHER_MISMATCH": Reason.TLS_VERSION,
    "ERR_TOO_MANY_REDIRECTS": Reason.REDIRECT_LOOP,
    "ERR_CONTENT_LENGTH_MISMATCH": Reason.TRUNCATED,
    "ERR_INCOMPLETE_CHUNKED_ENCODING": Reason.TRUNCATED,
    "ERR_INVALID_HTTP_RESPONSE": Reason.HTTP_PROTOCOL,
    "ERR_TIMED_OUT": Reason.TIMEOUT,
    "ERR_INSUFFICIENT_RESOURCES": Reason.OUT_OF_MEMORY,
}
# Families of the same list; the first that fits.
_NET_FAMILIES = (("ERR_CERT_", Reason.TLS_UNTRUSTED), ("ERR_SSL_", Reason.TLS_HANDSHAKE), ("ERR_PROXY", Reason.PROXY))
_NET_ERROR = re.compile(r"net::(ERR_[A-Z0-9_]+)(?: at (\S+))?")


def explain(fault: BaseException, file: str) -> Failure:
    """The failure behind ``fault``, Playwright's exceptions included."""
    if not isinstance(fault, PlaywrightError):
        return explain_any(fault, file)
    text = str(fault)
    message = without_call_log(text)
    if found := _NET_ERROR.search(text):
        return Failure(_net_reason(found[1]), f"{found[1]} at {found[2]}" if found[2] else found[1])
    if isinstance(fault, PlaywrightTimeout):
        return Failure(Reason.STEP_TIMEOUT, message)
    if "crashed" in text:
        return Failure(Reason.PAGE_CRASH, "the page crashed")
    return Failure(Reason.STEP, message)


def _net_reason(name: str) -> Reason:
    family = (reason for prefix, reason in _NET_FAMILIES if name.startswith(prefix))
    return _NET_ERRORS.get(name) or next(family, Reason.NAVIGATION)
