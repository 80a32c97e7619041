"""What sequences say of a lead: an interval, a verdict, and how many more would tell.

Sequences are what repeats independently, so each gives one observation: by how much the one setting
was better than the other on it. The interval is that of the paired t-test. Near the ceiling many
sequences come out exactly equal. They say how often settings differ, not by how much, so only the
others count as degrees of freedom: without that, intervals of ten sequences of which most are equal
hold the truth in 85 to 90 of 100 cases instead of 95. Where all values differ it is the t-test
itself. Where fewer than two sequences differ, or all by the same amount, there is no interval.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from enum import StrEnum
from functools import cache

import numpy as np
from scipy import stats
from statsmodels.stats.power import TTestPower

from analysis.judging.intervals import Interval

LEVEL = 0.95
"""How often all intervals that are stated together hold the truth."""
POWER = 0.8
"""How often as many sequences as are asked for would tell."""
MOST_SEQUENCES = 1_000_000
"""More than anybody could walk."""


class Finding(StrEnum):
    """What can be said of a setting beside another."""

    BETTER = "better"
    """The whole interval of its lead is above 0."""
    NO_BETTER = "no better by more than the margin"
    """The whole interval is below the margin, and not above 0."""
    CANNOT_TELL = "cannot tell"
    """Neither, or there is no interval."""


def finding(interval: Interval | None, margin: float) -> Finding:
    """The verdict that an interval of a lead allows.

    Example:
        >>> finding(Interval(-0.02, 0.005, 0.95), margin=0.01).value
        'no better by more than the margin'
    """
    if interval is None:
        return Finding.CANNOT_TELL
    if interval.low > 0:
        return Finding.BETTER
    return Finding.NO_BETTER if interval.high < margin else Finding.CANNOT_TELL


def lead_interval(leads: Sequence[float], together: int = 1) -> Interval | None:
    """Interval of the mean lead over all sequences that there could be.

    Args:
        leads: by sequence; those that are equal must be exactly so.
        together: intervals that are to hold together at 95 %, by Bonferroni's correction.

    Returns:
        None where the sequences do not say how others would differ.

    Raises:
        ValueError: `together` is below 1.

    Example:
        >>> interval = lead_interval([0.01, 0.02, 0.03])
        >>> round(interval.low, 3), round(interval.high, 3)
        (-0.005, 0.045)
    """
    freedom = _freedom(leads)
    if not freedom:
        return None
    mean, error = float(np.mean(leads)), float(np.std(leads, ddof=1)) / len(leads) ** 0.5
    half = _quantile(_tail(together), freedom) * error
    return Interval(mean - half, mean + half, LEVEL)


def sequences_needed(leads: Sequence[float], effect: float, together: int = 1) -> int | None:
    """Sequences that would call a true lead better in 80 of 100 cases, if they vary as these do.

    Args:
        leads: by sequence, of which there is an interval that does not tell.
        effect: the true lead that is to be told.
        together: as for the interval.

    Returns:
        None without an interval or an effect above 0, or if it is more than a million; otherwise
        more than there are.

    Example:
        >>> sequences_needed([0.01, -0.02, 0.03], effect=0.01)
        52
    """
    if effect <= 0 or not _freedom(leads):
        return None
    size = effect / float(np.std(leads, ddof=1))

    def power(count: int) -> float:
        found = TTestPower().power(size, count, _tail(together), alternative="larger")
        return float(found)

    counts = range(len(leads) + 1, MOST_SEQUENCES + 1)
    place = bisect_left(counts, POWER, key=power)
    return counts[place] if place < len(counts) else None


def _freedom(leads: Sequence[float]) -> int:
    """Degrees of freedom; 0 where there is no interval."""
    return max(int(np.count_nonzero(leads)) - 1, 0) if len({*leads}) > 1 else 0


@cache
def _quantile(tail: float, freedom: int) -> float:
    return float(stats.t.ppf(1 - tail, freedom))


def _tail(together: int) -> float:
    if together < 1:
        raise ValueError(f"`together >= 1` must hold, but got (together={together})")
    return (1 - LEVEL) / 2 / together
