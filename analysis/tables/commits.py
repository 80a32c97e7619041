"""Which files of a sweep count: the newest file in its folder `commits`.

A commit names every part that counts, with its digest, and the text of sweep.yaml. It is created
under the number after that of its predecessor, which the file system or the store lets one
driver do; so of two drivers that both believe that the sweep is theirs, one learns that it is not.
The predecessor is deleted afterwards. A part lies under a hidden name, which every Parquet reader
skips, until the commit that names it exists.

A commit is written twice into its file, a line each, so that no single damage takes both.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from analysis.errors import ResultsError
from analysis.tables.folder import COMMITS, SweepFolder, way_out

MOST_BYTES = 2**26
"""Largest commit that is read; one of 800 parts and 10,000 unchecked trials has half a megabyte."""

_NAME = re.compile(r"(\d{9})\.json")
_PART = re.compile(r"(part-\d{6}-[0-9a-f]{8}|walk-\d{6,}-\d{3,}(-\d{6}-[0-9a-f]{8})?)\.parquet")


@dataclass(frozen=True)
class Part:
    """A file of rows."""

    name: str
    """Its name in its table's folder."""
    digest: str | None
    """SHA-256 of its content; None in sweeps that were written before there were commits."""
    rows: int | None
    """How many rows it has; None in such sweeps."""

    @property
    def staged(self) -> str:
        """Its name until it is committed."""
        return f".{self.name}"


@dataclass(frozen=True)
class Commit:
    """How a sweep stands after a driver has written to it."""

    number: int
    """Position in the sweep's history, from 1; 0 where nothing was ever committed."""
    term: int
    """How many drivers had opened the sweep for writing, the one that wrote this among them."""
    driver: str
    """Who wrote it, for people."""
    token: str
    """Tells that driver from any other."""
    parts: Mapping[str, tuple[Part, ...]]
    """What counts, by table, in the order of writing."""
    replaced: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Parts that this commit took out, by table; they are deleted next."""
    sweep: str | None = None
    """The text of sweep.yaml."""
    earlier: tuple[str, ...] = ()
    """Digests of the texts that sweep.yaml had before."""
    unchecked: tuple[int, ...] = ()
    """Trials after which nobody has yet looked whether the shared weights were still the same."""
    invalid: str | None = None
    """Why the results must not be used; None if they may be."""
    rescued: bool = False
    """Whether digests were lost once, and taken anew of what lay there."""

    @property
    def name(self) -> str:
        """Its file's name in the folder of commits."""
        return commit_name(self.number)

    def of(self, table: str) -> tuple[Part, ...]:
        """The parts of a table that count."""
        return self.parts.get(table, ())

    def to_bytes(self) -> bytes:
        """The content of its file."""
        parts = {t: [[p.name, p.digest, p.rows] for p in each] for t, each in self.parts.items()}
        line = json.dumps({**asdict(self), "parts": parts}, separators=(",", ":")).encode()
        return 2 * (f"{hashlib.sha256(line).hexdigest()} ".encode() + line + b"\n")

    @classmethod
    def parse(cls, content: bytes) -> Commit | None:
        """What a commit's file says; None if neither of its lines is whole."""
        return next(_whole_lines(content), None)


def commit_name(number: int) -> str:
    """The name of a commit's file."""
    return f"{number:09d}.json"


def commit_number(name: str) -> int | None:
    """The number in the name of a commit's file; None if that is no such name."""
    match = _NAME.fullmatch(name)
    return int(match[1]) if match else None


def digest_of(content: object) -> str:
    """SHA-256 of bytes, or of anything that lies in memory as bytes do."""
    return hashlib.sha256(content).hexdigest()  # type: ignore[arg-type]


def is_part(name: str) -> bool:
    """Whether a file's name is one that a sweep or a confirmation gives to its parts."""
    return _PART.fullmatch(name) is not None


def head(folder: SweepFolder) -> Commit | None:
    """The newest commit; None if there never was one.

    A commit that is not whole while its predecessor is still there never came to be: its driver
    was killed while it wrote, on a file system where a file cannot appear at once.

    Raises:
        ResultsError: the newest one is damaged.
        StorageError: the folder cannot be read.
    """
    while True:
        numbers = commit_numbers(folder)
        for number in numbers:
            try:
                content = folder.content(COMMITS, commit_name(number), most=MOST_BYTES)
            except FileNotFoundError:
                break  # a newer one has replaced it meanwhile
            if (found := Commit.parse(content)) is not None:
                return found
        else:
            if not numbers:
                return None
            path = folder.path(COMMITS, commit_name(numbers[0]))
            raise ResultsError([f"{path}: damaged", way_out(folder.address)])


def newest_sound(folder: SweepFolder) -> Commit | None:
    """The newest commit that is whole, whatever lies beside it; None if none is.

    Raises:
        StorageError: the folder cannot be read.
    """
    for number in commit_numbers(folder):
        try:
            found = Commit.parse(folder.content(COMMITS, commit_name(number), most=MOST_BYTES))
        except (ResultsError, FileNotFoundError):
            continue
        if found is not None:
            return found
    return None


def commit_numbers(folder: SweepFolder) -> list[int]:
    """The numbers of the commits in a folder, the newest first."""
    found = map(commit_number, folder.entries(COMMITS))
    return sorted((number for number in found if number is not None), reverse=True)


def _whole_lines(content: bytes) -> Iterator[Commit]:
    for line in content.split(b"\n"):
        digest, _, text = line.partition(b" ")
        if digest.decode("ascii", "replace") != hashlib.sha256(text).hexdigest():
            continue
        try:
            yield _commit(json.loads(text))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            continue  # whole, but not by a sweep


def _commit(values: dict[str, Any]) -> Commit:
    parts = {t: tuple(Part(*each) for each in found) for t, found in values.pop("parts").items()}
    replaced = {t: tuple(names) for t, names in values.pop("replaced").items()}
    names = [part.name for each in parts.values() for part in each]
    if not all(map(is_part, (*names, *(name for each in replaced.values() for name in each)))):
        raise ValueError("a part's name would lead elsewhere")
    earlier, unchecked = tuple(values.pop("earlier")), tuple(values.pop("unchecked"))
    commit = Commit(parts=parts, replaced=replaced, earlier=earlier, unchecked=unchecked, **values)
    if not _has_types(commit):
        raise TypeError("a field of another type than a sweep writes")
    return commit


def _has_types(commit: Commit) -> bool:
    texts = (commit.driver, commit.token, *commit.earlier)
    perhaps = [commit.sweep, commit.invalid]
    numbers = [commit.number, commit.term, *commit.unchecked]
    for part in (part for each in commit.parts.values() for part in each):
        perhaps.append(part.digest)
        numbers += [] if part.rows is None else [part.rows]
    return (
        all(type(each) is str for each in texts)
        and all(each is None or type(each) is str for each in perhaps)
        and all(type(each) is int and each >= 0 for each in numbers)
        and type(commit.rescued) is bool
    )
