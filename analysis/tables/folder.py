"""A sweep's folder, as readers see it; reading changes nothing, and works while a sweep is writing.

Each table is a folder of parts; `analysis.tables.commits` says which of them count.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pyarrow as pa
from pyarrow import fs

from analysis.errors import ResultsError, StorageError, SweepNotFound
from analysis.tables.address import Address
from analysis.tables.plain_file import other_kind
from analysis.tables.schema import TABLES
from analysis.tables.storage import (
    file_system,
    require_bucket,
    storage_errors,
    system_error,
)

CONFIG = "sweep.yaml"
COMMITS = "commits"
"""The folder that the newest commit lies in."""

MOST_BYTES = 2**20
"""Largest text file that is read; a sweep's have at most some ten thousand bytes."""


@dataclass(frozen=True)
class SweepFolder:
    """A sweep's folder, on whatever file system it lies."""

    files: fs.FileSystem
    """The file system."""
    root: str
    """The folder's path there."""
    address: str
    """The same for people: an absolute path, or an address as it was given."""

    @classmethod
    def at(cls, address: Address) -> SweepFolder:
        """The folder at a local path, or at an address such as s3://bucket/prefix."""
        files, root = file_system(address)
        text = os.fspath(address)
        return cls(files, root, text.rstrip("/") if "://" in text else root)

    @property
    def name(self) -> str:
        return self.root.rstrip("/").rsplit("/", 1)[-1]

    def path(self, *names: str) -> str:
        """What messages call a file of the folder."""
        return "/".join((self.address, *names))

    def entries(self, table: str = "") -> list[str]:
        """Names in the folder, or in a table's, hidden ones too, sorted; [] if it is absent.

        Raises:
            SweepNotFound: if the sweep's folder is not a folder.
            ResultsError: if a table's is not one.
            StorageError: if it cannot be listed.
        """
        return sorted(self._kinds(table))

    @contextmanager
    def open(self, *names: str) -> Iterator[pa.NativeFile]:
        """A file of the folder, open for reading.

        Raises:
            ResultsError: something else than a plain file is there; it is not opened.
        """
        self._require_file(*names)
        with (
            storage_errors(self.address),
            self.files.open_input_file(self._inside(*names)) as file,
        ):
            yield file

    def text(self, name: str) -> str | None:
        """Content of a UTF-8 file; None if it is absent."""
        try:
            return self.content(name).decode("utf-8-sig")
        except FileNotFoundError:
            return None
        except UnicodeDecodeError as error:
            raise ResultsError(f"{self.path(name)}: cannot be read: {error}") from error

    def content(self, *names: str, most: int = MOST_BYTES) -> bytes:
        """Content of a file of the folder.

        Args:
            names: the way to it within the folder.
            most: the largest that is read, in bytes.

        Raises:
            FileNotFoundError: it is absent.
            ResultsError: it is larger, or no plain file.
            StorageError: it cannot be read.
        """
        path = self.path(*names)
        try:
            with self.open(*names) as file:
                if file.size() > most:
                    raise ResultsError(f"{path}: larger than any that a sweep writes")
                data: bytes = file.read()
                return data
        except FileNotFoundError:
            raise
        except NotADirectoryError as error:
            raise ResultsError(f"{path}: cannot be read: {os.strerror(errno.ENOTDIR)}") from error
        except OSError as error:
            raise system_error(f"{path}: cannot be read", error) from error

    def written(self, *names: str) -> int | None:
        """When a file of the folder was last written to, in nanoseconds; None if it is absent."""
        with storage_errors(self.address):
            time: int | None = self.files.get_file_info(self._inside(*names)).mtime_ns
        return time

    def no_files(self, table: str) -> list[str]:
        """Names in a table's folder of what is no plain file: folders, pipes, devices."""
        kinds = self._kinds(table)
        return sorted(name for name, kind in kinds.items() if kind != fs.FileType.File)

    def no_folders(self) -> list[str]:
        """Names in the sweep's folder of what is no folder."""
        return sorted(n for n, kind in self._kinds("").items() if kind != fs.FileType.Directory)

    def require(self) -> None:
        """Raise `SweepNotFound` unless the folder holds something that a sweep writes.

        A driver that was killed before its first commit leaves tables without a file.
        """
        present = {*self.entries()}
        if CONFIG in present:
            return
        if not any(self.entries(each) for each in (COMMITS, *TABLES) if each in present):
            self.require_place()
            raise SweepNotFound(f"{self.address}: no sweep there")

    def require_place(self) -> None:
        """Raise `StorageError` if the place that the folder should be in does not exist."""
        require_bucket(self.files, self.root, self.address)

    def _kinds(self, table: str) -> dict[str, fs.FileType]:
        """Names in the folder, or in a table's, and what each of them is."""
        selector = fs.FileSelector(self._inside(table), allow_not_found=True)
        where = self.path(table) if table else self.address
        try:
            with storage_errors(self.address):
                found = self.files.get_file_info(selector)
                return {info.base_name: info.type for info in found}
        except FileNotFoundError:
            raise
        except UnicodeDecodeError:
            raise StorageError(f"{where}: holds a file whose name is not UTF-8") from None
        except NotADirectoryError as error:
            if table:
                raise ResultsError([f"{where}: must be a folder", way_out(self.address)]) from error
            raise SweepNotFound(f"{self.address}: no sweep there: it is no folder") from error
        except OSError as error:
            raise system_error(f"{where}: cannot be listed", error) from error

    def _require_file(self, *names: str) -> None:
        if not isinstance(self.files, fs.LocalFileSystem):
            return
        kind = other_kind(self._inside(*names))
        if kind is not None:
            fault = f"{self.path(*names)}: cannot be read: it must be a file, not {kind}"
            raise ResultsError([fault, way_out(self.address)])

    def _inside(self, *names: str) -> str:
        return "/".join((self.root, *filter(None, names)))


def way_out(address: str) -> str:
    """What to do about damage, in a line."""
    return f"what can still be used: ratchet check {address}"
