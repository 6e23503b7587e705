"""AWS SNS: a topic passes notices on to emails, phones, queues and functions.

Limits: subject 100 characters of ASCII, message 256 KB, ids of FIFO topics 128.
"""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Literal

from pydantic import Field

from prober.clock import Clock
from prober.faults import Permanent, Retryable, describe
from prober.model import Notice
from prober.notify import Channel, Receipt
from prober.notify._plain import plain_text
from prober.notify._posting import PublicUrl
from prober.notify._texts import cut, short_key
from prober.notify._wording import headline

SUBJECT_CHARS = 100
MESSAGE_BYTES = 200_000
ID_CHARS = 128
CONNECT_TIMEOUT_S = 3
READ_TIMEOUT_S = 5

# 4xx that pass: throttling, and credentials that are renewed while the prober runs.
_PASSING = frozenset(
    {
        "ExpiredToken",
        "ExpiredTokenException",
        "InternalError",
        "KMSThrottling",
        "RequestExpired",
        "RequestLimitExceeded",
        "RequestTimeTooSkewed",
        "Throttled",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
# What botocore lets through when something else than AWS answers.
_UNREADABLE = (AttributeError, TypeError, ValueError)


class Spec(Channel):
    """Publishes to an SNS topic, with the credentials boto3 finds in the environment."""

    kind: Literal["sns"]
    """sns"""
    topic_arn: Annotated[str, Field(pattern=r"^arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[A-Za-z0-9_.-]{1,256}$")]
    """The topic; one that ends in .fifo gets an incident's notices in order."""
    aws_region: Annotated[str, Field(pattern=r"^[a-z0-9-]+$")] | None = None
    """The topic's region; taken from topic_arn where it is missing."""
    endpoint_url: PublicUrl | None = None
    """Another endpoint than AWS's, such as a VPC endpoint or moto."""


class Sender:
    """Publishes notices to one topic, in a thread since boto3 blocks."""

    def __init__(self, spec: Spec, clock: Clock | None = None) -> None:
        self._spec = spec
        self._client: Any = None

    async def send(self, notice: Notice, earlier: str = "") -> Receipt:
        """Publish ``notice`` once. Raises Retryable or Permanent."""
        return await asyncio.to_thread(self._publish, payload(notice, self._spec.topic_arn))

    async def close(self) -> None:
        """Give up the connection."""
        self._forget()

    def _publish(self, message: dict[str, Any]) -> Receipt:
        from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError
        from botocore.parsers import ResponseParserError

        try:
            if self._client is None:
                self._client = _connect(self._spec)
            told = self._client.publish(**message)
        except ClientError as fault:
            raise self._sorted(fault.response, describe(fault)) from None
        except ParamValidationError as fault:
            raise Permanent(describe(fault)) from None
        except (BotoCoreError, ResponseParserError, OSError, *_UNREADABLE) as fault:
            self._forget()
            raise Retryable(f"{type(fault).__name__}: {describe(fault)}") from None
        return Receipt(200, f"message {told.get('MessageId', '')}")

    def _sorted(self, response: Any, text: str) -> Retryable | Permanent:
        code = str(response.get("Error", {}).get("Code", ""))
        status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if status >= 500 or status == 429 or code in _PASSING:
            self._forget()  # a new client sees new credentials
            return Retryable(text)
        return Permanent(text)

    def _forget(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.close()


def payload(notice: Notice, topic_arn: str) -> dict[str, Any]:
    """What is published; attributes are for the filter policies of subscriptions."""
    attributes = {
        "severity": notice.severity,
        "kind": notice.kind.value,
        "condition": str(notice.condition),
        "check": notice.check_id,
    }
    message: dict[str, Any] = {
        "TopicArn": topic_arn,
        "Subject": subject(notice),
        "Message": plain_text(notice, MESSAGE_BYTES, titled=True),
        "MessageAttributes": {
            name: {"DataType": "String", "StringValue": cut(value, 256)} for name, value in attributes.items() if value
        },
    }
    if topic_arn.endswith(".fifo"):
        message["MessageGroupId"] = short_key(notice.dedup_key, ID_CHARS)
        message["MessageDeduplicationId"] = short_key(notice.id, ID_CHARS)
    return message


def subject(notice: Notice) -> str:
    """The headline as SNS takes subjects: printable ASCII that begins with no blank."""
    ascii_only = "".join(char if char.isascii() and char.isprintable() else "?" for char in headline(notice))
    return ascii_only if len(ascii_only) <= SUBJECT_CHARS else ascii_only[: SUBJECT_CHARS - 3] + "..."


def _connect(spec: Spec) -> Any:
    import boto3
    from botocore.config import Config

    config = Config(
        connect_timeout=CONNECT_TIMEOUT_S,
        read_timeout=READ_TIMEOUT_S,
        retries={"total_max_attempts": 1, "mode": "standard"},  # how often to try is delivery's to say
        max_pool_connections=1,
    )
    region = spec.aws_region or spec.topic_arn.split(":")[3]
    return boto3.session.Session(region_name=region).client("sns", endpoint_url=spec.endpoint_url, config=config)
