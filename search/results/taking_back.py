"""Takes the rows of trials back, so that these can be run again under their numbers."""

from __future__ import annotations

from collections.abc import Collection

import pyarrow as pa

from analysis.tables.committed import read_tables
from search.results.commits import Commits, NewPart
from search.results.parts import ResultsFolder


def take_back(commits: Commits, folder: ResultsFolder, trials: Collection[int]) -> None:
    """Commit a sweep in which some trials are proposed and have not ended.

    Args:
        commits: the sweep's history.
        folder: the sweep's folder.
        trials: numbers of these trials.

    Raises:
        LockLost: another driver has taken over.
        StorageError: the disk or the store refuses; nothing has changed then.
    """
    commits.catch_up()
    _, tables = read_tables(folder.reading, ("steps", "records", "trials"))
    name = commits.name()
    parts = {table: NewPart.of(name, without(rows, trials)) for table, rows in tables.items()}
    replaced = {table: tuple(part.name for part in commits.head.of(table)) for table in parts}
    commits.write(parts, replaced)


def without(rows: pa.Table, trials: Collection[int]) -> pa.Table:
    """A table without the rows of some trials."""
    kept = [trial not in trials for trial in rows["trial"].to_pylist()]
    return rows.filter(pa.array(kept, pa.bool_()))
