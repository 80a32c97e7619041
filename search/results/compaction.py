"""Many parts into one per table.

One commit takes the old parts out and puts the new ones in, so a kill at any point loses nothing
and doubles nothing. `analysis.load` and the next driver go by the newest commit and are exact at
any instant. A reader that does not know it, such as `pd.read_parquet` on a table's folder, sees
rows twice if it looks after a new part got its name and before the last old one is deleted. The
other order would hide rows from it instead.
"""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from analysis.tables.joined import read_table, under, united
from analysis.tables.schema import TABLES
from search.results.commits import Commits, NewPart
from search.results.parts import ResultsFolder


def compact(commits: Commits, folder: ResultsFolder, schemas: Mapping[str, pa.Schema]) -> None:
    """Merge all parts into one per table.

    Args:
        commits: the sweep's history.
        folder: the sweep's folder.
        schemas: columns and metadata that the new parts get besides the old parts' columns.

    Raises:
        ResultsError: a part is damaged; nothing has changed then.
        StorageError: the disk is full, for example; the sweep is intact, old set or new.
    """
    commits.catch_up()
    head, name = commits.head, commits.name()
    with commits.superseded_first():
        merged = {table: _merged(commits, folder, table, schemas[table]) for table in TABLES}
    parts = {table: NewPart.of(name, rows) for table, rows in merged.items()}
    replaced = {table: tuple(part.name for part in head.of(table)) for table in TABLES}
    commits.write(parts, replaced)


def _merged(commits: Commits, folder: ResultsFolder, table: str, wanted: pa.Schema) -> pa.Table:
    rows = read_table(folder.reading, table, commits.head.of(table))
    if rows is None:
        return wanted.empty_table()
    schema = united([wanted, rows.schema], table)
    # Sorting keeps the order of rows that are equal in it, so that events stay as they came.
    return under(schema, [rows]).sort_by("trial").combine_chunks()
