"""CloudWatch's API through boto3, and which of its refusals may pass. Imported only by the thread that sends."""

from __future__ import annotations

from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError
from botocore.parsers import ResponseParserError

from prober.faults import Permanent, Retryable, describe
from prober.sinks.cloudwatch.data import Datum, wire
from prober.sinks.cloudwatch.spec import Spec

CONNECT_TIMEOUT_S = 3
READ_TIMEOUT_S = 10

# 4xx that are not about the data: throttling, and credentials or rights that someone may be about to mend.
_PASSING = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "ExpiredToken",
        "ExpiredTokenException",
        "IncompleteSignature",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "MissingAuthenticationToken",
        "OptInRequired",
        "RequestExpired",
        "RequestLimitExceeded",
        "RequestTimeTooSkewed",
        "SignatureDoesNotMatch",
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "TooManyRequestsException",
        "UnrecognizedClientException",
    }
)


# What botocore lets through when a proxy answers for AWS with JSON that is no object, or with other bytes.
_UNREADABLE = (AttributeError, TypeError, ValueError)


class Service:
    """One namespace of CloudWatch; made anew after a fault, so that new credentials are seen."""

    def __init__(self, spec: Spec) -> None:
        self._spec = spec
        self._client: Any = None

    def put(self, data: list[Datum]) -> None:
        """Send ``data`` in one request. Raises Retryable or Permanent; a repeated request counts twice there."""
        listed = [wire(datum) for datum in data]
        try:
            if self._client is None:
                self._client = _connect(self._spec)
            self._client.put_metric_data(Namespace=self._spec.namespace, MetricData=listed)
        except ClientError as error:
            raise self._sort(error) from error
        except ParamValidationError as error:
            raise Permanent(describe(error)) from error
        except (BotoCoreError, ResponseParserError, OSError, *_UNREADABLE) as error:
            self._forget()
            raise Retryable(f"{type(error).__name__}: {describe(error)}") from error

    def close(self) -> None:
        """Give up connections."""
        self._forget()

    def _sort(self, error: ClientError) -> Retryable | Permanent:
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        code = str(error.response.get("Error", {}).get("Code", ""))
        if code in _PASSING:
            self._forget()
        text = f"{code or status}: {describe(error)}"
        return Retryable(text) if status >= 500 or status == 429 or code in _PASSING else Permanent(text)

    def _forget(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None


def _connect(spec: Spec) -> Any:
    config = Config(
        connect_timeout=CONNECT_TIMEOUT_S,
        read_timeout=READ_TIMEOUT_S,
        retries={"total_max_attempts": 1, "mode": "standard"},  # how often to try is the feed's to say
        max_pool_connections=1,
    )
    session = boto3.session.Session(profile_name=spec.profile, region_name=spec.aws_region)
    return session.client("cloudwatch", endpoint_url=spec.endpoint_url, config=config)
