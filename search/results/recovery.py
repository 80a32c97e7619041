"""What earlier drivers have left, read for the driver that goes on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from analysis.tables.commits import Commit, Part
from analysis.tables.committed import read_tables
from analysis.tables.config_columns import PREFIX, configs_of
from analysis.tables.parts import RUNG
from search.config.later_settings import LATER
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
    walk: str | None = None
    """Digest of the walk's states; None unless completed, and in rows of earlier versions."""


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

    @property
    def failed_baselines(self) -> tuple[EndedTrial, ...]:
        """Baselines that failed, which every session that goes on tries again."""
        return tuple(each for each in self.ended if _is_failed_baseline(each))

    def reopened(self) -> FolderState:
        """The same with failed baselines among those that have no row."""
        again = tuple(
            Proposal(
                each.trial,
                each.role,
                self.generations.get(each.trial, each.generation),
                each.config,
            )
            for each in self.failed_baselines
        )
        ended = tuple(each for each in self.ended if not _is_failed_baseline(each))
        pending = sorted((*self.pending, *again), key=lambda each: each.trial)
        return replace(self, ended=ended, pending=tuple(pending))

    @classmethod
    def read(cls, folder: ResultsFolder) -> FolderState:
        """Read both tables, once, as of one moment.

        Raises:
            ResultsError: if the folder is damaged.
            StorageError: if it cannot be read.
        """
        commit, tables = read_tables(folder.reading, _TABLES)
        trials, proposals = tables.get("trials"), tables.get("proposals")
        ended = () if trials is None else _ended(trials)
        pending: tuple[Proposal, ...] = ()
        generations: dict[int, int] = {}
        if proposals is not None:
            columns = (proposals[name].to_pylist() for name in ("trial", "generation"))
            generations = dict(zip(*columns, strict=True))
            pending = _proposed(proposals if trials is None else _without(proposals, trials))
        return cls(ended, pending, generations, _parts(commit))

    @classmethod
    def of(
        cls, commit: Commit, folder: ResultsFolder, known: FolderState | None = None
    ) -> FolderState:
        """What a commit holds, which is `known` if that was read from the same parts.

        Raises:
            As `read` does.
        """
        same = known is not None and known.parts == _parts(commit)
        return known if known is not None and same else cls.read(folder)


_TABLES = ("proposals", "trials")
_CELLS = tuple(n for n in EndedTrial.__dataclass_fields__ if n not in ("rungs", "config"))


def _is_failed_baseline(trial: EndedTrial) -> bool:
    return trial.role != "search" and trial.status == "failed"


def _parts(commit: Commit) -> tuple[Part, ...]:
    return tuple(part for table in _TABLES for part in commit.of(table))


def _without(proposals: pa.Table, trials: pa.Table) -> pa.Table:
    """The proposals of trials that have no row: few even in a large sweep, so soon made objects."""
    over = pc.is_in(proposals["trial"], value_set=trials["trial"].combine_chunks())
    return proposals.filter(pc.invert(over))


def _ended(rows: pa.Table) -> tuple[EndedTrial, ...]:
    rows = rows.sort_by("trial")
    nothing = [None] * len(rows)
    columns = (rows[name].to_pylist() if name in rows.column_names else nothing for name in _CELLS)
    whole = zip(_rungs(rows), _configs(rows), zip(*columns, strict=True), strict=True)
    return tuple(
        EndedTrial(rungs=rungs, config=config, **dict(zip(_CELLS, cells, strict=True)))
        for rungs, config, cells in whole
    )


def _proposed(rows: pa.Table) -> tuple[Proposal, ...]:
    rows = rows.sort_by("trial")
    columns = (rows[name].to_pylist() for name in ("trial", "role", "generation"))
    return tuple(Proposal(*each) for each in zip(*columns, _configs(rows), strict=True))


def _configs(rows: pa.Table) -> list[dict[str, Any]]:
    """Each row's configuration; None, left by an earlier version, becomes the value it ran with."""
    for key, value in LATER.items():
        column = PREFIX + key
        if column in rows.column_names and rows[column].null_count:
            at = rows.column_names.index(column)
            rows = rows.set_column(at, column, pc.fill_null(rows[column], value))
    return configs_of(rows)


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
