"""Which files of a sweep's folder count.

Each table is a folder of parts, `part-<flush id>.parquet`. A flush writes parts of several tables
under one flush id, that of `trials` last, so a part of `steps` or `records` counts only if `trials`
has a part of the same flush id. `proposals` need no such mark.

A compaction merges many parts into one per table. Once its journal exists, the old parts it names
no longer count and the new ones do, wherever the renaming and deleting has got to: the journal's
appearance is the one instant in which the old set gives way to the new. A new part lies under a
hidden name, which every Parquet reader skips, until it is renamed.

Reading changes nothing, and works while a sweep is writing.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import pyarrow as pa
from pyarrow import fs

from analysis.errors import ResultsError, StorageError, SweepNotFound
from analysis.schema import TABLES
from analysis.storage import Address, file_system, require_bucket, storage_errors

JOURNAL = ".compaction.json"
CONFIG = "sweep.yaml"

MOST_BYTES = 2**20
"""Largest text file that is read; a sweep's have at most some ten thousand bytes."""

_PART = re.compile(r"part-(\d{6}-[0-9a-f]{8})\.parquet")
_IGNORED = (".", "_")  # the first characters of names that Parquet readers skip


def part_name(flush_id: str) -> str:
    """File name of the parts of this flush."""
    return f"part-{flush_id}.parquet"


def flush_id(name: str) -> str | None:
    """Flush id of a part; None if that is no part's name."""
    match = _PART.fullmatch(name)
    return match[1] if match else None


@dataclass(frozen=True)
class Compaction:
    """A compaction that was decided: the parts that go, and the one in each table that comes."""

    new: str
    old: Mapping[str, tuple[str, ...]]

    @property
    def staged(self) -> str:
        """Name of a new part until it is renamed."""
        return f".{self.new}"

    def to_json(self) -> str:
        return json.dumps({"new": self.new, "old": self.old}, indent=1)

    @classmethod
    def from_json(cls, text: str) -> Compaction:
        """Read a journal; a ValueError if it could not have been written by `to_json`."""
        journal = json.loads(text)
        if not isinstance(journal, dict) or not isinstance(journal.get("old"), dict):
            raise ValueError("not a journal of a compaction")
        new, old = journal.get("new"), {t: tuple(names) for t, names in journal["old"].items()}
        names = [new, *(name for each in old.values() for name in each)]
        if set(old) != set(TABLES) or any(flush_id(str(name)) is None for name in names):
            raise ValueError("not a journal of a compaction")
        return cls(str(new), old)


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
            StorageError: if it cannot be listed.
        """
        selector = fs.FileSelector(self._inside(table), allow_not_found=True)
        try:
            with storage_errors(self.address):
                return sorted(info.base_name for info in self.files.get_file_info(selector))
        except FileNotFoundError:
            raise
        except UnicodeDecodeError:
            where = self.path(table) if table else self.address
            raise StorageError(f"{where}: holds a file whose name is not UTF-8") from None
        except OSError as error:
            where = self.path(table) if table else self.address
            raise StorageError(f"{where}: cannot be listed: {_reason(error)}") from error

    @contextmanager
    def open(self, *names: str) -> Iterator[pa.NativeFile]:
        """A file of the folder, open for reading."""
        with (
            storage_errors(self.address),
            self.files.open_input_file(self._inside(*names)) as file,
        ):
            yield file

    def text(self, name: str) -> str | None:
        """Content of a UTF-8 file; None if it is absent."""
        try:
            with self.open(name) as file:
                if file.size() > MOST_BYTES:
                    raise ResultsError(f"{self.path(name)}: larger than any that a sweep writes")
                return file.read().decode()
        except FileNotFoundError:
            return None
        except (IsADirectoryError, NotADirectoryError, UnicodeDecodeError) as error:
            raise ResultsError(f"{self.path(name)}: cannot be read: {error}") from error
        except OSError as error:
            raise StorageError(f"{self.path(name)}: cannot be read: {_reason(error)}") from error

    def require(self) -> None:
        """Raise `SweepNotFound` unless the folder holds something that a sweep writes."""
        try:
            present = set(self.entries())
        except StorageError as error:
            if isinstance(error.__cause__, NotADirectoryError):
                raise SweepNotFound(str(error)) from error
            raise
        if not {CONFIG, *TABLES} & present:
            self.require_place()
            raise SweepNotFound(f"{self.address}: no sweep there")

    def require_place(self) -> None:
        """Raise `StorageError` if there is nothing that the folder could be in."""
        require_bucket(self.files, self.root, self.address)

    def _inside(self, *names: str) -> str:
        return "/".join((self.root, *filter(None, names)))


def _reason(error: OSError) -> str:
    """The operating system's words, without those that pyarrow puts around them."""
    return os.strerror(error.errno) if error.errno else str(error)


@dataclass(frozen=True)
class Listing:
    """The parts of a sweep by table, sorted by flush."""

    committed: Mapping[str, tuple[str, ...]]
    uncommitted: Mapping[str, tuple[str, ...]]
    compaction: Compaction | None


def listing(folder: SweepFolder) -> Listing:
    """Sort a folder's parts into committed and uncommitted ones.

    Raises:
        ResultsError: files that are no parts, a journal that is no journal, missing parts.
    """
    compaction = _journal(folder)
    # Trials first: a part that is listed there had its steps and records before it.
    found = {table: folder.entries(table) for table in reversed(TABLES)}
    faults = [
        f"{folder.path(table, name)}: not a part of a sweep"
        for table, names in found.items()
        for name in names
        if flush_id(name) is None and not name.startswith(_IGNORED)
    ]
    parts = {t: [name for name in names if flush_id(name)] for t, names in found.items()}
    if compaction is not None:
        for table in TABLES:
            came = [n for n in (compaction.new, compaction.staged) if n in found[table]]
            if not came:
                faults.append(f"{folder.path(table, compaction.new)}: missing after a compaction")
            gone = {compaction.new, *compaction.old[table]}
            parts[table] = sorted({*parts[table]} - gone | {*came[:1]}, key=_by_flush)
    if faults:
        raise ResultsError(faults)
    marks = {_by_flush(name) for name in parts["trials"]}
    marked = {
        table: tuple(n for n in parts[table] if table == "proposals" or _by_flush(n) in marks)
        for table in TABLES
    }
    return Listing(
        committed=marked,
        uncommitted={t: tuple(n for n in parts[t] if n not in marked[t]) for t in TABLES},
        compaction=compaction,
    )


def steady_listing(folder: SweepFolder) -> Listing:
    """`listing` of a folder that may be written to, repeated until nothing moved meanwhile."""
    before = listing(folder)
    for _ in range(20):
        after = listing(folder)
        if after == before:
            return after
        before = after
    raise ResultsError(f"{folder.address}: keeps changing while it is read")


def _by_flush(name: str) -> str:
    return name.lstrip(".")


def _journal(folder: SweepFolder) -> Compaction | None:
    text = folder.text(JOURNAL)
    try:
        return None if text is None else Compaction.from_json(text)
    except (ValueError, TypeError, RecursionError) as error:
        raise ResultsError(f"{folder.path(JOURNAL)}: not a journal of a compaction") from error
