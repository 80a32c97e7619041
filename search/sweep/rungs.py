"""ASHA's rungs: where trials report, and who is stopped there.

A rung is an amount of the resource: edits rounded up to the end of a batch, or greedy steps. A
trial that reaches one is compared with the values that other trials left there before; below the
best 1/reduction_factor of them it is stopped (Li et al. 2020, arXiv 1810.05934, as Ray's
ASHAScheduler implements it). Written out here because every rung must be reported exactly where it
is and be filled again from Parquet on resume; Ray's class keeps both private.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import isnan

import numpy as np


def rung_levels(
    grace: int, reduction_factor: int, end: int, rounded_up: Callable[[int], int] = int
) -> tuple[int, ...]:
    """The amounts at which trials may be stopped: below `end`, grace x factor^k rounded up.

    Args:
        grace: first rung.
        reduction_factor: each rung is this many times the one before.
        end: what a trial does in all; nobody is stopped there.
        rounded_up: the next amount at which a trial can report: where a batch ends, for edits.
    """
    levels = []
    level = grace
    while level < end:
        levels.append(rounded_up(level))
        level *= reduction_factor
    return tuple(dict.fromkeys(level for level in levels if level < end))


class Rungs:
    """The values that trials left at each rung."""

    def __init__(self, levels: Sequence[int], reduction_factor: int) -> None:
        self.values: dict[int, dict[int, float]] = {level: {} for level in levels}
        self._quantile = 1 - 1 / reduction_factor

    def record(self, trial: int, level: int, value: float) -> None:
        """Leave a value at a rung without judging the trial."""
        self.values[level][trial] = value

    def forget(self, trial: int) -> None:
        """Take back what a failed trial left."""
        for values in self.values.values():
            values.pop(trial, None)

    def judge(self, trial: int, level: int, value: float) -> bool:
        """Leave a value at a rung; whether the trial goes on.

        The first to come always does. NaN is compared with nothing, as in Ray.
        """
        others = [v for other, v in self.values[level].items() if other != trial and not isnan(v)]
        self.record(trial, level, value)
        return not others or not value < np.percentile(others, 100 * self._quantile)
