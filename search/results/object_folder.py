"""A sweep's folder under a prefix in a bucket.

There are no folders to make, no temporary files and no renames: a PUT is atomic by itself, and a
part is shown by a copy and a delete, which leaves both names if the driver is killed in between.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import pyarrow as pa

from analysis.tables.address import S3Address
from analysis.tables.folder import SweepFolder
from analysis.tables.schema import TABLES
from search.results.claim import LOCK, Claim, Judge, Owner
from search.results.object_claim import ObjectClaim
from search.results.objects import Objects
from search.results.parts import ResultsFolder, hidden


class ObjectFolder(ResultsFolder):
    """A sweep's folder on an object store, for writing.

    Args:
        address: s3://bucket/prefix/name.

    Raises:
        StorageError: from here and from any method, if the store cannot be used.
    """

    def __init__(self, address: str) -> None:
        where = S3Address.parse(address)
        self.reading = SweepFolder.at(address)
        self._prefix = where.prefix
        self._objects = Objects(where.bucket, self.reading.address)

    def create(self) -> None:
        pass  # a prefix is there when an object is

    def create_tables(self, tables: Sequence[str] = TABLES) -> None:
        pass

    def put(self, name: str, content: bytes | pa.Buffer) -> None:
        self._objects.put(self._key(name), bytes(content))

    def put_new(self, name: str, content: bytes) -> bool:
        return self._objects.create(self._key(name), content) is not None

    def stage(self, contents: Mapping[str, bytes | pa.Buffer]) -> None:
        for name, content in contents.items():
            self.put(hidden(name), content)

    def show(self, names: Iterable[str]) -> None:
        shown = list(names)
        for name in shown:
            if not self._objects.copy(self._key(hidden(name)), self._key(name)):
                self._objects.require(self._key(name))
        self.remove(map(hidden, shown))

    def remove(self, names: Iterable[str], *, lasting: bool = True) -> None:
        self._objects.delete([self._key(name) for name in names])

    def set_aside(self, names: Iterable[str], place: str) -> None:
        moved = list(names)
        for name in moved:
            self._objects.copy(self._key(name), self._key(f"{place}/{name}"))
        self.remove(moved)

    def discard_if_empty(self) -> None:
        pass

    def claim(self, owner: Callable[[], Owner], judge: Judge) -> Claim:
        return ObjectClaim(self._objects, self._key(LOCK), owner, judge)

    def _key(self, name: str) -> str:
        return f"{self._prefix}/{name}" if self._prefix else name
