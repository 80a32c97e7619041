"""Small sweeps made by hand, without files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from analysis.tables.sweep import Sweep

RECORD = ("trial", "sequence", "case_id", "batch", "edits_done", "es", "ps", "ns")
TRIAL: Mapping[str, Any] = {
    "role": "search",
    "status": "completed",
    "composite": float("nan"),
    "es": float("nan"),
    "ps": float("nan"),
    "ns": float("nan"),
    "score": float("nan"),
    "steps": 3,
    "probe_prompts": 12,
    "seconds": 0.5,
    "composite_unedited": 1 / 3,
    "es_unedited": 0.0,
    "ps_unedited": 0.0,
    "ns_unedited": 1.0,
}


def record(
    trial: int, case_id: int, batch: int, edits_done: int, es: float, ps: float, ns: float
) -> dict[str, Any]:
    """A row of `records`."""
    row = (trial, 0, case_id, batch, edits_done, es, ps, ns)
    return dict(zip(RECORD, row, strict=True))


def made_sweep(
    trials: Sequence[Mapping[str, Any]] = (),
    records: Sequence[Mapping[str, Any]] = (),
    *,
    path: str = "results/made",
    weights: Sequence[float] = (1.0, 1.0, 1.0),
    **more: Any,
) -> Sweep:
    """A sweep of these rows; `more` are further keys of its sweep.yaml."""
    rows = [{"trial": number, **TRIAL, **row} for number, row in enumerate(trials)]
    return Sweep(
        path=path,
        trials=pd.DataFrame(rows, columns=None if rows else ["trial", *TRIAL]),
        steps=pd.DataFrame(),
        records=pd.DataFrame(records, columns=RECORD),
        proposals=pd.DataFrame(),
        config={"config": {"composite_weights": [*weights]}, **more},
    )
