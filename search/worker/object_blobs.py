"""The state store's blobs as objects of a bucket, created by conditional PUTs.

Nothing is evicted here: a bucket has lifecycle rules for that.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from analysis.errors import StorageError
from analysis.tables.address import S3Address
from search.results.objects import Objects


class ObjectBlobs:
    """Blobs under a prefix of a bucket.

    Args:
        address: s3://bucket/prefix.

    Raises:
        StorageError: if it is no such address.
        OSError: from any method, if the store cannot be used.
    """

    def __init__(self, address: str) -> None:
        where = S3Address.parse(address)
        self._address = address
        self._prefix = where.prefix
        self._objects = Objects(where.bucket, address)

    def __str__(self) -> str:
        return self._address

    def read(self, name: str) -> bytes | None:
        """The object's content."""
        with _as_os_errors():
            found = self._objects.get(self._key(name))
        return None if found is None else found.content

    def create(self, name: str, content: bytes) -> bool:
        """PUT the object unless it is there; the store decides who was first."""
        with _as_os_errors():
            return self._objects.create(self._key(name), content) is not None

    def replace(self, name: str, content: bytes) -> None:
        """PUT the object."""
        with _as_os_errors():
            self._objects.put(self._key(name), content)

    def remove(self, name: str) -> None:
        """DELETE the object."""
        with _as_os_errors():
            self._objects.delete([self._key(name)])

    def _key(self, name: str) -> str:
        return f"{self._prefix}/{name}" if self._prefix else name


@contextmanager
def _as_os_errors() -> Iterator[None]:
    """Raise OSError instead: a store that fails in mid-sweep is switched off like a full disk."""
    try:
        yield
    except StorageError as error:
        raise OSError(str(error)) from error
