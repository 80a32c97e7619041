"""A confirmation's values by record, from which the intervals of composites are taken."""

from __future__ import annotations

import pandas as pd

from analysis.judging.record_composites import composite_weights
from analysis.tables.sweep import Sweep

_KINDS = ["es", "ps", "ns"]
_WALK = ["trial", "sequence"]


def walk_values(records: pd.DataFrame, sweep: Sweep) -> pd.DataFrame:
    """Each record's share in its walk's composite: their mean over a walk is its composite.

    A record without prompts of a kind counts with the mean of those that have some; a kind that
    no record of the walk has drops out, and the other weights are renormalized. This differs from
    `analysis.judging.record_composites` where kinds are missing: there the mean need not be the
    composite.

    Args:
        records: rows of `confirm_records`.
        sweep: knows the weights of the composite.

    Returns:
        Columns trial, sequence, batch, case_id, value; a row per row of `records`.

    Raises:
        ResultsError: if sweep.yaml has no weights.
    """
    means = records.groupby(_WALK)[_KINDS].transform("mean")
    weights = means.notna() * pd.Series(composite_weights(sweep), index=_KINDS)
    weighted = records[_KINDS].fillna(means).fillna(0.0) * weights
    value = weighted.sum(axis=1) / weights.sum(axis=1)
    # A mean of ones may come out a bit above 1.
    return records[[*_WALK, "batch", "case_id"]].assign(value=value.clip(0.0, 1.0))
