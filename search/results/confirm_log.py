"""Writes the walks of a confirmation, each as soon as it has ended, with a commit of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pyarrow as pa

from analysis.errors import ResultsError
from analysis.tables.committed import read_tables
from analysis.tables.confirm_folder import confirm_tables
from analysis.tables.confirm_schema import CONFIRM_TABLES
from analysis.tables.parts import sweep_id_of
from search.results.batches import RowConverter
from search.results.commits import Commits, NewPart
from search.results.parts import ResultsFolder

Row = Mapping[str, Any]


class ConfirmLog:
    """The tables of one sweep's confirmation; the caller holds the sweep's lock to write.

    Args:
        folder: the sweep's folder.
        schemas: from `analysis.tables.confirm_schema.confirm_schemas`.
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
        tables = confirm_tables(folder.reading, read_tables(folder.reading, CONFIRM_TABLES)[1])
        self._require_own(tables)
        self.completed = frozenset(
            (row["trial"], row["sequence"])
            for row in tables["confirm"].to_pylist()
            if row["status"] == "completed"
        )
        """Trials and sequences of the walks that need not be run again."""
        self._commits: Commits | None = None
        self._names: dict[tuple[int, int], str] = {}
        """Names of the parts of this driver's walks, by trial and sequence."""

    def open(self) -> None:
        """Begin this driver's term."""
        own = sweep_id_of(self._schemas["confirm"])
        self._commits = Commits(self._folder, own, before_write=self._before_write)
        self._folder.create_tables(CONFIRM_TABLES)

    def write(self, walk: Row, records: Sequence[Row]) -> None:
        """Commit the rows of a walk that has ended; columns that a row lacks are null.

        Raises:
            ValueError: a column is unknown or has a wrong value; nothing is written then.
        """
        commits = self._open_commits
        rows = {"confirm_records": records, "confirm": [{**walk, "record_rows": len(records)}]}
        commits.catch_up()
        key = walk["trial"], walk["sequence"]
        name = commits.name(_stem(key))
        parts = {table: self._part(name, table, rows[table]) for table in CONFIRM_TABLES}
        self._names[key] = name
        commits.write(parts, self._earlier(key))

    def discard(self) -> None:
        """Take out the walks that were written through this object; they are run again then."""
        commits = self._open_commits
        commits.catch_up()
        names = tuple(self._names.values())
        head = commits.head
        commits.write(
            {},
            {t: tuple(p.name for p in head.of(t) if p.name in names) for t in CONFIRM_TABLES},
        )
        self._names = {}

    @property
    def _open_commits(self) -> Commits:
        if self._commits is None:
            raise ValueError("`open()` must have been called before a walk is written or discarded")
        return self._commits

    def _earlier(self, key: tuple[int, int]) -> dict[str, tuple[str, ...]]:
        """The parts of an earlier run of the same walk."""
        head, begin = self._open_commits.head, _stem(key)
        return {
            table: tuple(
                p.name for p in head.of(table) if p.name.startswith((f"{begin}-", f"{begin}."))
            )
            for table in CONFIRM_TABLES
        }

    def _part(self, name: str, table: str, rows: Sequence[Row]) -> NewPart:
        batch = self._converters[table].batch(rows)
        return NewPart.of(name, pa.Table.from_batches([batch], self._schemas[table]))

    def _require_own(self, tables: Mapping[str, pa.Table]) -> None:
        own = sweep_id_of(self._schemas["confirm"])
        faults = [
            f"{self._folder.reading.path(table)}: belongs to sweep {found}, but this is {own}"
            for table, rows in tables.items()
            if (found := sweep_id_of(rows.schema)) not in (None, own)
        ]
        if faults:
            raise ResultsError(faults)


def _stem(key: tuple[int, int]) -> str:
    """What the names of a walk's parts begin with."""
    return f"walk-{key[0]:06d}-{key[1]:03d}"
