"""Hand-made confirmations: what each setting came to in the sweep, and by record on new ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

import pandas as pd

from analysis.tables.confirm_schema import CONFIRM, CONFIRM_RECORDS
from analysis.tables.schema import FLOAT, Column
from analysis.tables.sweep import Sweep

ROLES = ("baseline_full", "baseline_default", "baseline_literal")
BATCH = 2

Values = Mapping[int, Mapping[int, Sequence[float]]]
"""By trial and sequence, each record's value; es, ps and ns are all the same."""


def confirmed(
    in_sweep: Mapping[int, float],
    values: Values,
    failed: Mapping[tuple[int, int], str] | None = None,
) -> Sweep:
    """A sweep whose trials 0, 1, 2 are the baselines.

    Args:
        in_sweep: composite by trial; all are completed.
        values: of the walks that were completed, in batches of two.
        failed: the error by trial and sequence of the walks that failed.
    """
    walks = [_walk(trial, n, v) for trial, by in values.items() for n, v in by.items()]
    walks += [
        {**_setting(trial, n), "status": "failed", "error": error}
        for (trial, n), error in (failed or {}).items()
    ]
    records = chain(*(_records(t, n, v) for t, by in values.items() for n, v in by.items()))
    return with_records(in_sweep, walks, [*records])


def with_records(
    in_sweep: Mapping[int, float],
    walks: Sequence[Mapping[str, Any]],
    records: Sequence[Mapping[str, Any]],
    weights: object = (1.0, 1.0, 1.0),
) -> Sweep:
    """The same from rows. Records for ten sequences are reserved."""
    trials = [
        {
            "trial": trial,
            "role": role(trial),
            "status": "completed",
            "composite": composite,
            "score": composite,
            "steps": 8,
        }
        for trial, composite in in_sweep.items()
    ]
    nothing = pd.DataFrame()
    return Sweep(
        path="results/made",
        trials=pd.DataFrame(trials),
        steps=nothing,
        records=nothing,
        proposals=nothing,
        config={"config": {"composite_weights": weights, "edits": 4, "confirm_records": 40}},
        confirm=_table(walks, CONFIRM),
        confirm_records=_table(records, CONFIRM_RECORDS),
    )


def role(trial: int) -> str:
    return ROLES[trial] if trial < 3 else "search"


def _table(rows: Sequence[Mapping[str, Any]], columns: Sequence[Column]) -> pd.DataFrame:
    """With the columns' types, as reading gives them."""
    table = pd.DataFrame(rows, columns=[column.name for column in columns])
    return table.astype({column.name: float for column in columns if column.type == FLOAT})


def _setting(trial: int, sequence: int) -> dict[str, Any]:
    return {"trial": trial, "role": role(trial), "sequence": sequence}


def _walk(trial: int, sequence: int, values: Sequence[float]) -> dict[str, Any]:
    mean = sum(values) / len(values)
    metrics = dict.fromkeys(("composite", "es", "ps", "ns", "score"), mean)
    return {**_setting(trial, sequence), "status": "completed", **metrics}


def _records(trial: int, sequence: int, values: Sequence[float]) -> list[dict[str, Any]]:
    return [
        {
            **_setting(trial, sequence),
            "batch": n // BATCH,
            "case_id": 100 * sequence + n,
            **dict.fromkeys(("es", "ps", "ns"), value),
        }
        for n, value in enumerate(values)
    ]
