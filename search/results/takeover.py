"""What a driver takes over from earlier ones: verified, given digests, cleared of leftovers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq

from analysis.errors import ResultsError
from analysis.tables.commits import Commit, Part, commit_name, commit_numbers, digest_of
from analysis.tables.committed import committed
from analysis.tables.confirm_schema import CONFIRM_TABLES
from analysis.tables.first_format import JOURNAL
from analysis.tables.folder import COMMITS, CONFIG, SweepFolder
from analysis.tables.joined import part_schemas
from analysis.tables.plain_yaml import read_yaml
from analysis.tables.schema import TABLES
from search.results.claim import TEMPORARY

EVERY_TABLE = (*TABLES, *CONFIRM_TABLES)

_UNREAD = (".", "_")
"""The first characters of names that Parquet readers skip."""


def inherited(folder: SweepFolder, sweep_id: str | None) -> Commit:
    """The newest commit, all of whose parts are sound.

    Args:
        folder: the sweep's folder.
        sweep_id: the sweep that the parts must belong to; None takes any.

    Raises:
        ResultsError: damaged, foreign or future files, all named.
    """
    found: Commit | None = None
    while True:
        before, found = found, committed(folder)
        try:
            part_schemas(folder, found, sweep_id, EVERY_TABLE)
            faults = [
                f"{folder.path(table, name)}: not a part of this sweep"
                for table, name in strange(folder, found)
            ]
            if faults:
                raise ResultsError(faults)
            return found
        except ResultsError:
            # One whose lock was taken may still be at work.
            if found == before:
                raise


def strange(folder: SweepFolder, commit: Commit) -> Iterator[tuple[str, str]]:
    """Files among a table's parts that a plain reader would read, and that no commit tells of."""
    for table in EVERY_TABLE:
        known = {*(part.name for part in commit.of(table)), *commit.replaced.get(table, ())}
        for name in folder.entries(table):
            if not name.startswith(_UNREAD) and name not in known:
                yield table, name


def with_digests(folder: SweepFolder, commit: Commit) -> Commit:
    """The commit with the digests of all its parts; those of the first format have none yet."""
    parts = {t: tuple(_with_digest(folder, t, part) for part in commit.of(t)) for t in commit.parts}
    return replace(commit, parts=parts)


def leftovers(folder: SweepFolder, commit: Commit) -> list[str]:
    """Files that earlier drivers have left and no commit names: staged and unfinished ones."""
    return [
        *(
            f"{table}/{name}"
            for table in EVERY_TABLE
            for name in folder.entries(table)
            if name.startswith((".part-", ".walk-")) or _is_unfinished(name)
        ),
        *(
            f"{COMMITS}/{commit_name(number)}"
            for number in commit_numbers(folder)
            if number < commit.number
        ),
        *(f"{COMMITS}/{name}" for name in folder.entries(COMMITS) if _is_unfinished(name)),
        *(name for name in folder.entries() if name == JOURNAL or _is_unfinished(name)),
    ]


def settled(folder: SweepFolder, sweep_id: str, sweep: str) -> bool:
    """Whether a driver that has no rows to add would leave every file as it is.

    Args:
        folder: the sweep's folder.
        sweep_id: the sweep's.
        sweep: the text that sweep.yaml is to have.

    Raises:
        ResultsError: damaged, foreign or future files, all named.
    """
    commit = inherited(folder, sweep_id)
    shown = all(
        part.name in folder.entries(table) for table in commit.parts for part in commit.of(table)
    )
    return (
        shown
        and all(len(commit.of(table)) == 1 for table in TABLES)
        and commit.sweep == folder.text(CONFIG)
        and commit.sweep is not None
        and (commit.sweep == sweep or read_yaml(commit.sweep) == read_yaml(sweep))
        and not leftovers(folder, commit)
    )


def _is_unfinished(name: str) -> bool:
    return name.startswith(".") and name.endswith(TEMPORARY)


def _with_digest(folder: SweepFolder, table: str, part: Part) -> Part:
    if part.digest is not None:
        return part
    there = folder.entries(table)
    with folder.open(table, part.name if part.name in there else part.staged) as file:
        content = file.read_buffer()
    rows = pq.ParquetFile(pa.BufferReader(content)).metadata.num_rows
    return Part(part.name, digest_of(content), rows)
