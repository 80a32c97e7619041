"""How a sweep stands, whichever version wrote it, and its tables as of that moment."""

from __future__ import annotations

from collections.abc import Collection

import pyarrow as pa

from analysis.errors import ResultsError
from analysis.tables.commits import Commit, head
from analysis.tables.confirm_schema import CONFIRM_TABLES
from analysis.tables.first_format import steady_first_format
from analysis.tables.folder import COMMITS, CONFIG, SweepFolder, way_out
from analysis.tables.joined import check_counts, read_table
from analysis.tables.parts import open_part, schema_version
from analysis.tables.plain_yaml import read_yaml
from analysis.tables.schema import TABLES

_LOOKS = 20
"""How often a sweep that is written to may change under a reader before that gives up."""


def committed(folder: SweepFolder) -> Commit:
    """The newest commit of a sweep, or what counted before there were commits.

    Raises:
        ResultsError: it is damaged or missing, or files that predate commits are.
        StorageError: the folder cannot be read.
    """
    found = head(folder)
    if found is not None:
        return found
    first = steady_first_format(folder)
    if _had_commits(folder, first):
        found = head(folder)  # its first one may have come between
        if found is None:
            fault = f"{folder.path(COMMITS)}: the commit is missing"
            raise ResultsError([fault, way_out(folder.address)])
        return found
    return first


def _had_commits(folder: SweepFolder, first: Commit) -> bool:
    """Whether parts, or sweep.yaml, are of a version whose drivers commit before they write it."""
    for table in TABLES:
        for part in first.of(table)[-1:]:
            with open_part(folder, table, part) as file:
                if schema_version(file.schema_arrow) > 1:
                    return True
    try:
        said = read_yaml(folder.text(CONFIG) or "{}")
    except ValueError:
        return False  # whoever needs its content says what is wrong with it
    versions = said.get("versions") if isinstance(said, dict) else None
    version = str(versions.get("schema")) if isinstance(versions, dict) else ""
    return version.isdecimal() and int(version) > 1


def read_tables(
    folder: SweepFolder, wanted: Collection[str], verify: bool = True
) -> tuple[Commit, dict[str, pa.Table]]:
    """Tables as of one moment, and the commit that says so; a table without parts is left out.

    Args:
        folder: the sweep's folder.
        wanted: which tables.
        verify: compare parts with their digests, and the rows of each trial with their number.

    Raises:
        ResultsError: damaged, foreign or missing files, or files of a later version.
        StorageError: the folder cannot be read.
    """
    before: Commit | None = None
    for _ in range(_LOOKS):
        commit = committed(folder)
        try:
            tables = {t: read_table(folder, t, commit.of(t), verify) for t in wanted}
        except FileNotFoundError as error:
            if commit == before:
                raise ResultsError(_missing(folder, commit, wanted)) from error
            before = commit  # a running sweep has replaced parts since then
            continue
        found = {table: rows for table, rows in tables.items() if rows is not None}
        if verify:
            check_counts(folder, found)
        return commit, found
    raise ResultsError(f"{folder.address}: keeps changing while it is read")


def _missing(folder: SweepFolder, commit: Commit, wanted: Collection[str]) -> list[str]:
    there = {t: {*folder.entries(t)} for t in (*TABLES, *CONFIRM_TABLES) if t in wanted}
    gone = [
        f"{folder.path(table, part.name)}: missing"
        for table, names in there.items()
        for part in commit.of(table)
        if not {part.name, part.staged} & names
    ]
    return [*gone, way_out(folder.address)]
