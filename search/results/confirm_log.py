"""Writes the walks of a confirmation, each as soon as it has ended."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pyarrow as pa

from analysis.confirm_folder import read_confirm, walk_name
from analysis.confirm_schema import CONFIRM_TABLES
from analysis.errors import ResultsError
from analysis.tables import sweep_id_of
from search.results.batches import RowConverter
from search.results.parts import ResultsFolder, parquet

_UNFINISHED = ".walk-"
"""What the name of a part begins with until it is whole; a kill may leave one."""

Row = Mapping[str, Any]


class ConfirmLog:
    """The tables of one sweep's confirmation; the caller holds the sweep's lock to write.

    Args:
        folder: the sweep's folder.
        schemas: from `analysis.confirm_schema.confirm_schemas`.
        before_write: called before each writing; raises if this driver must not write.

    Raises:
        ResultsError: what is there already is damaged, or of another sweep.
        StorageError: the disk or the store refuses; from any method that writes.
    """

    def __init__(
        self,
        folder: ResultsFolder,
        schemas: Mapping[str, pa.Schema],
        *,
        before_write: Callable[[], None] = lambda: None,
    ) -> None:
        self._folder = folder
        self._schemas = schemas
        self._converters = {table: RowConverter(schema) for table, schema in schemas.items()}
        self._before_write = before_write
        tables = read_confirm(folder.reading)
        self._require_own(tables)
        self.completed = frozenset(
            (row["trial"], row["sequence"])
            for row in tables["confirm"].to_pylist()
            if row["status"] == "completed"
        )
        """Trials and sequences of the walks that need not be run again."""
        self._written: list[str] = []

    def open(self) -> None:
        """Make what is missing, and remove what a driver that was killed left half written."""
        self._before_write()
        self._folder.create_tables(CONFIRM_TABLES)
        for table in CONFIRM_TABLES:
            names = self._folder.reading.entries(table)
            unfinished = [name for name in names if name.startswith(_UNFINISHED)]
            self._folder.remove(f"{table}/{name}" for name in unfinished)

    def write(self, walk: Row, records: Sequence[Row]) -> None:
        """Commit the rows of a walk that has ended; columns that a row lacks are null.

        Raises:
            ValueError: a column is unknown or has a wrong value; nothing is written then.
        """
        name = walk_name(walk["trial"], walk["sequence"])
        rows = {"confirm_records": records, "confirm": [walk]}
        content = {table: self._part(table, rows[table]) for table in CONFIRM_TABLES}
        self._before_write()
        self._written.append(name)
        for table, part in content.items():
            self._folder.put(f"{table}/{name}", part)

    def discard(self) -> None:
        """Remove the walks that were written through this object; they are run again then."""
        self._before_write()
        # Last in, first out: records without their walk do not count.
        for table in reversed(CONFIRM_TABLES):
            self._folder.remove(f"{table}/{name}" for name in self._written)
        self._written = []

    def _part(self, table: str, rows: Sequence[Row]) -> pa.Buffer:
        batch = self._converters[table].batch(rows)
        return parquet(pa.Table.from_batches([batch], self._schemas[table]))

    def _require_own(self, tables: Mapping[str, pa.Table]) -> None:
        own = sweep_id_of(self._schemas["confirm"])
        faults = [
            f"{self._folder.reading.path(table)}: belongs to sweep {found}, but this is {own}"
            for table, rows in tables.items()
            if (found := sweep_id_of(rows.schema)) not in (None, own)
        ]
        if faults:
            raise ResultsError(faults)
