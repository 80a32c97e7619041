"""Whether a sweep's choice holds on records that the sweep never edited; from Parquet alone.

A sweep's best composite is the largest of many, so a part of its lead is luck. `ratchet confirm`
runs the best settings and the baselines again on sequences of other records; what remains of the
lead there is worth as much as the interval says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import wilcoxon
from statsmodels.stats.multitest import multipletests

from analysis.confirm_values import batch_differences, record_composites
from analysis.intervals import Interval, difference_interval, mean_interval
from analysis.sweep import Sweep, ranked

LEVEL = 0.95
"""Of the intervals."""

LEAST_PAIRS = 6
"""Pairs that a Wilcoxon test needs: with 5 its p-value cannot be below 0.06."""


@dataclass(frozen=True)
class Comparison:
    """A setting beside a baseline, on the same records."""

    baseline: str
    """The baseline's role."""
    lead_in_sweep: float
    """By how much the setting's composite was above it in the sweep."""
    lead: float
    """The same here, the mean over the sequences."""
    interval: Interval
    """Of that."""
    probability: float
    """Probability of improvement: the share of batches that are better; ties count half."""
    p_value: float | None
    """Of a paired Wilcoxon test, after Holm over all comparisons; None where pairs are too few."""

    @property
    def beats(self) -> bool:
        """Whether the setting is better than the baseline: the whole interval is above 0."""
        return self.interval.low > 0

    @property
    def luck(self) -> float:
        """How much of the lead in the sweep is not there any more."""
        return self.lead_in_sweep - self.lead


@dataclass(frozen=True)
class Confirmed:
    """A setting on the sequences."""

    trial: int
    """The sweep's trial that it is of."""
    role: str
    """That trial's role."""
    composite: float
    """Mean over the sequences."""
    interval: Interval
    """Of that."""
    composite_in_sweep: float
    """In the sweep; for the best settings it is optimistic."""
    metrics: Mapping[str, float | None]
    """Means of es, ps, ns and score over the sequences."""
    against: Mapping[str, Comparison]
    """Beside each baseline; none for baselines."""


@dataclass(frozen=True)
class Confirmation:
    """What `ratchet confirm` says; `to_dict` gives plain values, ready for JSON."""

    winner: int
    """The best trial of the sweep among those that were confirmed."""
    best_in_sweep: int
    """The best trial of the sweep; another one than the winner if it ended after confirming."""
    sequences: tuple[int, ...]
    """The sequences that all settings here have walked."""
    records: int
    """Records of each."""
    settings: tuple[Confirmed, ...]
    """The settings of the search, best in the sweep first; then the baselines."""
    left_out: Mapping[int, str]
    """Trials that have not walked all sequences, and why."""
    test_pairs: str | None
    """What the Wilcoxon tests pair: sequences, batches where those are few, or None."""

    @property
    def searched(self) -> tuple[Confirmed, ...]:
        """The settings of the search, best in the sweep first."""
        return tuple(each for each in self.settings if each.role == "search")

    @property
    def comparisons(self) -> Mapping[str, Comparison]:
        """The winner beside each baseline."""
        return self.searched[0].against

    @property
    def beats(self) -> dict[str, bool]:
        """Whether the winner is better than each baseline."""
        return {role: each.beats for role, each in self.comparisons.items()}

    @property
    def lead_in_sweep(self) -> dict[str, float]:
        """The winner's lead over each baseline in the sweep."""
        return {role: each.lead_in_sweep for role, each in self.comparisons.items()}

    @property
    def lead_confirmed(self) -> dict[str, float]:
        """The winner's lead over each baseline here."""
        return {role: each.lead for role, each in self.comparisons.items()}

    @property
    def luck(self) -> dict[str, float]:
        """The difference of both."""
        return {role: each.luck for role, each in self.comparisons.items()}

    @property
    def order_confirmed(self) -> tuple[int, ...]:
        """The search's trials, best here first."""
        order = sorted(self.searched, key=lambda setting: -setting.composite)
        return tuple(setting.trial for setting in order)

    @property
    def order_held(self) -> bool:
        """Whether the settings stand in the sweep's order."""
        return self.order_confirmed == tuple(setting.trial for setting in self.searched)

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain values, with names."""
        return {
            "winner": self.winner,
            "best_in_sweep": self.best_in_sweep,
            "sequences": list(self.sequences),
            "records": self.records,
            "beats": self.beats,
            "lead_in_sweep": self.lead_in_sweep,
            "lead_confirmed": self.lead_confirmed,
            "luck": self.luck,
            "order_confirmed": list(self.order_confirmed),
            "order_held": self.order_held,
            "test_pairs": self.test_pairs,
            "settings": [_setting_values(setting) for setting in self.settings],
            "left_out": {str(trial): why for trial, why in self.left_out.items()},
        }


def confirmation(sweep: Sweep) -> Confirmation | None:
    """Compare the confirmed settings; None while the best has not walked with the baselines.

    Only sequences count that the winner and every baseline have completed, and only settings that
    have completed all of those, so that every number is of the same records.

    Raises:
        ResultsError: if sweep.yaml has no weights of the composite.

    Example:
        >>> found = confirmation(analysis.load("results/my-sweep"))
        >>> found.beats["baseline_full"], found.luck["baseline_full"]
        (True, 0.03)
    """
    walks = sweep.confirm[sweep.confirm["status"] == "completed"]
    ranking = ranked(sweep.trials[sweep.trials["role"] == "search"])["trial"].tolist()
    searched = [trial for trial in ranking if trial in {*sweep.confirm["trial"]}]
    baselines = walks[walks["role"] != "search"].drop_duplicates("trial")["trial"].tolist()
    if not searched:
        return None
    sequences = _common(walks, [searched[0], *baselines])
    if not sequences:
        return None
    there = [t for t in (*searched, *baselines) if {*sequences} <= _walked(walks, t)]
    walks = walks[walks["sequence"].isin(sequences)]
    records = sweep.confirm_records
    records = records[records["sequence"].isin(sequences) & records["trial"].isin(there)]
    values = record_composites(records, sweep)
    pairs = _test_pairs(values)
    against = _comparisons(sweep, walks, values, [t for t in there if t in searched], baselines)
    settings = [_confirmed(sweep, walks, values, t, against.get(t, {})) for t in there]
    return Confirmation(
        winner=searched[0],
        best_in_sweep=ranking[0],
        sequences=tuple(sequences),
        records=int(values.groupby(["trial", "sequence"]).size().max()),
        settings=tuple(settings),
        left_out=_left_out(sweep.confirm, there),
        test_pairs=pairs,
    )


def _walked(walks: pd.DataFrame, trial: int) -> set[int]:
    return set(walks.loc[walks["trial"] == trial, "sequence"].tolist())


def _common(walks: pd.DataFrame, trials: Sequence[int]) -> list[int]:
    return sorted(set.intersection(*(_walked(walks, trial) for trial in trials)))


def _left_out(confirm: pd.DataFrame, there: Sequence[int]) -> dict[int, str]:
    others = confirm[~confirm["trial"].isin(there)]
    reasons = others.groupby("trial")["error"].agg(lambda errors: next(iter(errors.dropna()), ""))
    return {
        int(str(trial)): error or "has not walked all sequences" for trial, error in reasons.items()
    }


def _confirmed(
    sweep: Sweep,
    walks: pd.DataFrame,
    values: pd.DataFrame,
    trial: int,
    against: Mapping[str, Comparison],
) -> Confirmed:
    own = walks[walks["trial"] == trial]
    return Confirmed(
        trial=trial,
        role=str(own["role"].iloc[0]),
        composite=float(own["composite"].mean()),
        interval=mean_interval(values[values["trial"] == trial], LEVEL),
        composite_in_sweep=_in_sweep(sweep, trial),
        metrics={name: _plain(own[name].mean()) for name in ("es", "ps", "ns", "score")},
        against=against,
    )


def _comparisons(
    sweep: Sweep,
    walks: pd.DataFrame,
    values: pd.DataFrame,
    searched: Sequence[int],
    baselines: Sequence[int],
) -> dict[int, dict[str, Comparison]]:
    """By trial and baseline; the p-values are corrected together."""
    pairs = _test_pairs(values)
    keys = [(trial, baseline) for trial in searched for baseline in baselines]
    of = {trial: values[values["trial"] == trial] for trial in (*searched, *baselines)}
    means = walks.groupby("trial")["composite"].mean()
    role = walks.drop_duplicates("trial").set_index("trial")["role"]
    by_batch = {key: batch_differences(of[key[0]], of[key[1]]) for key in keys}
    p_values = _holm([_p_value(by_batch[key], pairs) for key in keys])
    found: dict[int, dict[str, Comparison]] = {trial: {} for trial in searched}
    for (trial, baseline), p_value in zip(keys, p_values, strict=True):
        differences = by_batch[trial, baseline]["value"]
        found[trial][role[baseline]] = Comparison(
            baseline=role[baseline],
            lead_in_sweep=_in_sweep(sweep, trial) - _in_sweep(sweep, baseline),
            lead=float(means[trial] - means[baseline]),
            interval=difference_interval(of[trial], of[baseline], LEVEL),
            probability=float(np.mean((differences > 0) + (differences == 0) / 2)),
            p_value=p_value,
        )
    return found


def _test_pairs(values: pd.DataFrame) -> str | None:
    if values["sequence"].nunique() >= LEAST_PAIRS:
        return "sequences"
    batches = values[["sequence", "batch"]].drop_duplicates()
    return "batches" if len(batches) >= LEAST_PAIRS else None


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


def _in_sweep(sweep: Sweep, trial: int) -> float:
    return float(sweep.trials.loc[sweep.trials["trial"] == trial, "composite"].iloc[0])


def _plain(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _setting_values(setting: Confirmed) -> dict[str, Any]:
    return {
        "trial": setting.trial,
        "role": setting.role,
        "composite": setting.composite,
        "interval": _bounds(setting.interval),
        "composite_in_sweep": setting.composite_in_sweep,
        **setting.metrics,
        "against": {
            role: {
                "lead_in_sweep": each.lead_in_sweep,
                "lead": each.lead,
                "interval": _bounds(each.interval),
                "beats": each.beats,
                "luck": each.luck,
                "probability": each.probability,
                "p_value": each.p_value,
            }
            for role, each in setting.against.items()
        },
    }


def _bounds(interval: Interval) -> dict[str, float]:
    return {"low": float(interval.low), "high": float(interval.high), "level": interval.level}
