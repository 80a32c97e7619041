"""Small sweeps written by hand: a few cells of each row, the rest empty, read like any other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa

import analysis
from analysis.tables.config_columns import config_types
from analysis.tables.schema import sweep_schemas
from tests.analysis.written import write_tables

HINTS: dict[str, Any] = {
    "batch_size": int,
    "edits": int,
    "composite_weights": tuple[float, float, float],
    "greedy.max_probes": int | None,
    "greedy.min_improvement": float,
    "greedy.signal": str,
    "greedy.step_rule": str,
    "seed": int,
    "search.audit": int,
    "search.reduction_factor": int,
    "search.resource": str,
    "search.scheduler": str,
    "search.seed": int | None,
    "search.trials": int,
}

DEFAULTS: dict[str, Any] = {
    "config/batch_size": 2,
    "config/edits": 100,
    "config/composite_weights": "[1.0, 1.0, 1.0]",
    "config/greedy.signal": "margin",
    "config/seed": 0,
    "config/search.audit": 0,
    "config/search.reduction_factor": 2,
    "config/search.resource": "edits",
    "config/search.scheduler": "asha",
    "config/search.trials": 4,
}

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def after(seconds: float) -> datetime:
    """So many seconds after noon."""
    return NOON + timedelta(seconds=seconds)


def trial(
    number: int, role: str = "search", status: str = "completed", **cells: Any
) -> dict[str, Any]:
    """A row of `trials`."""
    fixed = {"trial": number, "role": role, "status": status, "generation": 0, "attempt": 0}
    return {**fixed, **DEFAULTS, "started": NOON, "seconds": 1.0, **cells}


def step(trial: int, batch: int, step: int, accepted: bool, **cells: Any) -> dict[str, Any]:
    """A row of `steps` at layer 0."""
    reason = "improved" if accepted else "no_improvement"
    place = {"trial": trial, "sequence": 0, "batch": batch, "layer": 0, "step": step}
    return {**place, "accepted": accepted, "reason": reason, **cells}


def record(
    trial: int, case_id: int, batch: int, edits_done: int, *values: float | None
) -> dict[str, Any]:
    """A row of `records` with es, ps, ns."""
    place = {
        "trial": trial,
        "sequence": 0,
        "case_id": case_id,
        "batch": batch,
        "edits_done": edits_done,
    }
    return {**place, **dict(zip(("es", "ps", "ns"), values, strict=True))}


def sweep_of(
    folder: Path,
    trials: Sequence[Mapping[str, Any]] = (),
    steps: Sequence[Mapping[str, Any]] = (),
    records: Sequence[Mapping[str, Any]] = (),
    rungs: Sequence[int] = (2, 4),
) -> analysis.Sweep:
    """The sweep of these rows, written as Parquet and loaded."""
    schemas = sweep_schemas(
        config_types(HINTS), rungs, steps=2, sweep_id="a1", sweep_name="tiny", facts={}
    )
    rows = {"steps": steps, "records": records, "trials": trials}
    write_tables(
        folder,
        {
            table: pa.Table.from_pylist([dict(row) for row in each], schema=schemas[table])
            for table, each in rows.items()
        },
    )
    return analysis.load(folder)
