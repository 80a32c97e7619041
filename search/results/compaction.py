"""Many parts into one per table; a kill at any point loses nothing and doubles nothing.

1. The rows of all committed parts are written to one new part per table, all with one new flush
   id, under hidden names. Until here a kill leaves the old set, and some hidden files that
   `recover` removes.
2. The journal appears, atomically, and names the new parts and the old ones. From here on the new
   set counts, and `complete` can finish the work from any point, as often as it takes:
3. per table, the new part gets its name, then the old ones are deleted;
4. the journal is deleted.

Since the new parts of `steps`, `records` and `trials` share a flush id, the commit mark holds for
them as it did for the old ones; uncommitted parts are neither merged nor touched.

`analysis.load` and `recover` follow the journal and are exact at any instant. A reader that does
not know it, such as `pd.read_parquet` on a table's folder, sees rows twice if it looks within
step 3, between the rename and the last delete. The other order would hide rows from it instead.
"""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from analysis.folder import JOURNAL, Compaction, Listing, listing, part_name
from analysis.schema import TABLES
from analysis.tables import read_table, under, united
from search.results.parts import ResultsFolder, new_flush_id, parquet


def compact(folder: ResultsFolder, schemas: Mapping[str, pa.Schema] | None = None) -> None:
    """Merge all committed parts into one per table.

    Args:
        folder: the sweep's folder; nobody else may be writing to it.
        schemas: columns and metadata that the new parts get besides the old parts' columns.

    Raises:
        ResultsError: a part is damaged; nothing has changed then.
        StorageError: the disk is full, for example; the sweep is intact, old set or new.
    """
    parts = listing(folder.reading)
    complete(folder, parts)
    parts = listing(folder.reading)
    tables = {table: _merged(folder, parts, table, schemas) for table in TABLES}
    compaction = Compaction(part_name(new_flush_id(folder)), parts.committed)
    staged = [f"{table}/{compaction.staged}" for table in TABLES]
    try:
        for name, rows in zip(staged, tables.values(), strict=True):
            folder.put(name, parquet(rows))
    except BaseException:
        folder.remove(staged)
        raise
    folder.put(JOURNAL, compaction.to_json().encode())
    complete(folder, listing(folder.reading))


def complete(folder: ResultsFolder, parts: Listing) -> None:
    """Finish the compaction that the folder's journal tells of, if there is one."""
    compaction = parts.compaction
    if compaction is None:
        return
    for table in TABLES:
        if compaction.staged in parts.committed[table]:
            folder.move(f"{table}/{compaction.staged}", f"{table}/{compaction.new}")
        # A move that was cut short may have left the staged name beside the new one.
        gone = (compaction.staged, *compaction.old[table])
        folder.remove(f"{table}/{name}" for name in gone)
    folder.remove([JOURNAL])


def _merged(
    folder: ResultsFolder, parts: Listing, table: str, schemas: Mapping[str, pa.Schema] | None
) -> pa.Table:
    rows = read_table(folder.reading, table, parts.committed[table])
    wanted = schemas[table] if schemas else None
    if rows is None:
        assert wanted is not None, f"no part of {table} to take the schema from"
        return wanted.empty_table()
    schema = united([wanted, rows.schema], table) if wanted else rows.schema
    # Sorting keeps the order of rows that are equal in it, so that events stay as they came.
    return under(schema, [rows]).sort_by("trial").combine_chunks()
