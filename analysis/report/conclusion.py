"""What a sweep comes to: its best setting beside its best baseline."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from analysis.errors import ResultsError
from analysis.judging.confirmation import confirmation
from analysis.judging.confirmed import Confirmation
from analysis.judging.intervals import Interval, difference_interval, mean_interval
from analysis.judging.lead import LEVEL, Finding
from analysis.judging.record_composites import record_composites
from analysis.tables.cells import plain
from analysis.tables.sweep import Sweep, best


@dataclass(frozen=True)
class Lead:
    """The best setting beside the best baseline."""

    baseline: str
    """Role of the baseline with the highest composite; after a confirmation, of the one whose
    comparison decides about all of them."""
    composite: float
    """That baseline's composite."""
    value: float
    """The best setting's composite minus that."""
    interval: Interval | None
    """Of `value`; None where a confirmation has none."""
    in_sweep: float
    """The lead over the same baseline in the sweep; equal to `value` before a confirmation."""


@dataclass(frozen=True)
class Conclusion:
    """The figures of the verdict: the confirmed ones where there are any."""

    trial: int
    """The best search trial, or the confirmed one."""
    searched: int
    """Search trials that were completed."""
    composite: float
    """Its held-out composite, or the mean of it over confirming sequences."""
    interval: Interval | None
    """Of `composite`; None where it was confirmed on one sequence."""
    metrics: dict[str, float | None]
    """es, ps and ns, measured where `composite` was."""
    unedited: float | None
    """Composite of the unedited model on the sweep's records."""
    lead: Lead | None
    """None where no baseline has been completed."""
    confirmed: Confirmation | None
    """Where the figures are from; None: from the sweep that selected the setting."""

    @property
    def verdict(self) -> Finding:
        """What can be said of the setting beside the best baseline.

        Before a confirmation the interval is optimistic: it can say that a lead is not clear, but
        never that there is none worth having.
        """
        if self.confirmed is not None and self.confirmed.decisive is not None:
            return self.confirmed.decisive.verdict
        interval = None if self.lead is None else self.lead.interval
        clear = interval is not None and interval.low > 0
        return Finding.BETTER if clear else Finding.CANNOT_TELL


def conclude(sweep: Sweep) -> Conclusion | None:
    """Compare the best setting with the best baseline; None while no setting has been completed.

    Before a confirmation, the intervals are those of the records that the sweep itself edited, in
    one sequence; the setting was selected by them, so they are optimistic.

    Raises:
        ResultsError: the sweep's records, or its composite's weights, cannot be used.

    Example:
        >>> conclude(ratchet.load("results/my-sweep")).verdict
        <Finding.BETTER: 'better'>
    """
    trials = sweep.trials
    winner = best(trials[trials["role"] == "search"])
    if winner is None:
        return None
    found = confirmation(sweep)
    completed = (trials["role"] == "search") & (trials["status"] == "completed")
    if found is not None:
        return _confirmed(sweep, found, int(completed.sum()))
    values = _record_values(sweep, winner)
    baseline = best(trials[trials["role"] != "search"])
    return Conclusion(
        trial=int(winner["trial"]),
        searched=int(completed.sum()),
        composite=float(winner["composite"]),
        interval=_mean_interval(values),
        metrics={kind: plain(winner[kind]) for kind in ("es", "ps", "ns")},
        unedited=plain(winner["composite_unedited"]),
        lead=None if baseline is None else _lead_in_sweep(sweep, winner, baseline),
        confirmed=None,
    )


def _lead_in_sweep(sweep: Sweep, winner: pd.Series, baseline: pd.Series) -> Lead:
    value = float(winner["composite"] - baseline["composite"])
    left, right = (_record_values(sweep, each) for each in (winner, baseline))
    return Lead(
        baseline=str(baseline["role"]),
        composite=float(baseline["composite"]),
        value=value,
        interval=difference_interval(left, right, LEVEL)
        if _has_spread(left)
        else Interval(-1.0, 1.0, LEVEL),
        in_sweep=value,
    )


def _confirmed(sweep: Sweep, found: Confirmation, searched: int) -> Conclusion:
    winner = found.searched[0]
    row = sweep.trials.set_index("trial").loc[winner.trial]
    return Conclusion(
        trial=winner.trial,
        searched=searched,
        composite=winner.composite,
        interval=winner.interval,
        metrics={kind: winner.metrics[kind] for kind in ("es", "ps", "ns")},
        unedited=plain(row["composite_unedited"]),
        lead=_lead_confirmed(found),
        confirmed=found,
    )


def _lead_confirmed(found: Confirmation) -> Lead | None:
    decisive = found.decisive
    if decisive is None:
        return None
    (baseline,) = (each for each in found.settings if each.role == decisive.baseline)
    return Lead(
        baseline=decisive.baseline,
        composite=baseline.composite,
        value=decisive.lead,
        interval=decisive.interval,
        in_sweep=decisive.lead_in_sweep,
    )


def _record_values(sweep: Sweep, trial: pd.Series) -> pd.DataFrame:
    """A trial's records with their composites."""
    try:
        return record_composites(sweep, int(trial["trial"]))
    except ValueError as error:
        raise ResultsError(f"{sweep.path}: records: {error}") from error


def _mean_interval(values: pd.DataFrame) -> Interval:
    return mean_interval(values, LEVEL) if _has_spread(values) else Interval(0.0, 1.0, LEVEL)


def _has_spread(values: pd.DataFrame) -> bool:
    """Whether there are several batches: a single one says nothing of how batches differ."""
    return len(values.dropna(subset=["value"])[["sequence", "batch"]].drop_duplicates()) > 1
