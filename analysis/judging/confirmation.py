"""Whether a sweep's choice holds on records that the sweep never edited; from Parquet alone.

A sweep's best composite is the largest of many, so a part of its lead is luck. `ratchet confirm`
runs the best settings and the baselines again on sequences of other records; what remains of the
lead there is worth as much as the interval says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import pandas as pd
from scipy.stats import wilcoxon
from statsmodels.stats.multitest import multipletests

from analysis.errors import ResultsError
from analysis.judging.confirm_values import batch_differences, walk_values
from analysis.judging.confirmed import Comparison, Confirmation, Confirmed
from analysis.judging.intervals import difference_interval, mean_interval
from analysis.tables.cells import plain
from analysis.tables.sweep import Sweep, ranked

LEVEL = 0.95
"""Confidence level of the intervals."""

LEAST_PAIRS = 6
"""Pairs that a Wilcoxon test needs: with 5 its p-value cannot be below 0.06."""


def confirmation(sweep: Sweep) -> Confirmation | None:
    """Compare the confirmed settings; None while too little has been walked for an interval.

    That takes two batches, by the best setting and by every baseline.

    Only sequences count that the winner and every baseline have completed, and only settings that
    have completed all of those, so that every number is of the same records.

    Raises:
        ValueError: if it is several sweeps.
        ResultsError: if sweep.yaml has no weights of the composite, or a trial is not the sweep's.

    Example:
        >>> found = confirmation(ratchet.load("results/my-sweep"))
        >>> found.beats["baseline_full"], found.luck["baseline_full"]
        (True, 0.03)
    """
    sweep.require_one()
    _require_known(sweep)
    walks = sweep.confirm[sweep.confirm["status"] == "completed"]
    ranking = ranked(sweep.trials[sweep.trials["role"] == "search"])["trial"].tolist()
    searched = [trial for trial in ranking if trial in {*sweep.confirm["trial"]}]
    baselines = walks[walks["role"] != "search"].drop_duplicates("trial")["trial"].tolist()
    sequences = _common(walks, [*searched[:1], *baselines]) if searched else []
    if not sequences:
        return None
    there = [t for t in (*searched, *baselines) if {*sequences} <= _walked(walks, t)]
    same = _SameRecords.of(sweep, there, sequences)
    if any(len(_batches(values)) < 2 for values in same.values.values()):
        return None
    against = _comparisons(same, [t for t in there if t in searched], baselines)
    return Confirmation(
        winner=searched[0],
        best_in_sweep=ranking[0],
        sequences=tuple(sequences),
        records=len(same.values[searched[0]]) // len(sequences),
        settings=tuple(_confirmed(same, trial, against.get(trial, {})) for trial in there),
        left_out=_left_out(sweep.confirm, there),
        test_pairs=same.pairs,
    )


@dataclass(frozen=True)
class _SameRecords:
    """What all settings came to on the sequences that they have in common."""

    in_sweep: Mapping[int, float]
    """Composite in the sweep, by trial."""
    roles: Mapping[int, str]
    """Role, by trial."""
    walks: Mapping[int, pd.DataFrame]
    """Rows of `confirm`, by trial."""
    values: Mapping[int, pd.DataFrame]
    """Record values, by trial; see `walk_values`."""
    pairs: str | None
    """What the tests pair."""

    @classmethod
    def of(cls, sweep: Sweep, trials: Sequence[int], sequences: Sequence[int]) -> _SameRecords:
        walks, records = (
            table[table["sequence"].isin(sequences) & table["trial"].isin(trials)]
            for table in (sweep.confirm, sweep.confirm_records)
        )
        values = walk_values(records, sweep)
        in_sweep = sweep.trials.set_index("trial")
        return cls(
            in_sweep={trial: float(in_sweep["composite"][trial]) for trial in trials},
            roles={trial: str(in_sweep["role"][trial]) for trial in trials},
            walks={trial: walks[walks["trial"] == trial] for trial in trials},
            values={trial: values[values["trial"] == trial] for trial in trials},
            pairs=_test_pairs(values),
        )


def _require_known(sweep: Sweep) -> None:
    if unknown := sorted({*sweep.confirm["trial"]} - {*sweep.trials["trial"]}):
        numbers = ", ".join(map(str, unknown[:5]))
        raise ResultsError(f"{sweep.path}/confirm: the sweep has no trial {numbers}")


def _walked(walks: pd.DataFrame, trial: int) -> set[int]:
    return set(walks.loc[walks["trial"] == trial, "sequence"].tolist())


def _common(walks: pd.DataFrame, trials: Sequence[int]) -> list[int]:
    return sorted(set.intersection(*(_walked(walks, trial) for trial in trials)))


def _left_out(confirm: pd.DataFrame, there: Sequence[int]) -> dict[int, str]:
    others = confirm[~confirm["trial"].isin(there)]
    unknown = "has not walked all sequences"
    return {
        trial: next(iter(others.loc[others["trial"] == trial, "error"].dropna()), unknown)
        for trial in others["trial"].unique().tolist()
    }


def _confirmed(same: _SameRecords, trial: int, against: Mapping[str, Comparison]) -> Confirmed:
    means = same.walks[trial][["composite", "es", "ps", "ns", "score"]].mean()
    return Confirmed(
        trial=trial,
        role=same.roles[trial],
        composite=float(means["composite"]),
        interval=mean_interval(same.values[trial], LEVEL),
        composite_in_sweep=same.in_sweep[trial],
        metrics={name: plain(means[name]) for name in ("es", "ps", "ns", "score")},
        against=against,
    )


def _comparisons(
    same: _SameRecords, searched: Sequence[int], baselines: Sequence[int]
) -> dict[int, dict[str, Comparison]]:
    """By trial and baseline; the p-values are corrected together."""
    keys = list(product(searched, baselines))
    by_batch = {(t, b): batch_differences(same.values[t], same.values[b]) for t, b in keys}
    p_values = _holm([_p_value(by_batch[key], same.pairs) for key in keys])
    found: dict[int, dict[str, Comparison]] = {trial: {} for trial in searched}
    for (trial, baseline), p_value in zip(keys, p_values, strict=True):
        found[trial][same.roles[baseline]] = _comparison(
            same, trial, baseline, by_batch[trial, baseline]["value"], p_value
        )
    return found


def _comparison(
    same: _SameRecords,
    trial: int,
    baseline: int,
    differences: pd.Series[float],
    p_value: float | None,
) -> Comparison:
    own, other = (same.walks[each]["composite"].mean() for each in (trial, baseline))
    return Comparison(
        baseline=same.roles[baseline],
        lead_in_sweep=same.in_sweep[trial] - same.in_sweep[baseline],
        lead=float(own - other),
        interval=difference_interval(same.values[trial], same.values[baseline], LEVEL),
        probability=float(np.mean((differences > 0) + (differences == 0) / 2)),
        p_value=p_value,
    )


def _test_pairs(values: pd.DataFrame) -> str | None:
    if values["sequence"].nunique() >= LEAST_PAIRS:
        return "sequences"
    return "batches" if len(_batches(values)) >= LEAST_PAIRS else None


def _batches(values: pd.DataFrame) -> pd.DataFrame:
    return values[["sequence", "batch"]].drop_duplicates()


def _p_value(differences: pd.DataFrame, pairs: str | None) -> float | None:
    """Two-sided, of the hypothesis that differences lie around 0; equal pairs count half each."""
    if pairs is None:
        return None
    values = differences["value"]
    if pairs == "sequences":
        values = differences.groupby("sequence")["value"].mean()
    if not values.any():
        return 1.0
    return float(wilcoxon(values, zero_method="zsplit").pvalue)


def _holm(p_values: Sequence[float | None]) -> list[float | None]:
    known = [p for p in p_values if p is not None]
    if not known:
        return [*p_values]
    return [float(p) for p in multipletests(known, method="holm")[1]]
