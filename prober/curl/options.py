"""A request as options of a libcurl handle."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pycurl

from prober.curl.asking import Ask
from prober.curl.exchange import HttpVersion, Request
from prober.curl.transfer import Transfer
from prober.curl.urls import PORTS
from prober.net import TlsOptions
from prober.secret import Secret

ENCODINGS = "gzip, deflate, br"  # what the wheel's libcurl decodes

_VERSIONS: dict[tuple[HttpVersion, bool], int] = {
    ("auto", False): pycurl.CURL_HTTP_VERSION_1_1,
    ("auto", True): pycurl.CURL_HTTP_VERSION_2TLS,
    ("1.1", False): pycurl.CURL_HTTP_VERSION_1_1,
    ("1.1", True): pycurl.CURL_HTTP_VERSION_1_1,
    ("2", False): pycurl.CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE,
    ("2", True): pycurl.CURL_HTTP_VERSION_2TLS,
    ("3", False): pycurl.CURL_HTTP_VERSION_1_1,
    ("3", True): pycurl.CURL_HTTP_VERSION_3ONLY,
}
_TLS_VERSIONS = {
    "1.0": pycurl.SSLVERSION_TLSv1_0,
    "1.1": pycurl.SSLVERSION_TLSv1_1,
    "1.2": pycurl.SSLVERSION_TLSv1_2,
    "1.3": pycurl.SSLVERSION_TLSv1_3,
}
# Before 1.2 there is nothing but ciphers and signatures that OpenSSL refuses at its own default level.
_OLD_CIPHERS = "DEFAULT:@SECLEVEL=0"


@dataclass(frozen=True, slots=True)
class Dial:
    """Where a hop connects: the addresses to race, or a proxy with its name already resolved."""

    addresses: tuple[str, ...]
    proxy: str = ""
    proxy_credentials: str = ""


def proxy_place(proxy: Secret) -> tuple[str, str]:
    """Host, and scheme with host and port for people, of a proxy's URL."""
    parts = urlsplit(proxy.reveal())
    return parts.hostname or "", f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def dial_proxy(proxy: Secret, address: str) -> Dial:
    """The dial through ``proxy``, its host replaced by ``address``, so that libcurl resolves nothing itself."""
    parts = urlsplit(proxy.reveal())
    host = f"[{address}]" if ":" in address else address
    port = f":{parts.port}" if parts.port else ""
    return Dial((address,), urlunsplit((parts.scheme, host + port, "", "", "")), parts.netloc.rpartition("@")[0])


def configure(transfer: Transfer, request: Request, ask: Ask, dial: Dial, rest_s: float) -> None:
    """Set ``transfer``'s handle up for one hop; nothing of an earlier one stays, but for cookies."""
    handle = transfer.handle
    shape = _shape(request, ask, dial)
    if shape is not None and getattr(handle, "shape", None) == shape:
        _point(transfer, ask, dial, rest_s)
        return
    handle.shape = shape
    handle.reset()
    put = handle.setopt
    put(pycurl.NOSIGNAL, 1)
    put(pycurl.FRESH_CONNECT, 1)
    put(pycurl.FORBID_REUSE, 1)
    put(pycurl.COOKIEFILE, "")
    put(pycurl.NOPROXY, "")
    put(pycurl.HEADERFUNCTION, transfer.on_header)
    put(pycurl.WRITEFUNCTION, transfer.on_body)
    put(pycurl.TIMEOUT_MS, max(1, int(rest_s * 1000)))
    put(pycurl.URL, _url(ask))
    put(pycurl.HTTP_VERSION, _VERSIONS[request.http_version, ask.secure])
    put(pycurl.HTTPHEADER, list(ask.lines))
    if request.decode:
        put(pycurl.ACCEPT_ENCODING, ENCODINGS)
    _put_method(put, ask)
    _put_dial(put, ask, dial)
    if ask.secure:
        put(pycurl.VERBOSE, 1)
        put(pycurl.DEBUGFUNCTION, transfer.on_debug)
        _put_tls(put, ask.tls)


def _shape(request: Request, ask: Ask, dial: Dial) -> tuple[object, ...] | None:
    """What two hops share that differ in nothing but where they go and what their headers say; None for special ones.

    Setting a handle up from nothing costs four times as much.
    """
    if ask.method != "GET" or ask.body is not None or dial.proxy or len(dial.addresses) != 1:
        return None
    return request.http_version, request.decode, ask.secure, ask.tls if ask.secure else None


def _point(transfer: Transfer, ask: Ask, dial: Dial, rest_s: float) -> None:
    """Set what differs between two hops of one shape."""
    put = transfer.handle.setopt
    put(pycurl.HEADERFUNCTION, transfer.on_header)
    put(pycurl.WRITEFUNCTION, transfer.on_body)
    put(pycurl.TIMEOUT_MS, max(1, int(rest_s * 1000)))
    put(pycurl.URL, _url(ask))
    put(pycurl.HTTPHEADER, list(ask.lines))
    address = dial.addresses[0]
    put(pycurl.CONNECT_TO, [f"::[{address}]:{ask.url.port}" if ":" in address else f"::{address}:{ask.url.port}"])
    if ask.secure:
        put(pycurl.DEBUGFUNCTION, transfer.on_debug)


def _url(ask: Ask) -> str:
    """libcurl asks for and verifies the URL's host, so another server name has to stand there."""
    name = ask.tls.server_name if ask.secure else None
    if not name:
        return ask.url.text
    parts = urlsplit(ask.url.text)
    port = "" if ask.url.port == PORTS[ask.url.scheme] else f":{ask.url.port}"
    return urlunsplit(parts._replace(netloc=name + port))


def _put_method(put: Any, ask: Ask) -> None:
    if ask.body is not None:
        put(pycurl.POST, 1)
        put(pycurl.POSTFIELDS, ask.body)
        if ask.method != "POST":
            put(pycurl.CUSTOMREQUEST, ask.method)
    elif ask.method == "HEAD":
        put(pycurl.NOBODY, 1)
    elif ask.method != "GET":
        put(pycurl.CUSTOMREQUEST, ask.method)


def _put_dial(put: Any, ask: Ask, dial: Dial) -> None:
    put(pycurl.PROXY, dial.proxy)  # empty: whatever the environment says is ignored
    if dial.proxy:
        if dial.proxy_credentials:
            put(pycurl.PROXYUSERPWD, dial.proxy_credentials)
        return
    spelled = [f"[{address}]" if ":" in address else address for address in dial.addresses]
    if len(spelled) == 1:
        put(pycurl.CONNECT_TO, [f"::{spelled[0]}:{ask.url.port}"])
        return
    # A name made of the addresses lets libcurl race them (RFC 8305); it can mislead no other check of this multi.
    joined = ",".join(spelled)
    name = f"{hashlib.blake2s(joined.encode(), digest_size=16).hexdigest()}.invalid"
    put(pycurl.CONNECT_TO, [f"::{name}:{ask.url.port}"])
    put(pycurl.RESOLVE, [f"+{name}:{ask.url.port}:{joined}"])


def _put_tls(put: Any, tls: TlsOptions) -> None:
    put(pycurl.SSL_SESSIONID_CACHE, 0)  # a resumed session has no certificates and no handshake to time
    put(pycurl.OPT_CERTINFO, 1)
    put(pycurl.CAINFO, tls.authorities)
    put(pycurl.SSLVERSION, _TLS_VERSIONS[tls.min_version])
    if tls.min_version < "1.2":
        put(pycurl.SSL_CIPHER_LIST, _OLD_CIPHERS)
    if not tls.verify:
        put(pycurl.SSL_VERIFYPEER, 0)
        put(pycurl.SSL_VERIFYHOST, 0)
    if tls.cert_file:
        put(pycurl.SSLCERT, tls.cert_file)
        put(pycurl.SSLKEY, tls.key_file or tls.cert_file)
