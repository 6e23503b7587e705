"""What a user configures of the Elasticsearch sink."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from prober.judge.texts import listed
from prober.model import Duration
from prober.secret import Secret
from prober.sinks import SinkSpec

_PART = r"[a-z0-9][a-z0-9_.]{0,99}"


def _check_url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("expected a URL such as https://elastic.example:9200")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise ValueError("expected a URL without credentials, query and fragment; see api_key, username and password")
    return text


Url = Annotated[str, AfterValidator(_check_url)]


class Spec(SinkSpec):
    """Every result as a document of a data stream in Elasticsearch; needs the extra prober[elasticsearch]."""

    kind: Literal["elasticsearch"]
    """elasticsearch"""
    urls: Annotated[tuple[Url, ...], BeforeValidator(listed), Field(strict=False, min_length=1, max_length=20)]
    """The addresses of its nodes, such as https://elastic.example:9200."""
    api_key: Secret | None = None
    """An API key, as Elasticsearch gives it out (encoded)."""
    username: str | None = None
    """A user, where there is no API key."""
    password: Secret | None = None
    """The user's password."""
    ca_file: str | None = None
    """A file of certificates to trust instead of the usual ones, relative to this file."""
    data_stream: Annotated[str, Field(pattern=rf"^logs-{_PART}-{_PART}$")] = "logs-synthetics.prober-default"
    """The data stream: logs-DATASET-NAMESPACE, in lower case, without a dash inside the parts."""
    template: bool = True
    """Whether to put the index template of the data stream in place; false where others do."""
    retention: Annotated[Duration, Field(ge=86_400)] = 30 * 86_400.0
    """How long documents are kept, by the template's lifecycle."""
    shards: Annotated[int, Field(ge=1, le=1024)] = 1
    """Primary shards of each of its indices."""
    replicas: Annotated[int, Field(ge=0, le=10)] = 1
    """Replicas of each shard."""
    service: Annotated[str, Field(min_length=1, max_length=256)] = "eventchain-synthetics"
    """The field ``service`` of every document."""
    environment: Annotated[str, Field(min_length=1, max_length=256)] = "production"
    """The field ``environment`` of every document."""
    flush_interval: Annotated[Duration, Field(ge=0.05, le=300)] = 5.0
    """The longest time results wait for a fuller batch."""
    queue_bytes: Annotated[int, Field(ge=65_536)] = 32 * 1024 * 1024
    """Documents kept while Elasticsearch cannot be reached. Half full, good runs are thinned; the oldest go first."""
    max_age: Annotated[Duration, Field(ge=1, le=7 * 86_400)] = 4 * 3_600.0
    """How long a document waits at most; then it is dropped and counted."""

    def beside(self, base: Path) -> Self:
        """The same with its certificates beside the configuration."""
        return self.model_copy(update={"ca_file": str(base / self.ca_file)}) if self.ca_file else self

    @model_validator(mode="after")
    def _one_way_to_log_in(self) -> Self:
        if (self.username is None) != (self.password is None):
            raise ValueError("username and password belong together")
        if self.api_key is not None and self.username is not None:
            raise ValueError("expected an api_key or a username with its password, not both")
        return self
