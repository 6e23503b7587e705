"""The modules of blackbox_exporter's file, every key of its http, tcp, dns, icmp and grpc probers.

Fields bear the names that its documentation explains, so they are not explained again here. What is known but cannot
be done is refused when the file is read, never ignored.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from prober.blackbox.notation import GoDuration, GoSize
from prober.curl import check_header
from prober.judge.texts import Pattern
from prober.net import TlsOptions, literal
from prober.probes.dns import read_type
from prober.secret import Secret

IpProtocol = Literal["ip4", "ip6"]
RCODES = frozenset(
    {
        *("NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED", "YXDOMAIN", "YXRRSET", "NXRRSET"),
        *("NOTAUTH", "NOTZONE", "BADSIG", "BADVERS", "BADKEY", "BADTIME", "BADMODE", "BADNAME", "BADALG"),
        *("BADTRUNC", "BADCOOKIE"),
    }
)
_VERSIONS = {"TLS10": "1.0", "TLS11": "1.1", "TLS12": "1.2", "TLS13": "1.3"}


class Keys(BaseModel):
    """A mapping of the file: unknown keys are errors, one without a value is as if it were not there."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    refused: ClassVar[dict[str, str]] = {}
    """Known keys that cannot be done, and what to do instead."""

    @model_validator(mode="before")
    @classmethod
    def _without_nothing(cls, raw: Any) -> Any:
        if raw is None:
            return {}
        return {key: value for key, value in raw.items() if value is not None} if isinstance(raw, dict) else raw

    @model_validator(mode="after")
    def _can_be_done(self) -> Self:
        for name, instead in self.refused.items():
            if getattr(self, name):
                raise ValueError(f"{name} is not supported here; {instead}")
        return self


def _one_of(*groups: tuple[str, ...]) -> Any:
    """A validator: at most one key of each group."""

    def check(self: Keys) -> Keys:
        for group in groups:
            given = [name for name in group if getattr(self, name)]
            if len(given) > 1:
                raise ValueError(f"at most one of {' & '.join(group)} must be configured")
        return self

    return model_validator(mode="after")(check)


class TlsConfig(Keys):
    refused = {name: f"write it to a file and name that in {name}_file" for name in ("ca", "cert", "key")}
    ca: str = ""
    cert: str = ""
    key: Secret = Secret("")
    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    server_name: str | None = None
    insecure_skip_verify: bool = False
    min_version: Literal["TLS10", "TLS11", "TLS12", "TLS13"] = "TLS12"
    max_version: Literal["TLS10", "TLS11", "TLS12", "TLS13"] | None = None

    @model_validator(mode="after")
    def _names_both_files(self) -> Self:
        if bool(self.cert_file) != bool(self.key_file):
            raise ValueError("cert_file and key_file are needed together")
        if self.max_version is not None:
            raise ValueError("max_version is not supported here; leave it out")
        return self

    def options(self, host: str, name: str | None = None) -> TlsOptions:
        """The same for ``host``; ``name`` is verified where no ``server_name`` is set."""
        name = self.server_name or name
        return TlsOptions.model_validate(
            {
                "verify": not self.insecure_skip_verify,
                "ca_file": self.ca_file,
                "cert_file": self.cert_file,
                "key_file": self.key_file,
                "min_version": _VERSIONS[self.min_version],
                "server_name": None if name == host else name,
            }
        )


class BasicAuth(Keys):
    username: str = ""
    username_file: str | None = None
    password: Secret = Secret("")
    password_file: str | None = None
    _single = _one_of(("username", "username_file"), ("password", "password_file"))


class Authorization(Keys):
    type: str = "Bearer"
    credentials: Secret = Secret("")
    credentials_file: str | None = None
    _single = _one_of(("credentials", "credentials_file"))


class HeaderValues(Keys):
    values: tuple[str, ...] = ()
    secrets: tuple[Secret, ...] = ()
    files: tuple[str, ...] = ()


class HeaderMatch(Keys):
    header: Annotated[str, Field(min_length=1)]
    regexp: Pattern
    allow_missing: bool = False


def _check_proxy(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "socks5h", "socks5") or not parts.hostname or not parts.port:
        raise ValueError("expected http://HOST:PORT or socks5h://HOST:PORT")
    return url


def _check_headers(headers: dict[str, Any]) -> dict[str, Any]:
    for name, value in headers.items():
        for one in [value] if isinstance(value, str) else (*value.values, *value.secrets):
            check_header(name, one)
    return headers


def _check_metadata(values: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    for name, texts in values.items():
        for text in texts:
            check_header(name, text)
    return values


def _check_address(text: str) -> str:
    if literal(text) is None:
        raise ValueError("expected an IP address")
    return text


class Dialled(Keys):
    """What every prober has that resolves a name."""

    preferred_ip_protocol: IpProtocol = "ip6"
    ip_protocol_fallback: bool = True


class HttpModule(Dialled):
    refused = {
        "oauth2": "send a token by authorization",
        "fail_if_body_json_matches_cel": "match the body by fail_if_body_matches_regexp",
        "fail_if_body_json_not_matches_cel": "match the body by fail_if_body_not_matches_regexp",
        "proxy_connect_header": "put credentials into proxy_url",
        "proxy_from_environment": "name the proxy in proxy_url",
    }
    valid_status_codes: tuple[int, ...] = ()
    valid_http_versions: tuple[str, ...] = ()
    skip_resolve_phase_with_proxy: bool = False
    no_follow_redirects: bool = False
    follow_redirects: bool = True
    fail_if_ssl: bool = False
    fail_if_not_ssl: bool = False
    method: Annotated[str, Field(pattern=r"^[A-Za-z]{0,20}$")] = "GET"
    headers: Annotated[dict[str, str], AfterValidator(_check_headers)] = {}
    http_headers: Annotated[dict[str, HeaderValues], AfterValidator(_check_headers)] = {}
    fail_if_body_matches_regexp: tuple[Pattern, ...] = ()
    fail_if_body_not_matches_regexp: tuple[Pattern, ...] = ()
    fail_if_body_json_matches_cel: str = ""
    fail_if_body_json_not_matches_cel: str = ""
    fail_if_header_matches: tuple[HeaderMatch, ...] = ()
    fail_if_header_not_matches: tuple[HeaderMatch, ...] = ()
    body: str = ""
    body_file: str | None = None
    basic_auth: BasicAuth | None = None
    authorization: Authorization | None = None
    bearer_token: Secret = Secret("")
    bearer_token_file: str | None = None
    oauth2: dict[str, Any] = {}
    proxy_url: Annotated[str, AfterValidator(_check_proxy)] | None = None
    no_proxy: str = ""
    proxy_from_environment: bool = False
    proxy_connect_header: dict[str, Any] = {}
    tls_config: TlsConfig = TlsConfig()
    enable_http2: bool = True
    enable_http3: bool = False
    compression: Literal["", "gzip", "br", "deflate", "identity"] = ""
    body_size_limit: GoSize = 0
    _single = _one_of(
        ("body", "body_file"),
        ("bearer_token", "bearer_token_file"),
        ("basic_auth", "authorization", "bearer_token", "oauth2"),
        ("basic_auth", "authorization", "bearer_token_file", "oauth2"),
    )

    @model_validator(mode="after")
    def _goes_together(self) -> Self:
        accepted = next((value for name, value in self.headers.items() if name.lower() == "accept-encoding"), None)
        if self.compression and accepted is not None and not accepts(self.compression, accepted):
            raise ValueError(f"Accept-Encoding {accepted!r} does not take the compression {self.compression!r}")
        if self.enable_http3 and self.enable_http2:
            raise ValueError("enable_http3 needs enable_http2: false")
        return self

    @property
    def follows(self) -> bool:
        """Whether redirects are followed; the older key says it as well."""
        return self.follow_redirects and not self.no_follow_redirects


class QueryResponse(Keys):
    expect: Pattern | None = None
    expect_bytes: str | bytes | None = None
    send: str | bytes = ""
    starttls: bool = False
    labels: tuple[ExpectLabel, ...] = ()


class ExpectLabel(Keys):
    name: Annotated[str, Field(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*$")]
    value: str = ""


class TcpModule(Dialled):
    refused = {"source_ip_address": "let the system's routes decide"}
    source_ip_address: Annotated[str, AfterValidator(_check_address)] | None = None
    query_response: tuple[QueryResponse, ...] = ()
    tls: bool = False
    tls_config: TlsConfig = TlsConfig()


class RecordRules(Keys):
    fail_if_matches_regexp: tuple[Pattern, ...] = ()
    fail_if_all_match_regexp: tuple[Pattern, ...] = ()
    fail_if_not_matches_regexp: tuple[Pattern, ...] = ()
    fail_if_none_matches_regexp: tuple[Pattern, ...] = ()


def _check_rcode(text: str) -> str:
    if text.upper() not in RCODES:
        raise ValueError(f"rcode {text!r} is not valid")
    return text.upper()


class DnsModule(Dialled):
    refused = {"source_ip_address": "let the system's routes decide"}
    dns_over_tls: bool = False
    tls_config: TlsConfig = TlsConfig()
    source_ip_address: Annotated[str, AfterValidator(_check_address)] | None = None
    transport_protocol: Literal["udp", "tcp", "udp4", "udp6", "tcp4", "tcp6"] = "udp"
    query_class: Literal["IN", "CH", "HS", "ANY", "NONE"] = "IN"
    query_name: str = ""
    query_type: Annotated[str, AfterValidator(read_type)] = "ANY"
    recursion_desired: bool = True
    valid_rcodes: tuple[Annotated[str, AfterValidator(_check_rcode)], ...] = ()
    validate_answer_rrs: RecordRules = RecordRules()
    validate_authority_rrs: RecordRules = RecordRules()
    validate_additional_rrs: RecordRules = RecordRules()

    @model_validator(mode="after")
    def _goes_together(self) -> Self:
        if self.dns_over_tls and not self.transport_protocol.startswith("tcp"):
            raise ValueError("dns_over_tls needs transport_protocol: tcp")
        return self


class IcmpModule(Dialled):
    source_ip_address: Annotated[str, AfterValidator(_check_address)] | None = None
    payload_size: Annotated[int, Field(ge=0, le=65_507)] = 56
    dont_fragment: bool = False
    ttl: Annotated[int, Field(ge=0, le=255)] = 64


class GrpcModule(Dialled):
    service: str = ""
    tls: bool = False
    tls_config: TlsConfig = TlsConfig()
    metadata: Annotated[dict[str, tuple[str, ...]], AfterValidator(_check_metadata)] = {}


class Module(Keys):
    prober: Literal["http", "tcp", "dns", "icmp", "grpc"]
    timeout: GoDuration = 0.0
    http: HttpModule = HttpModule()
    tcp: TcpModule = TcpModule()
    dns: DnsModule = DnsModule()
    icmp: IcmpModule = IcmpModule()
    grpc: GrpcModule = GrpcModule()

    @model_validator(mode="after")
    def _has_a_question(self) -> Self:
        if self.prober == "dns" and not self.dns.query_name:
            raise ValueError("query name must be set for DNS module")
        return self


class Modules(Keys):
    modules: dict[str, Module] = {}


def accepts(encoding: str, header: str) -> bool:
    """Whether an Accept-Encoding ``header`` takes ``encoding`` (RFC 9110 section 12.5.3)."""
    weights: dict[str, float] = {}
    for part in header.split(","):
        name, _, rest = (text.strip().lower() for text in part.partition(";"))
        weight = rest.partition("=")[2].strip() if rest.startswith("q") else "1"
        weights[name] = float(weight) if weight.replace(".", "", 1).isdigit() else 0.0
    if encoding in weights:
        return weights[encoding] > 0
    return weights.get("*", 0.0) > 0
