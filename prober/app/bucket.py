"""Copies of evidence in S3, through boto3. Imported only by the thread that sends."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from prober.config.sections import Bucket as Spec
from prober.faults import describe
from prober.log import Log

CONNECT_TIMEOUT_S = 3
READ_TIMEOUT_S = 20
TRIES = 3

_log = Log(__name__)


class Bucket:
    """One bucket; a file's key is its prefix and its path below the directory of all evidence."""

    def __init__(self, spec: Spec) -> None:
        self._spec = spec
        self._client: Any = None
        self._trouble = False

    def copy(self, directory: Path, files: Iterable[Path]) -> Mapping[str, int]:
        """Copy ``files``, all below ``directory``; how many were ``sent`` and ``failed``. Never raises."""
        outcomes = Counter(sent=0, failed=0)
        for file in files:
            key = "/".join(part for part in (self._spec.prefix, *file.relative_to(directory.resolve()).parts) if part)
            try:
                self._put(file, key)
            except (BotoCoreError, ClientError, OSError) as error:
                outcomes["failed"] += 1
                self._client = None  # made anew, so that new credentials are seen
                self._tell(f"{type(error).__name__}: {describe(error)}")
            else:
                outcomes["sent"] += 1
                self._tell("")
        return outcomes

    def _put(self, file: Path, key: str) -> None:
        if self._client is None:
            self._client = _connect(self._spec)
        self._client.put_object(
            Bucket=self._spec.bucket,
            Key=key,
            Body=file.read_bytes(),
            ContentType="application/octet-stream",
            ContentDisposition="attachment",
        )

    def _tell(self, trouble: str) -> None:
        """Log a change of what is wrong, not each time it is."""
        if trouble and not self._trouble:
            _log.warning("S3 does not take evidence", bucket=self._spec.bucket, problem=trouble)
        elif self._trouble and not trouble:
            _log.info("S3 takes evidence again", bucket=self._spec.bucket)
        self._trouble = bool(trouble)


def _connect(spec: Spec) -> Any:
    config = Config(
        connect_timeout=CONNECT_TIMEOUT_S,
        read_timeout=READ_TIMEOUT_S,
        retries={"total_max_attempts": TRIES, "mode": "standard"},
        max_pool_connections=1,
        # A server of one's own answers by path; names below it lead nowhere.
        s3={"addressing_style": "path" if spec.endpoint_url else "auto"},
    )
    session = boto3.session.Session(region_name=spec.aws_region)
    return session.client("s3", endpoint_url=spec.endpoint_url, config=config)
