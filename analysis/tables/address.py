"""What an address of results names, and what the environment says about its store.

None of this looks at the place itself, so that a configuration is checked in no time.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

from analysis.errors import StorageError
from analysis.tables.paths import S3

Address = str | os.PathLike[str]
"""A folder as people name it: a local path, or s3://bucket/prefix."""

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_SEGMENT = re.compile(r"(?!\.{1,2}$)[\w!.*'()=+ -]+")


@dataclass(frozen=True)
class S3Address:
    """What an address such as s3://bucket/prefix names."""

    bucket: str
    """Name of the bucket."""
    prefix: str
    """What the objects' keys begin with, without slashes at either end."""

    @classmethod
    def parse(cls, text: str) -> S3Address:
        """Take an address apart.

        Raises:
            StorageError: if it is not of that form; what may hold a secret is not repeated.
        """
        bucket, *segments = text.removeprefix(S3).rstrip("/").split("/")
        plain = _BUCKET.fullmatch(bucket) and all(map(_SEGMENT.fullmatch, segments))
        if not text.startswith(S3) or not plain:
            got = "credentials or a query" if re.search("[@?]", text) else f"{text!r:.200}"
            raise StorageError(f"an address must be s3://bucket/prefix, but got {got}")
        return cls(bucket, "/".join(segments))


def endpoint() -> str | None:
    """URL of the store; None for Amazon's own.

    Raises:
        StorageError: if the environment gives something else than a plain URL.
    """
    names = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
    name, url = next(((n, os.environ[n]) for n in names if os.environ.get(n)), ("", None))
    if url is not None and not re.fullmatch(r"https?://[^/@?#\s]+/?", url):
        raise StorageError(f"{name} must be a URL such as http://host:9000, without credentials")
    return url


def region() -> str | None:
    """The region that the environment names."""
    return os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or None
