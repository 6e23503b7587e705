"""What a module of prober http asks of a target, on libcurl, and what it expects of the answer."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

from prober import USER_AGENT
from prober.blackbox.addresses import choose
from prober.blackbox.modules import HeaderMatch, HttpModule
from prober.curl import Curl, Exchange, Request, read_url
from prober.faults import ProbeError
from prober.judge import Expect
from prober.judge.outcome import outcome
from prober.judge.texts import search
from prober.model import Check, Failure, Observation, Outcome, Reason
from prober.net import literal
from prober.probes import Context, Probe
from prober.secret import Secret, redact_url

UNLIMITED = 1 << 40
KEPT_BYTES = 10 * 1024 * 1024  # of a body that patterns are looked for in

_SCHEME = re.compile(r"(?i)https?://")
_MOVED = (301, 302, 303, 307, 308)


class HttpRules(Expect):
    """What the module has to say of an answer, in its order: one that is broken leaves the later ones unasked."""

    module: HttpModule

    def outcomes(self, seen: Observation, now: float) -> Iterator[Outcome]:
        if seen.failure is not None:
            return
        for one in self._all(seen):
            yield one
            if one.reason is not Reason.OK:
                return

    def _all(self, seen: Observation) -> Iterator[Outcome]:
        module = self.module
        status, codes = seen.facts.get("status") or 0, module.valid_status_codes
        words = " or ".join(map(str, codes)) or "200-299"
        yield outcome("status", status in codes if codes else 200 <= status < 300, Reason.STATUS, words, status)
        for rule in module.fail_if_header_matches:
            yield _header_outcome(rule, seen, wanted=False)
        for rule in module.fail_if_header_not_matches:
            yield _header_outcome(rule, seen, wanted=True)
        yield from _body_outcomes(module, seen)
        if module.valid_http_versions:
            version = seen.facts.get("http_version")
            held = version in {_version(text) for text in module.valid_http_versions}
            yield outcome("http version", held, Reason.HTTP_PROTOCOL, " or ".join(module.valid_http_versions), version)
        if module.fail_if_ssl:
            yield outcome("fail_if_ssl", not seen.facts["ssl"], Reason.HTTP_PROTOCOL, "no TLS", "TLS")
        if module.fail_if_not_ssl:
            yield outcome("fail_if_not_ssl", seen.facts["ssl"], Reason.TLS_VERSION, "TLS", "none")


class Target(Check):
    """A target as a module of prober http asks for it."""

    kind: Literal["http"] = "http"
    url: str
    """As it was given, if not quite: without a scheme it is http."""
    host_header: str | None = None
    module: HttpModule
    expect: HttpRules

    @property
    def address_text(self) -> str:
        return redact_url(self.url)


def target(name: str, module: HttpModule, text: str, hostname: str | None, **common: Any) -> Target:
    """The check of ``text`` by ``module``; ``hostname`` goes into its Host header."""
    url = text if _SCHEME.match(text) else f"http://{text}"
    return Target(id=name, url=url, host_header=hostname, module=module, expect=HttpRules(module=module), **common)


@asynccontextmanager
async def open_probe(*_: Any, **__: Any) -> AsyncIterator[Probe]:
    """The probe, with an HTTP client of its own: what Prometheus asks for never queues before what is scheduled."""
    curl = Curl()
    try:
        yield partial(_probe, curl)
    finally:
        curl.close()


async def _probe(curl: Curl, check: Target, ctx: Context) -> Observation:
    module = check.module
    try:
        url = read_url(check.url)
    except ValueError as error:
        raise ProbeError(Reason.CONNECT, f"not a URL that can be asked: {error}") from None
    proxy = module.proxy_url if module.proxy_url and not _unproxied(url.host, module.no_proxy) else None
    resolve_s, address = 0.0, None
    if not (proxy and module.skip_resolve_phase_with_proxy):
        found = await choose(url.host, module, ctx)
        resolve_s, address = found.duration_s, found.addresses[0]
    request = replace(_request(check, url.host), proxy=Secret(proxy) if proxy else None, resolve=address)
    return _observed(module, await curl.fetch(request, ctx.net, ctx.deadline), resolve_s, skipped=address is None)


def _request(check: Target, host: str) -> Request:
    module, limit = check.module, check.module.body_size_limit
    headers = _headers(check)
    asked = next((str(value) for name, value in headers if name.lower() == "host"), None)
    decode = module.compression not in ("", "identity")
    return Request(
        url=check.url,
        method=module.method.upper() or "GET",
        headers=headers,
        body=_body(module),
        follow=module.follows,
        allow_downgrade=True,
        http_version="3" if module.enable_http3 else "auto" if module.enable_http2 else "1.1",
        tls=module.tls_config.options(host, asked.partition(":")[0] if asked else None),
        decode=decode,
        keep_bytes=min(limit or KEPT_BYTES, KEPT_BYTES),
        read_bytes=limit or UNLIMITED,
    )


def _body(module: HttpModule) -> bytes | None:
    if module.body_file:
        return _read(module.body_file)
    return module.body.encode() if module.body else None


def _headers(check: Target) -> tuple[tuple[str, str | Secret], ...]:
    module = check.module
    lines: list[tuple[str, str | Secret]] = list(module.headers.items())
    for name, given in module.http_headers.items():
        lines += [(name, value) for value in given.values]
        lines += [(name, value) for value in given.secrets]
        lines += [(name, Secret(_read(file).decode().strip())) for file in given.files]
    if check.host_header:
        lines = [(name, value) for name, value in lines if name.lower() != "host"]
        lines.append(("Host", check.host_header))
    names = {name.lower() for name, _ in lines}
    if "user-agent" not in names:
        lines.append(("User-Agent", USER_AGENT))
    if module.compression and "accept-encoding" not in names:
        lines.append(("Accept-Encoding", module.compression))
    credentials = _credentials(check)
    if credentials is not None and "authorization" not in names:
        lines.append(("Authorization", credentials))
    return tuple(lines)


def _credentials(check: Target) -> Secret | None:
    module, inside = check.module, urlsplit(check.url)
    if module.basic_auth:
        auth = module.basic_auth
        user = _read(auth.username_file).decode().strip() if auth.username_file else auth.username
        password = _read(auth.password_file).decode().strip() if auth.password_file else auth.password.reveal()
        return _basic(user, password)
    if module.authorization:
        given = module.authorization
        token = _read(given.credentials_file).decode().strip() if given.credentials_file else given.credentials.reveal()
        return Secret(f"{given.type} {token}")
    if module.bearer_token or module.bearer_token_file:
        file = module.bearer_token_file
        return Secret(f"Bearer {_read(file).decode().strip() if file else module.bearer_token.reveal()}")
    if inside.username is not None:
        return _basic(unquote(inside.username), unquote(inside.password or ""))
    return None


def _basic(user: str, password: str) -> Secret:
    return Secret(f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}")


def _read(file: str) -> bytes:
    """A file of the module, as it is now: tokens are replaced while we run."""
    try:
        return Path(file).read_bytes()
    except OSError as error:
        raise ProbeError(Reason.INTERNAL, f"the module's file {file} cannot be read: {error.strerror}") from None


def _unproxied(host: str, exceptions: str) -> bool:
    """Whether ``no_proxy`` names ``host``, as golang.org/x/net/http/httpproxy reads it."""
    address = literal(host)
    for text in filter(None, (one.strip().lower() for one in exceptions.split(","))):
        if text == "*" or text == host:
            return True
        if address is not None and "/" in text:
            if ip_address(address) in ip_network(text, strict=False):
                return True
        elif host.endswith(f".{text.removeprefix('*').removeprefix('.')}"):
            return True
    return False


def _observed(module: HttpModule, exchange: Exchange, resolve_s: float, *, skipped: bool) -> Observation:
    """The facts as blackbox_exporter counts them."""
    phases, facts = dict(exchange.phases), dict(exchange.facts)
    phases["resolve"] = phases.get("resolve", 0.0) + resolve_s
    if skipped:
        del phases["resolve"]
    failure = exchange.failure or _failure(module, exchange)
    answered = facts.get("status") is not None
    refused = failure is not None and failure.reason is Reason.REDIRECT_LIMIT
    facts["redirects"] += refused or (not module.follows and facts.get("status") in _MOVED)
    facts["ssl"] = bool(facts["ssl"] and answered)
    if failure is not None and failure.reason is Reason.DECODE:
        facts["uncompressed_bytes"] = 0
    elif module.body_size_limit and answered:
        facts["uncompressed_bytes"] = min(facts["uncompressed_bytes"], module.body_size_limit)
    return Observation(
        sum(phases.values()), phases, facts, failure, exchange.headers, exchange.body, exchange.certificates
    )


def _failure(module: HttpModule, exchange: Exchange) -> Failure | None:
    facts, limit = exchange.facts, module.body_size_limit
    if limit and facts.get("uncompressed_bytes", 0) > limit:
        return Failure(Reason.BODY_LIMIT, f"the body is longer than body_size_limit, {limit} bytes")
    if module.compression in ("", "identity") or not facts.get("uncompressed_bytes"):
        return None
    sent = next((value for name, value in exchange.headers if name.lower() == "content-encoding"), "identity")
    if sent.lower() != module.compression:
        return Failure(Reason.DECODE, f"the body is encoded as {sent}, not as {module.compression}")
    return None


def _version(text: str) -> str:
    return text.removeprefix("HTTP/").removesuffix(".0") if text != "HTTP/1.0" else "1.0"


def _header_outcome(rule: HeaderMatch, seen: Observation, *, wanted: bool) -> Outcome:
    values = [value for name, value in seen.headers if name.lower() == rule.header.lower()]
    expected = f"{rule.header} {'to' if wanted else 'not to'} match {rule.regexp!r}"
    if not values:
        return outcome(f"header {rule.header}", rule.allow_missing, Reason.HEADER, expected, None)
    found = any(search(rule.regexp, value.encode()) for value in values)
    return outcome(f"header {rule.header}", found is wanted, Reason.HEADER, expected, "a match" if found else "none")


def _body_outcomes(module: HttpModule, seen: Observation) -> Iterator[Outcome]:
    body = seen.body or b""
    unwanted, wanted = module.fail_if_body_matches_regexp, module.fail_if_body_not_matches_regexp
    if (unwanted or wanted) and seen.facts.get("truncated"):
        # What must not occur may occur in what was not kept.
        yield outcome("body", not unwanted, Reason.BODY, f"at most {len(body)} bytes", "more")
    # What is seen says nothing of the body, which may hold what is nobody's business.
    for pattern in unwanted:
        yield outcome("body", not search(pattern, body), Reason.BODY, f"not to match {pattern!r}", "a match")
    for pattern in wanted:
        yield outcome("body", search(pattern, body), Reason.BODY, f"to match {pattern!r}", "no match")
