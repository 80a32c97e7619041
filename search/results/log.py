"""Rows in, flushes out: the log that a sweep is resumed from.

A trial's rows are handed over when it ends and are committed together. They become Arrow batches
at once, so that a wrong value is found in the call that brought it and a flush can only fail on
the disk. A flush is frozen before it is written: if writing fails, the same bytes are written
under the same names next time, whatever of them had already got through, and rows that came
meanwhile wait for the flush after that. So nothing is lost and nothing doubled. What makes a flush
count is a commit; see `commits`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from analysis.tables.config_columns import PREFIX, config_cell
from analysis.tables.joined import part_schemas, united
from analysis.tables.parts import sweep_id_of
from analysis.tables.schema import TABLES
from search.results.batches import RowConverter
from search.results.commits import Commits, NewPart
from search.results.compaction import compact
from search.results.parts import ResultsFolder
from search.results.recovery import FolderState, Proposal
from search.results.taking_back import take_back

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
    unchecked: list[int] = field(default_factory=list)
    """Trials after which nobody has looked at the shared weights."""

    def add(self, table: str, batch: pa.RecordBatch, now: float) -> None:
        self.batches[table].append(batch)
        self.since = now if self.since is None else self.since

    @property
    def trials(self) -> int:
        return len(self.batches["trials"])


@dataclass(frozen=True)
class _Flush:
    """What a flush writes, until all of it is through."""

    parts: Mapping[str, NewPart]
    """Its parts by table, in the order of writing."""
    unchecked: tuple[int, ...]
    """Trials in it after which nobody has looked at the shared weights."""


class SweepLog:
    """The log of one sweep, open for writing; the caller holds the sweep's lock.

    Opening recovers the folder and gives every table a part, if only an empty one, so that each
    can be read from the start.

    Args:
        folder: the sweep's folder.
        schemas: from `analysis.tables.schema.sweep_schemas`.
        clock: seconds from any origin.
        before_write: called before each commit; raises if this driver must not write.
        sweep: the text of sweep.yaml, if it is to become another one.
        known: what was read from the folder already; None: nothing.

    Raises:
        ResultsError: the folder is damaged.
        LockLost: another driver has taken over; from any method that writes.
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
        sweep: str | None = None,
        known: FolderState | None = None,
    ) -> None:
        self._folder = folder
        self._schemas = schemas
        self._clock = clock
        self._buffer = _Buffer()
        self._frozen: _Flush | None = None
        self._unchecked: set[int] = set()
        """Trials of this driver after which nobody has looked at the shared weights."""
        self._written = False
        self.commits = Commits(
            folder, sweep_id_of(schemas["trials"]), before_write=before_write, sweep=sweep
        )
        """The sweep's history."""
        with self.commits.superseded_first():
            self._provide_columns()
            self.found = FolderState.of(self.commits.head, folder, known)
            """What the drivers before have left."""
        self._open = {
            each.trial: self._proposed(each.trial, each.role, each.generation, each.config)
            for each in self.found.pending
        }
        self._ended = {each.trial for each in self.found.ended}
        self._converters = {table: RowConverter(self._schemas[table]) for table in TABLES}

    def take_back(self, trials: Sequence[Proposal]) -> None:
        """Commit that trials which have ended have not, so that they are run again."""
        numbers = {each.trial for each in trials} & self._ended
        if not numbers:
            return
        take_back(self.commits, self._folder, numbers)
        for each in trials:
            self._open[each.trial] = self._proposed(
                each.trial, each.role, each.generation, each.config
            )
        self._ended -= numbers

    def propose(self, trial: int, role: str, generation: int, config: Row) -> None:
        """Note that a trial starts; `config` has dotted keys, each of them in the schema.

        Trials that were proposed before a resume are open already and must not be proposed again.
        """
        if trial in self._open or trial in self._ended:
            raise ValueError(f"trial {trial} was proposed before")
        row = self._proposed(trial, role, generation, config)
        self._buffer.add("proposals", self._converters["proposals"].batch([row]), self._clock())
        self._open[trial] = row

    def end(
        self,
        trial_row: Row,
        step_rows: Sequence[Row],
        record_rows: Sequence[Row],
        *,
        checked: bool = True,
    ) -> None:
        """Hand over all rows of a trial that ended; they are committed together.

        Role, generation and configuration are taken from the proposal unless the row has them;
        steps and records belong to the row's trial, and columns that a row lacks are null.

        Args:
            trial_row: its row of `trials`.
            step_rows: its rows of `steps`.
            record_rows: its rows of `records`.
            checked: whether somebody has looked at the shared weights after it had computed.

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
            "trials": [
                {
                    **self._open[trial],
                    **trial_row,
                    "step_rows": len(step_rows),
                    "record_rows": len(record_rows),
                }
            ],
        }
        batches = {t: self._converters[t].batch(each) for t, each in rows.items() if each}
        for table, batch in batches.items():
            self._buffer.add(table, batch, self._clock())
        if not checked:
            self._buffer.unchecked.append(trial)
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
            if self._most_parts >= COMPACT_PARTS:
                compact(self.commits, self._folder, self._schemas)

    def mark(self, *, checked: bool = False, invalid: str | None = None) -> None:
        """Commit everything, and what is known of the weights that it was computed on.

        Args:
            checked: whether the trials of this driver were computed on the weights that all share.
            invalid: why the sweep's results must not be used, if that is so.
        """
        if invalid is not None:
            # First, since the rows may find no place.
            self.commits.write({}, invalid=invalid)
        self.flush()
        self.commits.catch_up()
        unchecked = self.commits.head.unchecked
        if checked and self._unchecked & {*unchecked}:
            left = tuple(trial for trial in unchecked if trial not in self._unchecked)
            self.commits.write({}, unchecked=left)

    def close(self, compacting: bool = True) -> None:
        """Commit everything and leave one part in each table.

        Args:
            compacting: merge parts even if nothing was written here. A driver that was refused must
                change no part, however many a killed one has left.
        """
        self.flush()
        self.commits.catch_up()
        if (compacting or self._written) and self._most_parts > 1:
            compact(self.commits, self._folder, self._schemas)

    @property
    def _most_parts(self) -> int:
        return max(len(self.commits.head.of(table)) for table in TABLES)

    def _freeze(self) -> None:
        batches = {table: each for table, each in self._buffer.batches.items() if each}
        self._frozen = self._flush_of(
            {t: pa.Table.from_batches(each, self._schemas[t]) for t, each in batches.items()},
            tuple(self._buffer.unchecked),
        )
        self._buffer = _Buffer()

    def _flush_of(self, tables: Mapping[str, pa.Table], unchecked: tuple[int, ...] = ()) -> _Flush:
        name = self.commits.name()
        return _Flush({t: NewPart.of(name, rows) for t, rows in tables.items()}, unchecked)

    def _write_frozen(self) -> None:
        if self._frozen is None:
            return
        unchecked = (*self.commits.head.unchecked, *self._frozen.unchecked)
        self.commits.write(self._frozen.parts, unchecked=tuple(dict.fromkeys(unchecked)))
        self._unchecked.update(self._frozen.unchecked)
        self._frozen = None
        self._written = True

    def _provide_columns(self) -> None:
        """Give the first part of each table all columns, since plain readers go by that part."""
        head = self.commits.head
        present = part_schemas(self._folder.reading, head)
        self._schemas = {
            table: united([self._schemas[table], *present[table]], table) for table in TABLES
        }
        if lacking := [table for table in TABLES if not head.of(table)]:
            # A new sweep has none at all; one that was repaired may have lost a table's only part.
            empty = {table: self._schemas[table].empty_table() for table in lacking}
            self._frozen = self._flush_of(empty)
            self._write_frozen()
        if any(set(each[0]) != set(self._schemas[t]) for t, each in present.items() if each):
            compact(self.commits, self._folder, self._schemas)

    def _proposed(self, trial: int, role: str, generation: int, config: Row) -> dict[str, Any]:
        cells = {PREFIX + key: config_cell(value) for key, value in config.items()}
        return {"trial": trial, "role": role, "generation": generation, **cells}
