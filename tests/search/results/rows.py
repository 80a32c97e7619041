"""A small sweep's rows, for tests: two rungs, steps and records for every trial."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pyarrow as pa

from analysis.tables.config_columns import config_types
from analysis.tables.schema import sweep_schemas
from search.results.log import SweepLog
from search.results.parts import LocalFolder, ResultsFolder

CONFIG = {
    "greedy.steps": 4,
    "greedy.max_probes": None,
    "greedy.min_improvement": 0.02,
    "trust.enabled": True,
    "layers": (0, 1),
    "model": "factworld",
}

HINTS = {
    "greedy.steps": int,
    "greedy.max_probes": int | None,
    "greedy.min_improvement": float,
    "trust.enabled": bool,
    "layers": tuple[int, ...] | None,
    "model": str,
}


def schemas(
    sweep_id: str = "a1", more: Mapping[str, Any] = MappingProxyType({})
) -> dict[str, pa.Schema]:
    return sweep_schemas(
        config_types({**HINTS, **more}),
        rungs=(4, 8),
        steps=4,
        sweep_id=sweep_id,
        sweep_name="tiny",
        facts={"git_sha": "0123abc"},
    )


def trial_row(trial: int, **more: Any) -> dict[str, Any]:
    return {
        "trial": trial,
        "status": "completed",
        "attempt": 0,
        "composite": trial / 100,
        "score": 0.5,
        "steps": 7,
        "edits": 8,
        "rung_4": 0.25,
        "rung_8": trial / 100,
        "started": datetime(2026, 1, 1, tzinfo=UTC),
        **more,
    }


def step_rows(trial: int) -> list[dict[str, Any]]:
    return [
        {
            "sequence": 0,
            "batch": batch,
            "layer": 1,
            "step": step,
            "fraction_proposed": (step + 1) / 2,
            "accepted": step == 0,
            "reason": "improved" if step == 0 else "no_improvement",
            "improvement": 0.1 * trial,
        }
        for batch in range(2)
        for step in range(2)
    ]


def record_rows(trial: int) -> list[dict[str, Any]]:
    place = {"sequence": 0, "batch": 0, "edits_done": 4}
    return [{**place, "case_id": 100 * trial + case, "es": 1.0, "ps": None} for case in range(3)]


def run_trial(log: SweepLog, trial: int, *, checked: bool = True) -> None:
    log.propose(trial, "search", 0, CONFIG)
    end_trial(log, trial, checked=checked)


def end_trial(log: SweepLog, trial: int, *, checked: bool = True) -> None:
    log.end(trial_row(trial), step_rows(trial), record_rows(trial), checked=checked)


def confirmed_walk(trial: int, sequence: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A walk of a confirmation that was completed, and its records."""
    walk = {"trial": trial, "role": "search", "sequence": sequence}
    values = {"status": "completed", "attempt": 0, "composite": (trial + sequence) / 10}
    records = [
        {**walk, "batch": 0, "case_id": 10 * sequence + n, "es": 1.0, "ns_unedited": 0.5}
        for n in range(2)
    ]
    return {**walk, **values, "started": datetime(2026, 1, 1, tzinfo=UTC)}, records


def write_sweep(path: Path, flushes: int, per_flush: int = 2) -> LocalFolder:
    """A sweep of so many flushes in a local folder, neither compacted nor closed."""
    folder = LocalFolder(path)
    fill(folder, flushes, per_flush)
    return folder


def fill(folder: ResultsFolder, flushes: int, per_flush: int = 2) -> None:
    """The same in any folder."""
    log = SweepLog(folder, schemas())
    for flush in range(flushes):
        for trial in range(flush * per_flush, (flush + 1) * per_flush):
            run_trial(log, trial)
        log.flush()
