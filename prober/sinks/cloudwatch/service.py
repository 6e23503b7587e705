"""AWS's APIs through boto3, and which of their refusals may pass. Imported only by the threads that send."""

from __future__ import annotations

from time import time
from typing import Any
from uuid import uuid4

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError
from botocore.parsers import ResponseParserError

from prober.faults import Permanent, Retryable, describe
from prober.sinks.cloudwatch.spec import Account

CONNECT_TIMEOUT_S = 3
READ_TIMEOUT_S = 10
SMALLEST_ZIPPED_BYTES = 1_024
RENEWED_BEFORE_S = 300.0  # a role's credentials, so that none expires on the way

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
        "LimitExceededException",
        "MissingAuthenticationToken",
        "OperationAbortedException",
        "OptInRequired",
        "RequestExpired",
        "RequestLimitExceeded",
        "RequestTimeTooSkewed",
        "ResourceNotFoundException",
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


class Refused(Permanent):
    """What the service said no to for good; ``code`` is its own word for it."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        super().__init__(message)


class Unready(Retryable):
    """What the service said no to for now; ``code`` is its own word for it."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        super().__init__(message)


class Api:
    """One service of AWS; connected to anew after a fault, so that new credentials are seen."""

    def __init__(self, account: Account, service: str) -> None:
        self._account = account
        self._service = service
        self._client: Any = None
        self._valid_until = 0.0

    def call(self, operation: str, **arguments: Any) -> Any:
        """What the service answers. Raises Refused and Unready, or Retryable where no answer came."""
        try:
            if self._client is None or time() > self._valid_until:
                self._connect()
            return getattr(self._client, operation)(**arguments)
        except ClientError as error:
            raise self._sort(error) from error
        except ParamValidationError as error:
            raise Permanent(describe(error)) from error
        except (BotoCoreError, ResponseParserError, OSError, *_UNREADABLE) as error:
            self.close()
            raise Retryable(f"{type(error).__name__}: {describe(error)}") from error

    def close(self) -> None:
        """Give up connections."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def _sort(self, error: ClientError) -> Refused | Unready:
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        code = str(error.response.get("Error", {}).get("Code", ""))
        if code in _PASSING:
            self.close()
        text = f"{code or status}: {describe(error)}"
        passes = status >= 500 or status == 429 or code in _PASSING
        return Unready(code, text) if passes else Refused(code, text)

    def _connect(self) -> None:
        self.close()
        account = self._account
        session = boto3.session.Session(profile_name=account.profile, region_name=account.aws_region)
        keys: dict[str, str] = {}
        self._valid_until = float("inf")
        if account.role_arn:
            keys, self._valid_until = _assume(session, account)
        self._client = session.client(self._service, endpoint_url=account.endpoint_url, config=_config(), **keys)


def _assume(session: Any, account: Account) -> tuple[dict[str, str], float]:
    """The keys of the account's role, and until when they are to be used."""
    more = {"ExternalId": account.external_id} if account.external_id else {}
    sts = session.client("sts", config=_config())
    try:
        answer = sts.assume_role(RoleArn=account.role_arn, RoleSessionName=f"prober-{uuid4().hex[:12]}", **more)
    finally:
        sts.close()
    given = answer["Credentials"]
    keys = {
        "aws_access_key_id": given["AccessKeyId"],
        "aws_secret_access_key": given["SecretAccessKey"],
        "aws_session_token": given["SessionToken"],
    }
    return keys, given["Expiration"].timestamp() - RENEWED_BEFORE_S


def _config() -> Config:
    return Config(
        connect_timeout=CONNECT_TIMEOUT_S,
        read_timeout=READ_TIMEOUT_S,
        retries={"total_max_attempts": 1, "mode": "standard"},  # how often to try is the feed's to say
        max_pool_connections=1,
        disable_request_compression=False,
        request_min_compression_size_bytes=SMALLEST_ZIPPED_BYTES,
    )
