"""One number per record: the weighted mean of its es, ps and ns."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from analysis.errors import ResultsError
from analysis.tables.folder import CONFIG
from analysis.tables.sweep import Sweep


def record_composites(sweep: Sweep, trial: int, edits: int | None = None) -> pd.DataFrame:
    """A trial's records with the composite of each, columns sequence, case_id, batch and
    value.

    A kind that a record has no prompts of is left out of that record's mean. Where every record has
    all kinds, the mean of the records' composites is the trial's composite.

    Args:
        sweep: one sweep.
        trial: number of the trial.
        edits: measured after that many edits; None: at the trial's last report.

    Raises:
        ValueError: several sweeps, or no records of that trial after so many edits.
        ResultsError: sweep.yaml does not name the composite's weights.

    Example:
        >>> record_composites(sweep, trial=17).groupby("batch")["value"].mean()
    """
    sweep.require_one()
    records = sweep.records[sweep.records["trial"] == trial]
    edits = records["edits_done"].max() if edits is None else edits
    records = records[records["edits_done"] == edits]
    if records.empty:
        raise ValueError(f"the trial must have records, but got (trial={trial}, records=0)")
    kinds = records[["es", "ps", "ns"]].to_numpy(float)
    weights = np.where(np.isnan(kinds), 0.0, composite_weights(sweep))
    total = weights.sum(axis=1)
    weighted = (np.nan_to_num(kinds) * weights).sum(axis=1)
    value = np.divide(weighted, total, out=np.full(len(total), np.nan), where=total > 0)
    return records[["sequence", "case_id", "batch"]].assign(value=value).reset_index(drop=True)


def composite_weights(sweep: Sweep) -> np.ndarray:
    """The weights of es, ps and ns in the sweep's composite, from sweep.yaml.

    Raises:
        ResultsError: it does not name three of them, none negative.
    """
    config = sweep.config.get("config")
    weights = config.get("composite_weights") if isinstance(config, Mapping) else None
    if (
        not isinstance(weights, list | tuple)
        or len(weights) != 3
        or not all(isinstance(each, int | float) and each >= 0 for each in weights)
    ):
        raise ResultsError(
            f"{sweep.path}/{CONFIG}: must have three composite_weights, but got {weights!r:.80}"
        )
    return np.array(weights, float)
