"""Files that appear whole or not at all, and the parts that are made of them."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from analysis.folder import SweepFolder, flush_id
from analysis.schema import TABLES
from analysis.storage import system_error
from search.results.claim import LOCK, TEMPORARY, Claim, FileClaim, Owner


class ResultsFolder(Protocol):
    """A sweep's folder, for writing: all that the log and the lock need from a file system.

    Every method raises StorageError, with the reason in one line, where the place refuses.
    """

    reading: SweepFolder
    """The same folder, for reading."""

    def create(self) -> None:
        """Make the folder if it is missing."""

    def create_tables(self, tables: Sequence[str] = TABLES) -> None:
        """Make the folder and one folder for each table, as far as they are missing."""

    def put(self, name: str, content: bytes | pa.Buffer) -> None:
        """Create or replace a file; whoever looks sees the old content or the new, never less.

        A failure before the end leaves the old file. One at the very end may raise although the
        new file is visible, so that a repeated `put` must have the same content.
        """

    def move(self, name: str, to: str) -> None:
        """Give a file another name; after a failure it may have both."""

    def remove(self, names: Iterable[str]) -> None:
        """Delete files; those that are gone already are none of our concern."""

    def discard_if_empty(self) -> None:
        """Delete the folder if no file is in it, and what `create` made above it."""

    def claim(self, owner: Callable[[], Owner], judge: Callable[[Owner], None]) -> Claim:
        """Take the folder's lock for this driver.

        Args:
            owner: what the lock is to say, at the time of asking.
            judge: raises if this owner of a lock that is there keeps us out.
        """


class LocalFolder(ResultsFolder):
    """A sweep's folder on a POSIX file system, for writing."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path).absolute()
        self.reading = SweepFolder.at(self.path)
        self._made: list[Path] = []
        """Folders above it that were missing, the lowest first."""

    def create(self) -> None:
        with self._refusals():
            missing = [folder for folder in self.path.parents if not folder.exists()]
            self.path.mkdir(parents=True, exist_ok=True)
        self._made = missing

    def create_tables(self, tables: Sequence[str] = TABLES) -> None:
        with self._refusals():
            for table in tables:
                (self.path / table).mkdir(parents=True, exist_ok=True)
            _sync_folder(self.path)

    def put(self, name: str, content: bytes | pa.Buffer) -> None:
        with self._refusals():
            self._put(name, content)

    def move(self, name: str, to: str) -> None:
        target = self.path / to
        with self._refusals():
            os.replace(self.path / name, target)
            _sync_folder(target.parent)

    def remove(self, names: Iterable[str]) -> None:
        paths = [self.path / name for name in names]
        with self._refusals():
            for path in paths:
                path.unlink(missing_ok=True)
            for parent in sorted({path.parent for path in paths}):
                _sync_folder(parent)

    def discard_if_empty(self) -> None:
        with self._refusals():
            for folder in (self.path, *self._made):
                if not folder.exists() or any(folder.iterdir()):
                    return
                folder.rmdir()

    def claim(self, owner: Callable[[], Owner], judge: Callable[[Owner], None]) -> Claim:
        with self._refusals():
            return FileClaim(self.path / LOCK, owner, judge)

    def _put(self, name: str, content: bytes | pa.Buffer) -> None:
        target = self.path / name
        temporary = target.with_name(f".{target.name.lstrip('.')}{TEMPORARY}")
        try:
            with open(temporary, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        _sync_folder(target.parent)

    @contextmanager
    def _refusals(self) -> Iterator[None]:
        """Say what the operating system refuses inside, and for which folder."""
        try:
            yield
        except OSError as error:
            raise system_error(f"{self.path}: cannot be written", error) from error


def new_flush_id(folder: ResultsFolder) -> str:
    """An id that sorts after all others in the folder: a counter, and chance against collisions."""
    ids = [flush_id(name) for table in TABLES for name in folder.reading.entries(table)]
    last = max((int(each[:6]) for each in ids if each), default=-1)
    return f"{last + 1:06d}-{secrets.token_hex(4)}"


def parquet(rows: pa.Table) -> pa.Buffer:
    """The content of a part."""
    sink = pa.BufferOutputStream()
    pq.write_table(rows, sink, compression="zstd", write_page_checksum=True)
    return sink.getvalue()


def _sync_folder(path: Path) -> None:
    """Make names in a folder last: without it, a power failure may undo a rename."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
