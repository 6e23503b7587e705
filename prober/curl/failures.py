"""What a failed transfer means: libcurl's code, the system's errno and the phase reached, as a Failure."""

from __future__ import annotations

import errno
from collections.abc import Callable, Mapping
from typing import NamedTuple

import pycurl

from prober.curl.asking import Ask
from prober.curl.options import Dial
from prober.curl.transfer import Reading, Transfer
from prober.model import Failure, Reason
from prober.net import failed_connect, failed_verification, out_of_files

_PROXY_HANDSHAKE = 97  # CURLE_PROXY, which pycurl has no name for
BOMB_RATIO = 100  # a body that grows by more when decoded was made to hurt


class Case(NamedTuple):
    """A finished transfer with all that helps to tell what happened to it."""

    transfer: Transfer
    reading: Reading
    ask: Ask
    dial: Dial
    rest_s: float
    """The time it had."""


def failure_of(case: Case) -> Failure | None:
    """Why a transfer failed; None when it did not."""
    transfer, reading = case.transfer, case.reading
    if transfer.refused:
        return transfer.refused
    if transfer.full:
        return _bomb(transfer, reading)
    if reading.proxy_status >= 300 and reading.code:
        return _proxy(case)
    if reading.code:
        return _TOLD.get(reading.code, _protocol)(case)
    if not transfer.ended or (transfer.status or 0) < 200:
        return Failure(Reason.TRUNCATED, f"{case.ask.url.place} closed the connection inside the header")
    return _contradiction(transfer)


def _bomb(transfer: Transfer, reading: Reading) -> Failure | None:
    if transfer.encoded and transfer.delivered > BOMB_RATIO * max(1, reading.wire_bytes):
        grown = f"{reading.wire_bytes} bytes became more than {transfer.delivered}"
        return Failure(Reason.BODY_LIMIT, f"the encoded body is a bomb: {grown}")
    return None


def _contradiction(transfer: Transfer) -> Failure | None:
    names = {field.partition(b":")[0].strip().lower() for field in transfer.fields}
    if {b"content-length", b"transfer-encoding"} <= names:
        return Failure(Reason.HTTP_PROTOCOL, "both Content-Length and Transfer-Encoding (RFC 9112 section 6.3)")
    return None


def _protocol(case: Case) -> Failure:
    return Failure(Reason.HTTP_PROTOCOL, f"{case.ask.url.place}: {_words(case)}")


def _not_connected(case: Case) -> Failure:
    if not case.reading.os_error and out_of_files():  # libcurl forgets why it got no socket
        return Failure(Reason.FD_EXHAUSTED, _words(case))
    if case.dial.proxy:
        return _proxy(case)
    if not case.reading.os_error:
        return Failure(Reason.CONNECT, _words(case))
    return failed_connect(case.reading.os_error, case.ask.url.place, case.dial.addresses)


def _timed_out(case: Case) -> Failure:
    transfer, reading, ask = case.transfer, case.reading, case.ask
    place, within = ask.url.place, f"within {case.rest_s:.2f}s"
    if not reading.connect_us:
        return Failure(Reason.CONNECT_TIMEOUT, f"{place}: no connection {within}")
    if ask.secure and not reading.tls_us:
        return Failure(Reason.TLS_TIMEOUT, f"{place}: TLS handshake not finished {within}")
    if not reading.first_byte_us:
        return Failure(Reason.TIMEOUT, f"{place}: connected, but no answer {within}")
    if not transfer.ended:
        return Failure(Reason.TIMEOUT, f"{place}: header not finished {within}")
    return Failure(Reason.TIMEOUT, f"{place}: body not finished {within}, {reading.wire_bytes} bytes received")


def _not_verified(case: Case) -> Failure:
    host = case.ask.tls.server_name or case.ask.url.host
    return failed_verification(case.reading.verification, host, case.reading.message)


def _no_handshake(case: Case) -> Failure:
    reading, place = case.reading, case.ask.url.place
    text = reading.message.lower()
    if reading.os_error in (errno.ECONNRESET, errno.EPIPE):
        return Failure(Reason.RESET, f"{place}: connection reset during the TLS handshake")
    if "unexpected eof" in text:
        return Failure(Reason.CLOSED_EARLY, f"{place}: closed the connection during the TLS handshake")
    if "protocol version" in text or "unsupported protocol" in text:
        return Failure(Reason.TLS_VERSION, f"{place}: no common TLS version: {_words(case)}")
    return Failure(Reason.TLS_HANDSHAKE, f"{place}: {_words(case)}")


def _broken_off(case: Case) -> Failure:
    transfer, reading, place = case.transfer, case.reading, case.ask.url.place
    if transfer.status is None and transfer.asked_for_certificate and not case.ask.tls.cert_file:
        # TLS 1.3 refuses a client after its handshake; the alert may lose the race against the reset.
        return Failure(Reason.TLS_HANDSHAKE, f"{place}: asked for a client certificate: {_words(case)}")
    if reading.os_error in (errno.ECONNRESET, errno.EPIPE):
        seen = f"after {reading.wire_bytes} bytes of the body" if transfer.ended else "before a whole header"
        return Failure(Reason.RESET, f"{place}: connection reset {seen}")
    if transfer.status is None and "alert" in reading.message:
        return Failure(Reason.TLS_HANDSHAKE, f"{place}: {_words(case)}")
    return _protocol(case)


def _empty(case: Case) -> Failure:
    return Failure(Reason.CLOSED_EARLY, f"{case.ask.url.place}: closed the connection without an answer")


def _partial(case: Case) -> Failure:
    return Failure(Reason.TRUNCATED, f"{case.ask.url.place}: {_words(case)}")


def _undecodable(case: Case) -> Failure:
    return Failure(Reason.DECODE, f"{case.ask.url.place}: {_words(case)}")


def _proxy(case: Case) -> Failure:
    return Failure(Reason.PROXY, f"proxy: {_words(case)}")


def _our_files(case: Case) -> Failure:
    return Failure(Reason.INTERNAL, f"the check's TLS files cannot be used: {_words(case)}")


def _no_memory(case: Case) -> Failure:
    return Failure(Reason.OUT_OF_MEMORY, _words(case))


def _words(case: Case) -> str:
    return case.reading.message or str(pycurl.easy_strerror(case.reading.code))


_TOLD: Mapping[int, Callable[[Case], Failure]] = {
    pycurl.E_COULDNT_CONNECT: _not_connected,
    pycurl.E_OPERATION_TIMEDOUT: _timed_out,
    pycurl.E_PEER_FAILED_VERIFICATION: _not_verified,
    pycurl.E_SSL_CONNECT_ERROR: _no_handshake,
    pycurl.E_RECV_ERROR: _broken_off,
    pycurl.E_SEND_ERROR: _broken_off,
    pycurl.E_GOT_NOTHING: _empty,
    pycurl.E_PARTIAL_FILE: _partial,
    pycurl.E_BAD_CONTENT_ENCODING: _undecodable,
    pycurl.E_COULDNT_RESOLVE_PROXY: _proxy,
    _PROXY_HANDSHAKE: _proxy,
    pycurl.E_SSL_CACERT_BADFILE: _our_files,
    pycurl.E_SSL_CERTPROBLEM: _our_files,
    pycurl.E_SSL_CIPHER: _our_files,
    pycurl.E_OUT_OF_MEMORY: _no_memory,
}
