"""Whether a step gains enough, decided exactly, and for which thresholds it does.

Thresholds are floats that stand for the decimal numbers that people write: 0.05 is 1/20. Larger
floats stand for larger decimals, so the thresholds that an improvement reaches are all floats up to
a largest one.
"""

from __future__ import annotations

import math
from fractions import Fraction
from functools import lru_cache

from greedy_core.metrics import Value


def reaches(improvement: Value, threshold: float) -> bool:
    """Whether an improvement is at least the threshold, as it is written."""
    return not improvement < _written(threshold)


def largest_reached(improvement: Value) -> float:
    """The largest float, as a threshold, that an improvement reaches; below 0 for a loss.

    Args:
        improvement: finite.
    """
    # A float's decimal lies within half a unit of its last place, and so does the improvement of
    # the nearest float: the one that is looked for is that float or a neighbor.
    largest = float(improvement)
    while not reaches(improvement, largest):
        largest = math.nextafter(largest, -math.inf)
    while reaches(improvement, above := math.nextafter(largest, math.inf)):
        largest = above
    return largest


@lru_cache(maxsize=1024)
def _written(threshold: float) -> Fraction:
    """The decimal number that a threshold stands for."""
    return Fraction(str(threshold))
