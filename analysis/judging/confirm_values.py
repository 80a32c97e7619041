"""A confirmation's values by record and by batch, from which intervals and tests are taken."""

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


def batch_differences(left: pd.DataFrame, right: pd.DataFrame) -> pd.DataFrame:
    """Mean difference of two settings' values in each of the left one's batches.

    Args:
        left: columns sequence, batch, case_id, value.
        right: the same of another setting; paired on sequence and case_id.

    Returns:
        Columns sequence, batch, value. Differences are rounded to 12 digits, so that values that
        are equal but for the order of a sum count as equal.
    """
    both = left.merge(right, on=["sequence", "case_id"], suffixes=("", "_right"))
    both["value"] = both["value"] - both["value_right"]
    means = both.groupby(["sequence", "batch"])["value"].mean().round(12)
    return means.reset_index()
