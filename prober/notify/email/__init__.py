"""Email over SMTP: TLS or STARTTLS, one thread an incident, text and HTML."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from email.headerregistry import Address
from email.message import EmailMessage
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from prober.clock import Clock
from prober.faults import Permanent, Retryable, describe
from prober.judge.texts import listed
from prober.model import Notice
from prober.notify import Channel, Receipt
from prober.notify.email.message import address, email_of
from prober.secret import Redactor, Secret

if TYPE_CHECKING:
    import aiosmtplib

COMMAND_TIMEOUT_S = 8.0
_PORTS = {"starttls": 587, "tls": 465, "none": 25}


def _address(text: str) -> str:
    address(text)
    return text


MailAddress = Annotated[str, AfterValidator(_address)]


class Spec(Channel):
    """Sends emails through an SMTP server."""

    kind: Literal["email"]
    """email"""
    host: Annotated[str, Field(pattern=r"^[A-Za-z0-9.:-]{1,253}$")]
    """The server's name."""
    port: Annotated[int, Field(ge=1, le=65_535)] | None = None
    """The server's port; 587 with starttls, 465 with tls, 25 without."""
    tls: Literal["starttls", "tls", "none"] = "starttls"
    """How the connection is encrypted: after STARTTLS, from the start, or not at all."""
    ca_file: str | None = None
    """A PEM file of the authorities to trust, instead of the system's."""
    username: Secret | None = None
    """For logging in, with password."""
    password: Secret | None = None
    """For logging in."""
    from_: Annotated[MailAddress, Field(alias="from")]
    """The sender, such as "Prober <prober@example.com>"."""
    to: Annotated[tuple[MailAddress, ...], BeforeValidator(listed), Field(strict=False, min_length=1, max_length=50)]
    """Who gets them."""

    @model_validator(mode="after")
    def _whole_login(self) -> Spec:
        if (self.username is None) != (self.password is None):
            raise ValueError("username and password belong together")
        if self.password is not None and self.tls == "none":
            raise ValueError("a password is sent over tls or starttls only")
        return self


class RecipientRefused(Permanent):
    """The server takes nothing for any of them, and never will."""


class Sender:
    """Sends notices, each over a connection of its own."""

    def __init__(self, spec: Spec, clock: Clock | None = None) -> None:
        self._spec = spec
        self._from = address(spec.from_)
        self._to = tuple(address(one) for one in spec.to)
        self._redactor = Redactor(_hidden(spec))

    async def send(self, notice: Notice, earlier: str = "") -> Receipt:
        """Send ``notice`` to everybody. One whom the server takes it for is enough, since trying again would
        tell that one twice. Raises Retryable or Permanent.
        """
        return await self.mail(email_of(notice, self._from, self._to, earlier), self._to)

    async def mail(self, message: EmailMessage, to: Sequence[Address]) -> Receipt:
        """Send ``message``, whatever it is, to those in ``to``. Raises Retryable or Permanent."""
        import aiosmtplib

        try:
            async with self._server() as server:
                # Flattened by its own policy: the library's would fold, and so encode, links in headers.
                body = message.as_bytes(policy=message.policy.clone(cte_type="7bit"))
                refused, said = await server.sendmail(self._from.addr_spec, [one.addr_spec for one in to], body)
        except aiosmtplib.SMTPRecipientsRefused as fault:
            found = self._fault([one.code for one in fault.recipients], _answers(fault))
            raise RecipientRefused(str(found)) if isinstance(found, Permanent) else found from None
        except aiosmtplib.SMTPResponseException as fault:
            raise self._fault([fault.code], f"{fault.code} {fault.message}") from None
        except (aiosmtplib.SMTPException, OSError) as fault:
            # A server without STARTTLS or AUTH is told of by the plain class.
            lacks = type(fault) in (aiosmtplib.SMTPException, aiosmtplib.SMTPNotSupported)
            kind = Permanent if lacks else Retryable
            raise kind(self._shown(f"{type(fault).__name__}: {describe(fault)}")) from None
        lacking = "".join(f"; {who} was refused: {answer.code} {answer.message}" for who, answer in refused.items())
        return Receipt(250, self._shown(said + lacking), str(message["References"] or message["Message-ID"]))

    async def close(self) -> None:
        """Nothing is kept open."""

    def _server(self) -> aiosmtplib.SMTP:
        import aiosmtplib

        spec = self._spec
        return aiosmtplib.SMTP(
            hostname=spec.host,
            port=spec.port or _PORTS[spec.tls],
            username=spec.username.reveal() if spec.username else None,
            password=spec.password.reveal() if spec.password else None,
            local_hostname=self._from.domain,  # the machine's own name would be asked of a resolver
            timeout=COMMAND_TIMEOUT_S,
            use_tls=spec.tls == "tls",
            start_tls=spec.tls == "starttls",
            cert_bundle=spec.ca_file,
        )

    def _fault(self, codes: list[int], text: str) -> Retryable | Permanent:
        passing = any(400 <= code < 500 or code < 0 for code in codes)
        return Retryable(self._shown(text)) if passing else Permanent(self._shown(text))

    def _shown(self, text: str) -> str:
        return self._redactor.text(" ".join(text.split()))[:300]


def _answers(fault: aiosmtplib.SMTPRecipientsRefused) -> str:
    return "; ".join(f"{one.recipient}: {one.code} {one.message}" for one in fault.recipients)


def _hidden(spec: Spec) -> list[str]:
    """The log-in, also as it goes over the wire."""
    if spec.username is None or spec.password is None:
        return []
    user, password = spec.username.reveal(), spec.password.reveal()
    spoken = (user, password, f"\0{user}\0{password}")
    return [user, password, *(base64.b64encode(text.encode()).decode() for text in spoken)]
