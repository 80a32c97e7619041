"""From the address that a user gives to the folder: a local path, or s3://bucket/prefix."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from analysis.tables.address import Address
from analysis.tables.paths import S3, local_path
from greedy_core.errors import InputError
from search.results.parts import LocalFolder, ResultsFolder


def results_folder(address: Address) -> ResultsFolder:
    """The folder at an address, for writing.

    Raises:
        InputError: if it is an address that cannot be written to, or the extra `s3` is missing.
        StorageError: if the store cannot be used.
    """
    text = os.fspath(address)
    if not text.startswith(S3):
        try:
            return LocalFolder(local_path(text))
        except ValueError as error:
            raise InputError(f"a sweep's folder {error}") from None
    with needs_extra():
        from search.results.object_folder import ObjectFolder
    return ObjectFolder(text)


@contextmanager
def needs_extra() -> Iterator[None]:
    """Say which extra is missing where importing what is inside fails for want of boto3."""
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name not in ("boto3", "botocore"):
            raise
        raise InputError(
            "s3:// addresses need the extra s3: pip install 'ratchet-tune[s3]'"
        ) from error
