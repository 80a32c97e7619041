"""A sweep's folder, for writing: files that appear whole or not at all."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import pyarrow as pa

from analysis.tables.folder import COMMITS, SweepFolder
from analysis.tables.schema import TABLES
from analysis.tables.storage import system_error
from search.results.claim import LOCK, TEMPORARY, Claim, Judge, Owner
from search.results.file_claim import FileClaim

_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}
"""What file systems say that have no second names for a file."""


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

    def put_new(self, name: str, content: bytes) -> bool:
        """Create a file; False, and nothing is written, if one of that name is there.

        Of many drivers that create the same file, one succeeds. A failure at the very end may raise
        although the file is there.
        """

    def stage(self, contents: Mapping[str, bytes | pa.Buffer]) -> None:
        """Write parts under their hidden names, or write them again."""

    def show(self, names: Iterable[str]) -> None:
        """Give staged parts their own names, as far as they lack them.

        A power failure may undo it: readers know both names, and the next driver does it again.

        Raises:
            StorageError: also if one of them is not there under either name.
        """

    def remove(self, names: Iterable[str], *, lasting: bool = True) -> None:
        """Delete files; those that are gone already are none of our concern.

        Args:
            names: of the files.
            lasting: whether they must stay away after a power failure.
        """

    def set_aside(self, names: Iterable[str], place: str) -> None:
        """Move files into another folder within this one, under their own names."""

    def discard_if_empty(self) -> None:
        """Delete the folder if no file is in it, and what `create` made above it."""

    def claim(self, owner: Callable[[], Owner], judge: Judge) -> Claim:
        """Take the folder's lock for this driver.

        Args:
            owner: gives what the lock is to say, as of now.
            judge: whether a lock that is there may be taken over; raises if it keeps us out.
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
                folder = self.path / table
                if folder.is_symlink():
                    raise OSError(errno.ELOOP, f"{table} is a link")
                folder.mkdir(parents=True, exist_ok=True)
            _sync_folder(self.path)

    def put(self, name: str, content: bytes | pa.Buffer) -> None:
        with self._refusals():
            self._put(name, content)

    def put_new(self, name: str, content: bytes) -> bool:
        target = self.path / name
        with self._refusals():
            with self._temporary(target, content) as temporary:
                created = _linked(temporary, target)
            _sync_folder(target.parent)
        return created

    def stage(self, contents: Mapping[str, bytes | pa.Buffer]) -> None:
        paths = {self.path / hidden(name): content for name, content in contents.items()}
        with self._refusals():
            for path, content in paths.items():
                path.unlink(missing_ok=True)
                _write(path, content)
            for parent in sorted({path.parent for path in paths}):
                _sync_folder(parent)

    def show(self, names: Iterable[str]) -> None:
        paths = [self.path / name for name in names]
        with self._refusals():
            for path in paths:
                try:
                    os.replace(path.with_name(f".{path.name}"), path)
                except FileNotFoundError:
                    path.lstat()  # shown before

    def remove(self, names: Iterable[str], *, lasting: bool = True) -> None:
        paths = [self.path / name for name in names]
        with self._refusals():
            for path in paths:
                path.unlink(missing_ok=True)
            for parent in sorted({path.parent for path in paths}) if lasting else ():
                _sync_folder(parent)

    def set_aside(self, names: Iterable[str], place: str) -> None:
        with self._refusals():
            for name in names:
                target = self.path / place / name
                target.parent.mkdir(parents=True, exist_ok=True)
                os.replace(self.path / name, target)
                _sync_folder(target.parent)
                _sync_folder((self.path / name).parent)

    def discard_if_empty(self) -> None:
        with self._refusals():
            if any(names for _, _, names in os.walk(self.path)):
                return
            for table in (self.path / each for each in (*TABLES, COMMITS)):
                if table.is_dir():
                    table.rmdir()
            for folder in (self.path, *self._made):
                if not folder.exists() or any(folder.iterdir()):
                    return
                folder.rmdir()

    def claim(self, owner: Callable[[], Owner], judge: Judge) -> Claim:
        with self._refusals():
            return FileClaim(self.path / LOCK, owner, judge)

    def _put(self, name: str, content: bytes | pa.Buffer) -> None:
        target = self.path / name
        with self._temporary(target, content) as temporary:
            os.replace(temporary, target)
        _sync_folder(target.parent)

    @contextmanager
    def _temporary(self, target: Path, content: bytes | pa.Buffer) -> Iterator[Path]:
        """A file beside the target, of a name that no other driver has; gone afterwards."""
        name = f".{target.name.lstrip('.')}.{secrets.token_hex(8)}{TEMPORARY}"
        temporary = target.with_name(name)
        try:
            _write(temporary, content)
            yield temporary
        finally:
            temporary.unlink(missing_ok=True)

    @contextmanager
    def _refusals(self) -> Iterator[None]:
        """Turn what the operating system refuses inside into an error that names the folder."""
        try:
            yield
        except OSError as error:
            raise system_error(f"{self.path}: cannot be written", error) from error


def hidden(name: str) -> str:
    """The name of a part, `<table>/<part>`, until it is committed."""
    table, _, part = name.rpartition("/")
    return f"{table}/.{part}"


def _write(path: Path, content: bytes | pa.Buffer) -> None:
    """Write a new file and have it on the disk; what is there, a link too, is never written to."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    with open(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(descriptor)


def _linked(temporary: Path, target: Path) -> bool:
    """Give a file a second name; False if that is taken."""
    try:
        os.link(temporary, target)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        # It does not appear at once then: `analysis.tables.commits.head` expects an unfinished one.
        try:
            _write(target, temporary.read_bytes())
        except FileExistsError:
            return False
    return True


def _sync_folder(path: Path) -> None:
    """Make names in a folder last: without it, a power failure may undo a rename."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
