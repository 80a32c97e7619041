"""What the drivers before have left, read for the driver that goes on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from analysis.tables.commits import Commit, Part
from analysis.tables.committed import read_tables
from analysis.tables.config_columns import configs_of
from analysis.tables.parts import RUNG
from search.config.later_settings import with_later
from search.results.parts import ResultsFolder


@dataclass(frozen=True)
class Proposal:
    """What was asked of a trial; `config` has dotted keys, and tuples for lists."""

    trial: int
    role: str
    generation: int
    config: Mapping[str, Any]


@dataclass(frozen=True)
class EndedTrial:
    """What a trial came to, as far as the searcher and the scheduler have to know it."""

    trial: int
    role: str
    status: str
    generation: int
    attempt: int
    config: Mapping[str, Any]
    rungs: Mapping[int, float]
    """Composite by edits, in the order of the edits; NaN where it was not a number."""
    edits: int | None
    steps: int | None
    composite: float | None
    score: float | None
    error: str | None


@dataclass(frozen=True)
class FolderState:
    """What a sweep's folder held when a driver came to it."""

    ended: tuple[EndedTrial, ...]
    """Trials with a row, by number."""
    pending: tuple[Proposal, ...]
    """Trials that were proposed and have no row, by number."""
    generations: Mapping[int, int]
    """The generation that each trial was proposed in, which may run in a later one."""
    parts: tuple[Part, ...]
    """What it was read from."""

    @classmethod
    def read(cls, folder: ResultsFolder) -> FolderState:
        """Read both tables, once, as of one moment.

        Raises:
            ResultsError: if the folder is damaged.
            StorageError: if it cannot be read.
        """
        commit, tables = read_tables(folder.reading, _TABLES)
        ended = _ended(tables["trials"]) if "trials" in tables else ()
        proposed = _proposed(tables["proposals"]) if "proposals" in tables else ()
        over = {each.trial for each in ended}
        return cls(
            ended,
            tuple(each for each in proposed if each.trial not in over),
            {each.trial: each.generation for each in proposed},
            _parts(commit),
        )

    def as_of(self, commit: Commit, folder: ResultsFolder) -> FolderState:
        """The same as long as a commit has the same parts; otherwise what the folder holds now.

        Raises:
            As `read` does.
        """
        return self if self.parts == _parts(commit) else FolderState.read(folder)


def ended_trials(folder: ResultsFolder) -> list[EndedTrial]:
    """All committed trials, by number."""
    _, tables = read_tables(folder.reading, ["trials"])
    return [*_ended(tables["trials"])] if "trials" in tables else []


def pending_proposals(folder: ResultsFolder) -> list[Proposal]:
    """Trials that were proposed and have not ended, by number."""
    return [*FolderState.read(folder).pending]


_TABLES = ("proposals", "trials")
_CELLS = tuple(n for n in EndedTrial.__dataclass_fields__ if n not in ("rungs", "config"))


def _parts(commit: Commit) -> tuple[Part, ...]:
    return tuple(part for table in _TABLES for part in commit.of(table))


def _ended(rows: pa.Table) -> tuple[EndedTrial, ...]:
    rows = rows.sort_by("trial")
    columns = (rows[name].to_pylist() for name in _CELLS)
    whole = zip(_rungs(rows), configs_of(rows), zip(*columns, strict=True), strict=True)
    return tuple(
        EndedTrial(rungs=rungs, config=with_later(config), **dict(zip(_CELLS, cells, strict=True)))
        for rungs, config, cells in whole
    )


def _proposed(rows: pa.Table) -> tuple[Proposal, ...]:
    rows = rows.sort_by("trial")
    columns = (rows[name].to_pylist() for name in ("trial", "role", "generation"))
    cells = zip(*columns, map(with_later, configs_of(rows)), strict=True)
    return tuple(Proposal(*each) for each in cells)


def _rungs(rows: pa.Table) -> list[dict[int, float]]:
    """Of each row, the composite by edits, in the order of the edits."""
    names = [name for name in rows.column_names if name.startswith(RUNG)]
    levels = sorted((int(name.removeprefix(RUNG)), name) for name in names)
    found: list[dict[int, float]] = [{} for _ in range(len(rows))]
    for level, name in levels:
        for rungs, value in zip(found, rows[name].to_pylist(), strict=True):
            if value is not None:
                rungs[level] = value
    return found
