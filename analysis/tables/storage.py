"""Where results lie: in a local folder, or under a prefix in a bucket of an S3 store.

Endpoint, region and credentials of a store come from the environment variables that every AWS
program reads. Waiting is bounded: a store that does not answer costs some twenty seconds.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

from pyarrow import fs

from analysis.errors import StorageError
from analysis.tables.paths import S3, absolute_path

Address = str | os.PathLike[str]
"""A folder as people name it: a local path, or s3://bucket/prefix."""

CONNECT_SECONDS = 4
ANSWER_SECONDS = 5
ATTEMPTS = 3

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_SEGMENT = re.compile(r"(?!\.{1,2}$)[\w!.*'()=+ -]+")
_CODE = re.compile(r"AWS Error (\w+)(?: \(HTTP status (\d+)\))?")

_KEYS = "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN or AWS_PROFILE"
_REFUSALS = {
    *("accessdenied", "forbidden", "403", "invalidaccesskeyid", "invalidclienttokenid"),
    *("signaturedoesnotmatch", "expiredtoken", "invalidtoken", "invalidsignature"),
}
_GONE = ("NO_SUCH_KEY", "RESOURCE_NOT_FOUND")
_BUSY = {
    *("slowdown", "serviceunavailable", "internalerror", "internalfailure", "operationaborted"),
    *("requesttimeout", "requesttimeoutexception", "bandwidthlimitexceeded", "networkconnection"),
    *("throttling", "throttlingexception", "throttled", "requestthrottled", "busy"),
    *("requestlimitexceeded", "toomanyrequests", "toomanyrequestsexception"),
}
"""What a store says that may serve the same request later."""
_NEVER = {501, 505, 507, 511}
"""Not implemented, wrong version, full, log in first: a server's errors that time does not cure."""
_PASSING = {
    *(errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.EAGAIN, errno.EBUSY, errno.EINTR),
    *(errno.EREMOTEIO, errno.ENOTCONN, errno.ECONNREFUSED, errno.ECONNRESET, errno.ECONNABORTED),
    *(errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ENETDOWN, errno.ENETUNREACH, errno.ENETRESET),
    *(errno.EPIPE, errno.ESHUTDOWN, errno.ENOLINK, errno.ECOMM, errno.EPROTO),
}
"""What a file server that is away makes the system say. A full disk is not among it: rows that
nobody makes room for would be held for nothing."""
UNREACHABLE = "NetworkConnection"
NO_CREDENTIALS = "NoCredentials"
NO_SUCH_BUCKET = "NoSuchBucket"


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


def file_system(address: Address) -> tuple[fs.FileSystem, str]:
    """The file system that an address lies on, and the path there.

    Raises:
        StorageError: if the address or the store cannot be used.
    """
    text = os.fspath(address)
    if text.startswith(S3):
        where = S3Address.parse(text)
        return _store(where.bucket, text), f"{where.bucket}/{where.prefix}".rstrip("/")
    try:
        return fs.LocalFileSystem(), absolute_path(text)
    except ValueError as error:
        raise StorageError(f"a sweep's folder {error}") from None


def require_bucket(files: fs.FileSystem, root: str, address: str) -> None:
    """Raise `StorageError` for a bucket that does not exist, which lists like an empty folder."""
    if isinstance(files, fs.S3FileSystem):
        with storage_errors(address):
            bucket = files.get_file_info(root.partition("/")[0])
        if bucket.type == fs.FileType.NotFound:
            raise storage_error(address, NO_SUCH_BUCKET)


@contextmanager
def storage_errors(address: str) -> Iterator[None]:
    """Turn what a store refuses inside into `StorageError`; other errors pass.

    Raises:
        FileNotFoundError: an object was deleted between opening and reading it.
    """
    try:
        yield
    except OSError as error:
        code = _CODE.search(str(error))
        if code is None:
            raise
        if code[1] in _GONE:
            raise FileNotFoundError(f"{address}: {code[1]}") from error
        raise storage_error(address, code[1], int(code[2] or 0)) from error


def system_error(what: str, error: OSError) -> StorageError:
    """One line on what an operating system has refused; `what` says where and which."""
    # pyarrow puts words of its own around the system's.
    reason = os.strerror(error.errno) if error.errno else error
    return StorageError(f"{what}: {reason}", may_pass=error.errno in _PASSING)


def storage_error(address: str, code: str, status: int = 0) -> StorageError:
    """One line on what a store has refused, from the code of any AWS library.

    Args:
        address: of the place that is used.
        code: the store's, or the library's own.
        status: of HTTP; 0 where it is not known.
    """
    known = code.replace("_", "").lower()
    if known == NO_SUCH_BUCKET.lower():
        reason = "there is no such bucket"
    elif known == UNREACHABLE.lower():
        reason = f"no answer from {_host()}"
    elif known == NO_CREDENTIALS.lower():
        reason = f"no credentials found; {_KEYS} must give them"
    elif known in _REFUSALS:
        reason = f"access denied ({code}); {_KEYS} must give access"
    else:
        reason = f"the store refuses ({f'HTTP {status}' if known == 'unknown' else code})"
    return StorageError(f"{address}: {reason}", _may_pass(known, status))


def _may_pass(code: str, status: int) -> bool:
    status = int(code) if code.isdecimal() else status
    at_fault = status in (408, 425, 429) or (status >= 500 and status not in _NEVER)
    return code in _BUSY or (at_fault and code not in _REFUSALS)


def _host() -> str:
    url = endpoint()
    return (
        "Amazon S3; AWS_ENDPOINT_URL names another store" if url is None else urlsplit(url).netloc
    )


def _store(bucket: str, address: str) -> fs.S3FileSystem:
    url, where = endpoint(), region()
    with storage_errors(address):
        if where is None and url is None:
            where = fs.resolve_s3_region(bucket)
        return fs.S3FileSystem(
            endpoint_override=url,
            region=where or "us-east-1",
            connect_timeout=CONNECT_SECONDS,
            request_timeout=ANSWER_SECONDS,
            retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=ATTEMPTS),
        )
