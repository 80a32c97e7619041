"""What the drivers before have left, read for the driver that goes on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from analysis.tables.committed import read_tables
from analysis.tables.config_columns import config_values
from analysis.tables.folder import SweepFolder
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


def ended_trials(folder: ResultsFolder) -> list[EndedTrial]:
    """All committed trials, by number."""
    return [
        EndedTrial(
            rungs=dict(_rungs(row)),
            config=config,
            **{
                name: row[name]
                for name in EndedTrial.__dataclass_fields__
                if name not in ("rungs", "config")
            },
        )
        for row, config in _rows(folder.reading, "trials")
    ]


def pending_proposals(folder: ResultsFolder) -> list[Proposal]:
    """Trials that were proposed and have not ended, by number."""
    ended = {row["trial"] for row, _ in _rows(folder.reading, "trials")}
    return [
        Proposal(row["trial"], row["role"], row["generation"], config)
        for row, config in _rows(folder.reading, "proposals")
        if row["trial"] not in ended
    ]


def proposed_generations(folder: ResultsFolder) -> dict[int, int]:
    """The generation that each trial was proposed in, which may run in a later one."""
    return {row["trial"]: row["generation"] for row, _ in _rows(folder.reading, "proposals")}


def _rows(folder: SweepFolder, table: str) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    _, tables = read_tables(folder, [table])
    if (rows := tables.get(table)) is not None:
        for row in rows.sort_by("trial").to_pylist():
            yield row, with_later(config_values(row, rows.schema))


def _rungs(row: Mapping[str, Any]) -> list[tuple[int, float]]:
    return sorted(
        (int(name.removeprefix(RUNG)), value)
        for name, value in row.items()
        if name.startswith(RUNG) and value is not None
    )
