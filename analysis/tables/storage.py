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
from urllib.parse import urlsplit

from pyarrow import fs

from analysis.errors import StorageError
from analysis.tables.address import Address, S3Address, endpoint, region
from analysis.tables.paths import S3, absolute_path

CONNECT_SECONDS = 4
ANSWER_SECONDS = 5
ATTEMPTS = 3

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
"""Answers of a store that may serve the same request later."""
_NEVER = {501, 505, 507, 511}
"""Not implemented, wrong version, full, log in first: a server's errors that time does not cure."""
_PASSING = {
    *(errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.EAGAIN, errno.EBUSY, errno.EINTR),
    *(errno.EREMOTEIO, errno.ENOTCONN, errno.ECONNREFUSED, errno.ECONNRESET, errno.ECONNABORTED),
    *(errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ENETDOWN, errno.ENETUNREACH, errno.ENETRESET),
    *(errno.EPIPE, errno.ESHUTDOWN, errno.ENOLINK, errno.ECOMM, errno.EPROTO),
}
"""Errors of the system while a file server is away. A full disk is not among them: rows that nobody
makes room for would be held for nothing."""
UNREACHABLE = "NetworkConnection"
NO_CREDENTIALS = "NoCredentials"
NO_SUCH_BUCKET = "NoSuchBucket"


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
