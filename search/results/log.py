"""Rows in, flushes out: the log that a sweep is resumed from.

A trial's rows are handed over when it ends and are committed together. They become Arrow batches
at once, so that a wrong value is found in the call that brought it and a flush can only fail on
the disk. A flush is frozen before it is written: if writing fails, the same bytes are written
under the same names next time, whatever of them had already got through, and rows that came
meanwhile wait for the flush after that. So nothing is lost and nothing doubled.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from analysis.config_columns import PREFIX, config_cell
from analysis.folder import listing, part_name
from analysis.schema import TABLES
from analysis.tables import part_schemas, read_table, sweep_id_of, united
from search.results.batches import RowConverter
from search.results.compaction import compact
from search.results.parts import ResultsFolder, new_flush_id, parquet
from search.results.recovery import pending_proposals, recover

FLUSH_SECONDS = 5.0
FLUSH_TRIALS = 200
COMPACT_PARTS = 200

Row = Mapping[str, Any]


@dataclass
class _Buffer:
    """Rows that no flush has taken yet."""

    batches: dict[str, list[pa.RecordBatch]] = field(
        default_factory=lambda: {table: [] for table in TABLES}
    )
    since: float | None = None
    """When the oldest of them came."""

    def add(self, table: str, batch: pa.RecordBatch, now: float) -> None:
        self.batches[table].append(batch)
        self.since = now if self.since is None else self.since

    @property
    def trials(self) -> int:
        return len(self.batches["trials"])


class SweepLog:
    """The log of one sweep, open for writing; the caller holds the sweep's lock.

    Opening recovers the folder and gives every table a part, if only an empty one, so that each
    can be read from the start.

    Args:
        folder: the sweep's folder.
        schemas: from `analysis.schema.sweep_schemas`.
        clock: seconds from any origin.
        before_write: called before each flush and compaction; raises if this driver must not write.

    Raises:
        ResultsError: the folder is damaged.
        StorageError: the disk or the store refuses; from any method that writes, and with
            no row lost.
    """

    def __init__(
        self,
        folder: ResultsFolder,
        schemas: Mapping[str, pa.Schema],
        *,
        clock: Callable[[], float] = time.monotonic,
        before_write: Callable[[], None] = lambda: None,
    ) -> None:
        self._folder = folder
        self._schemas = schemas
        self._clock = clock
        self._before_write = before_write
        self._buffer = _Buffer()
        self._frozen: dict[str, pa.Buffer] = {}
        """Content by file name, in the order of writing, of a flush that is not yet through."""
        self._written = False
        before_write()
        recover(folder, sweep_id_of(schemas["trials"]))
        folder.create_tables()
        self._provide_columns()
        self._converters = {table: RowConverter(self._schemas[table]) for table in TABLES}
        self._open = {
            each.trial: self._proposed(each.trial, each.role, each.generation, each.config)
            for each in pending_proposals(folder)
        }
        self._ended = self._read_ended()

    def propose(self, trial: int, role: str, generation: int, config: Row) -> None:
        """Note that a trial starts; `config` has dotted keys, each of them in the schema.

        Trials that were proposed before a resume are open already and must not be proposed again.
        """
        if trial in self._open or trial in self._ended:
            raise ValueError(f"trial {trial} was proposed before")
        row = self._proposed(trial, role, generation, config)
        self._buffer.add("proposals", self._converters["proposals"].batch([row]), self._clock())
        self._open[trial] = row

    def end(self, trial_row: Row, step_rows: Sequence[Row], record_rows: Sequence[Row]) -> None:
        """Hand over all rows of a trial that ended; they are committed together.

        Role, generation and configuration are taken from the proposal unless the row has them;
        steps and records belong to the row's trial, and columns that a row lacks are null.

        Raises:
            ValueError: the trial is not open, a column is unknown or has a wrong value. Nothing
                of the trial was taken then.
        """
        trial = trial_row["trial"]
        if trial not in self._open:
            raise ValueError(f"trial {trial} is not open")
        rows: dict[str, list[Row]] = {
            "steps": [{**row, "trial": trial} for row in step_rows],
            "records": [{**row, "trial": trial} for row in record_rows],
            "trials": [{**self._open[trial], **trial_row}],
        }
        batches = {t: self._converters[t].batch(each) for t, each in rows.items() if each}
        for table, batch in batches.items():
            self._buffer.add(table, batch, self._clock())
        del self._open[trial]
        self._ended.add(trial)

    def maybe_flush(self) -> None:
        """Flush if the oldest row waits for 5 s, or 200 trials do, or an earlier flush failed."""
        since = self._buffer.since
        waited = since is not None and self._clock() - since >= FLUSH_SECONDS
        if self._frozen or waited or self._buffer.trials >= FLUSH_TRIALS:
            self.flush()

    def flush(self) -> None:
        """Commit everything that was handed over, and compact when there are many parts."""
        self._write_frozen()
        if self._buffer.since is not None:
            self._freeze()
            self._write_frozen()
            parts = listing(self._folder.reading).committed
            if max(map(len, parts.values())) >= COMPACT_PARTS:
                self._compact()

    def close(self, compacting: bool = True) -> None:
        """Commit everything and leave one part in each table.

        Args:
            compacting: also if nothing was written here. A driver that was refused changes no file,
                however many parts an earlier one that was killed has left.
        """
        self.flush()
        if not (compacting or self._written):
            return
        parts = listing(self._folder.reading)
        if parts.compaction or max(map(len, parts.committed.values())) > 1:
            self._compact()

    def _freeze(self) -> None:
        name = part_name(new_flush_id(self._folder))
        self._frozen = {
            f"{table}/{name}": parquet(
                pa.Table.from_batches(self._buffer.batches[table], self._schemas[table])
            )
            for table in TABLES
            if self._buffer.batches[table]
        }
        self._buffer = _Buffer()

    def _write_frozen(self) -> None:
        if self._frozen:
            self._before_write()
            for name, content in self._frozen.items():
                self._folder.put(name, content)
            self._frozen = {}
            self._written = True

    def _compact(self) -> None:
        self._before_write()
        compact(self._folder, self._schemas)

    def _provide_columns(self) -> None:
        """Give the first part of each table all columns, since plain readers go by that part."""
        parts = listing(self._folder.reading)
        present = part_schemas(self._folder.reading, parts)
        self._schemas = {
            table: united([self._schemas[table], *present[table]], table) for table in TABLES
        }
        if not parts.committed["trials"]:
            name = part_name(new_flush_id(self._folder))
            self._frozen = {
                f"{table}/{name}": parquet(self._schemas[table].empty_table())
                for table in TABLES
                if not present[table]
            }
            self._write_frozen()
        elif any(set(present[table][0]) != set(self._schemas[table]) for table in TABLES):
            self._compact()

    def _read_ended(self) -> set[int]:
        names = listing(self._folder.reading).committed["trials"]
        rows = read_table(self._folder.reading, "trials", names)
        return set() if rows is None else set(rows["trial"].to_pylist())

    def _proposed(self, trial: int, role: str, generation: int, config: Row) -> dict[str, Any]:
        cells = {PREFIX + key: config_cell(value) for key, value in config.items()}
        return {"trial": trial, "role": role, "generation": generation, **cells}
