"""A setting beside a baseline: its lead, what it allows to say, and how much of it was luck."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.judging.intervals import Interval
from analysis.judging.lead import Finding, finding


@dataclass(frozen=True)
class Comparison:
    """A setting beside a baseline, on the same records."""

    baseline: str
    """The baseline's role."""
    lead_in_sweep: float
    """By how much the setting's composite was above it in the sweep."""
    leads: tuple[float, ...]
    """The same here, by sequence."""
    interval: Interval | None
    """Interval of `lead`; None where the sequences do not say how others would differ."""
    together: int
    """Comparisons whose intervals hold at their level all together, this one among them."""
    margin: float
    """Lead up to which two settings are equally good in practice."""
    needed: int | None
    """Where it cannot be told: sequences that would tell a lead as large as this one, or as the
    margin; None where that is unknown."""

    @property
    def lead(self) -> float:
        """The mean over the sequences."""
        return float(np.mean(self.leads))

    @property
    def verdict(self) -> Finding:
        """What can be said of other sequences."""
        return finding(self.interval, self.margin)

    @property
    def is_small(self) -> bool:
        """Whether it is better by less than the margin: both can be told."""
        known = self.interval is not None and self.interval.high < self.margin
        return known and self.verdict is Finding.BETTER

    @property
    def is_equal(self) -> bool:
        """Whether both came to the same on every sequence."""
        return not any(self.leads)

    @property
    def probability(self) -> float:
        """Probability of improvement: the share of sequences that are better; ties count half."""
        leads = np.asarray(self.leads)
        return float(np.mean((leads > 0) + (leads == 0) / 2))

    @property
    def luck(self) -> float:
        """How much of the lead in the sweep is gone here."""
        return self.lead_in_sweep - self.lead

    @property
    def luck_interval(self) -> Interval | None:
        """Interval of `luck`: the lead in the sweep is a fixed number, so it is that of the lead,
        turned around."""
        if self.interval is None:
            return None
        low, high, level = self.interval
        return Interval(self.lead_in_sweep - high, self.lead_in_sweep - low, level)
