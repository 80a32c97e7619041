"""How sure a mean is, when records that were edited together resemble each other.

Records of one batch share one dW, and batches of one edit sequence share the weights before them.
The unit that repeats independently is therefore the sequence, a disjoint set of records edited from
the unedited model. Each interval treats the sequences' means as its observations.

There are rarely more than ten sequences, and a composite near 0.9 is skewed. In simulations of 3,
5 and 10 sequences of 5 batches of 4 records, with effects of batch and sequence, the intervals here
cover the truth in 93 to 97 of 100 cases at level 0.95 (in 98 for three sequences of 0/1 values,
whose means are often equal). A bootstrap of sequences covers 80 to 90 there (percentile and BCa)
and needs some fifty sequences; records taken as independent cover 60 to 90.

If there is one sequence only, its batches are the observations. Such an interval says how the mean
varies with other batches in this sequence. It does not say how it varies with other sequences, so
it is too short for that question; and it knows nothing of selection.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from analysis.judging.record_composites import record_composites
from analysis.tables.sweep import Sweep


class Interval(NamedTuple):
    """A confidence interval of a mean."""

    low: float
    """Its lower end."""
    high: float
    """Its upper end."""
    level: float
    """How often such intervals hold the truth, in (0, 1)."""


def mean_interval(values: pd.DataFrame, level: float = 0.95) -> Interval:
    """Interval of the mean over sequences of a metric in [0, 1].

    It is Wilson's interval with the variance between sequences in the place of the binomial one and
    Student's t in the place of the normal quantile (Wilson 1927; Korn and Graubard 1998 for
    clustered proportions). It stays in [0, 1]. Where no sequence differs from another the batches
    are the observations. Where no batch does either, each batch counts as one 0/1 observation, the
    least informative that it can be.

    Args:
        values: one row per record, with columns sequence, batch (its number in the sequence) and
            value; rows without a value are left out. Each sequence counts the same.
        level: confidence level.

    Raises:
        ValueError: values outside [0, 1], fewer than two batches, or a level outside (0, 1).

    Example:
        >>> values = pd.DataFrame({"sequence": [0, 0, 1, 1], "batch": 0, "value": [1, 0.8, 0.7, 1]})
        >>> low, high, level = mean_interval(values)
    """
    _check(values, ("sequence", "batch", "value"), level)
    known = values["value"].to_numpy(float)
    smallest, largest = np.nanmin(known, initial=1), np.nanmax(known, initial=0)
    if smallest < 0 or largest > 1:
        raise ValueError(
            f"`0 <= value <= 1` must hold, but got (smallest={smallest}, largest={largest})"
        )
    means = _observations(values)
    mean = float(np.mean(means))
    # What share of the variance of a 0/1 variable with this mean the observations have.
    share = 1.0 if _same(means) else float(np.var(means, ddof=1)) / (mean * (1 - mean))
    spread = _quantile(level, len(means)) ** 2 * share / len(means)
    half = float(np.sqrt(spread * mean * (1 - mean) + spread**2 / 4))
    center = mean + spread / 2
    low, high = (center - half) / (1 + spread), (center + half) / (1 + spread)
    return Interval(max(low, 0.0), min(high, 1.0), level)


def difference_interval(left: pd.DataFrame, right: pd.DataFrame, level: float = 0.95) -> Interval:
    """Interval of the mean of left - right, over the records that both have.

    It is Student's t interval of the sequences' mean differences; where no sequence differs from
    another, of the batches'. Where no batch does either, both ends are the common difference.

    Args:
        left: one row per record, with columns sequence, batch, case_id and value. A batch is one
            of `left`; both must have edited the same records together.
        right: the same of what it is compared with, in any order.
        level: confidence level.

    Raises:
        ValueError: no record in common, a record twice, fewer than two batches, or a level outside
            (0, 1).

    Example:
        >>> difference_interval(tuned, baseline).low > 0
        True
    """
    for side in (left, right):
        _check(side, ("sequence", "batch", "case_id", "value"), level)
    keys = ["sequence", "case_id"]
    for name, side in (("left", left), ("right", right)):
        if side.duplicated(keys).any():
            raise ValueError(f"a record must occur once in a sequence, but got ({name}: twice)")
    pairs = left.merge(right[[*keys, "value"]], on=keys, suffixes=("", "_right"))
    pairs["value"] = pairs["value"] - pairs["value_right"]
    if not pairs["value"].notna().any():
        raise ValueError("left and right must have records in common, but got (records=0)")
    means = _observations(pairs)
    mean = float(np.mean(means))
    half = _quantile(level, len(means)) * float(np.std(means, ddof=1)) / len(means) ** 0.5
    return Interval(mean - half, mean + half, level)


def selected_interval(sweep: Sweep, trial: int, level: float = 0.95) -> Interval:
    """Interval of a trial's mean record composite from the sweep itself: selected, optimistic.

    Where a sweep has one sequence, its batches are the observations. A trial that was chosen for
    its composite owes part of it to luck, which no interval from the same records can show. Present
    it under the heading "selected, optimistic", until reserved records have confirmed it.

    Raises:
        ValueError: the trial has no records, or they are of fewer than two batches.
        ResultsError: sweep.yaml does not name the composite's weights.

    Example:
        >>> selected_interval(sweep, trial=17)
        Interval(low=0.87, high=0.99, level=0.95)
    """
    return mean_interval(record_composites(sweep, trial), level)


def _observations(values: pd.DataFrame) -> np.ndarray:
    """Means of the largest groups of records that differ from each other: sequences, or batches."""
    value = values["value"].to_numpy(float)
    known = ~np.isnan(value)
    sequence, batch = (pd.factorize(values[name][known])[0] for name in ("sequence", "batch"))
    if not known.any() or ((sequence == sequence[0]).all() and (batch == batch[0]).all()):
        raise ValueError(f"`batches >= 2` must hold, but got (batches={min(known.sum(), 1)})")
    sequences = _means(sequence, value[known])
    if not _same(sequences):
        return sequences
    return _means(np.unique((sequence, batch), axis=1, return_inverse=True)[1], value[known])


def _means(group: np.ndarray, value: np.ndarray) -> np.ndarray:
    return np.bincount(group, value) / np.bincount(group)


def _same(means: np.ndarray) -> bool:
    return float(np.ptp(means)) < 1e-12


def _quantile(level: float, observations: int) -> float:
    return float(stats.t.ppf((1 + level) / 2, observations - 1))


def _check(values: pd.DataFrame, columns: tuple[str, ...], level: float) -> None:
    missing = [name for name in columns if name not in values.columns]
    if missing:
        raise ValueError(f"values must have columns {', '.join(columns)}, but got no {missing[0]}")
    if not 0 < level < 1:
        raise ValueError(f"`0 < level < 1` must hold, but got (level={level})")
