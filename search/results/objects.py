"""Objects of one bucket: whole PUTs, and writes that only succeed if nobody wrote meanwhile.

This needs boto3, the extra `s3`: pyarrow reads a store, but has no conditional writes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,
    HTTPClientError,
    IncompleteReadError,
    NoCredentialsError,
    PartialCredentialsError,
    SSLError,
)
from botocore.parsers import ResponseParserError

from analysis.errors import StorageError
from analysis.tables.address import endpoint, region
from analysis.tables.storage import (
    ANSWER_SECONDS,
    ATTEMPTS,
    CONNECT_SECONDS,
    NO_CREDENTIALS,
    UNREACHABLE,
    storage_error,
)

_AT_ONCE = 1000
"""How many objects one request can delete."""

_NO_ANSWER = (ConnectionError, HTTPClientError, IncompleteReadError, ResponseParserError)
"""Errors for no answer, a part of one, or one that only a proxy in between can have given."""

_OTHERWISE = {"PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey"}
"""What a store says to a conditional write whose condition does not hold."""


@dataclass(frozen=True)
class StoredObject:
    """An object as it was at some moment."""

    content: bytes
    """All of it."""
    tag: str
    """Its version, for conditional writes."""
    changed: float
    """When it was written, in seconds since the epoch."""


class Objects:
    """The objects of one bucket.

    Args:
        bucket: its name.
        address: what messages call the place that is used.

    Raises:
        StorageError: from any method, if the store cannot be used.
    """

    def __init__(self, bucket: str, address: str) -> None:
        self._bucket = bucket
        self._address = address
        url = endpoint()
        config = Config(
            connect_timeout=CONNECT_SECONDS,
            read_timeout=ANSWER_SECONDS,
            retries={"total_max_attempts": ATTEMPTS, "mode": "standard"},
            # Many stores that speak S3 have neither names per bucket nor the newest checksums.
            s3={"addressing_style": "path" if url else "auto"},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )
        with self._errors():
            self._client: Any = boto3.Session().client(
                "s3", endpoint_url=url, region_name=region(), config=config
            )

    def put(self, key: str, content: bytes) -> None:
        """Create or replace an object; it is there whole or not at all."""
        with self._errors():
            self._client.put_object(Bucket=self._bucket, Key=key, Body=content)

    def copy(self, key: str, to: str) -> bool:
        """Copy an object within the bucket; False if there is none."""
        source = {"Bucket": self._bucket, "Key": key}
        copied = self._conditional(
            lambda: self._client.copy_object(Bucket=self._bucket, Key=to, CopySource=source)
        )
        return copied is not None

    def require(self, key: str) -> None:
        """Raise a StorageError if there is no such object."""
        with self._errors():
            self._client.head_object(Bucket=self._bucket, Key=key)

    def delete(self, keys: Sequence[str]) -> None:
        """Delete objects, those that are there."""
        for first in range(0, len(keys), _AT_ONCE):
            names = [{"Key": key} for key in keys[first : first + _AT_ONCE]]
            with self._errors():
                answer = self._client.delete_objects(
                    Bucket=self._bucket, Delete={"Objects": names, "Quiet": True}
                )
            for refused in answer.get("Errors", ()):
                raise storage_error(self._address, refused["Code"])

    def get(self, key: str) -> StoredObject | None:
        """An object; None if there is none."""
        with self._errors():
            try:
                found = self._client.get_object(Bucket=self._bucket, Key=key)
            except self._client.exceptions.NoSuchKey:
                return None
            content = found["Body"].read()
        return StoredObject(content, found["ETag"], found["LastModified"].timestamp())

    def create(self, key: str, content: bytes) -> str | None:
        """Write an object that is not there yet; its tag, None if it is there."""
        return self._conditional(
            lambda: self._client.put_object(
                Bucket=self._bucket, Key=key, Body=content, IfNoneMatch="*"
            )["ETag"]
        )

    def replace(self, key: str, content: bytes, tag: str) -> str | None:
        """Overwrite an object if it still has this tag; its new tag, None if it had another."""
        return self._conditional(
            lambda: self._client.put_object(
                Bucket=self._bucket, Key=key, Body=content, IfMatch=tag
            )["ETag"]
        )

    def delete_version(self, key: str, tag: str) -> None:
        """Delete an object if it still has this tag."""
        self._conditional(
            lambda: self._client.delete_object(Bucket=self._bucket, Key=key, IfMatch=tag)
        )

    def _conditional(self, request: Callable[[], Any]) -> Any | None:
        with self._errors():
            try:
                return request()
            except ClientError as error:
                if error.response["Error"]["Code"] in _OTHERWISE:
                    return None
                raise

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except ClientError as error:
            raise storage_error(self._address, *_answer(error)) from error
        except (NoCredentialsError, PartialCredentialsError) as error:
            raise storage_error(self._address, NO_CREDENTIALS) from error
        except _NO_ANSWER as error:
            if isinstance(error, SSLError) and "CERTIFICATE" in str(error):
                raise StorageError(f"{self._address}: {error}") from error
            raise storage_error(self._address, UNREACHABLE) from error
        except BotoCoreError as error:
            raise storage_error(self._address, type(error).__name__) from error


def _answer(error: ClientError) -> tuple[str, int]:
    """Code and status of what a store has refused."""
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return error.response["Error"]["Code"], int(status)
