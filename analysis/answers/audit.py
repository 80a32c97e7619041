"""ASHA's rule applied again to what trials left at rungs, and the trials that it spared."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import pandas as pd

from analysis.answers.rows import searched, setting
from analysis.judging.audited import audited_trials
from analysis.tables.joined import BASELINES
from analysis.tables.parts import RUNG
from analysis.tables.sweep import Sweep

JUDGED = ("trial", "rung", "value", "threshold", "stopped")


def rung_columns(trials: pd.DataFrame) -> dict[int, str]:
    """The rungs of a sweep in ascending order, and their columns."""
    names = [name for name in trials.columns if name.startswith(RUNG)]
    return dict(sorted((int(name.removeprefix(RUNG)), name) for name in names))


def spared(sweep: Sweep) -> pd.DataFrame:
    """The rows of audited search trials.

    Each row's own settings say how many trials were asked for when it was proposed. One that was
    proposed before the sweep was extended and ran after may have been stopped all the same; it is
    left out.

    Raises:
        ResultsError: the trials' settings do not say.
    """
    trials = searched(sweep)
    seeds = setting(sweep, trials, "search.seed").fillna(
        setting(sweep, trials, "seed", filled=True)
    )
    asked = zip(
        setting(sweep, trials, "search.trials", filled=True),
        setting(sweep, trials, "search.audit", filled=True),
        seeds,
        strict=True,
    )
    keys = [tuple(map(int, key)) for key in asked]
    sets = {key: audited_trials(*key) for key in {*keys}}
    audited = [
        number - len(BASELINES) in sets[key]
        for number, key in zip(trials["trial"], keys, strict=True)
    ]
    return trials[pd.Series(audited, trials.index, dtype=bool) & (trials["status"] != "pruned")]


def judged(sweep: Sweep, chosen: Collection[int]) -> pd.DataFrame:
    """What ASHA's rule says of some search trials at each rung that they reached.

    A trial is stopped if its value is below the best 1/reduction_factor of those that others had
    left at the rung by then. When a trial reached a rung is not stored; it is taken to have gone
    through its edits (under `search.resource: steps` its steps) at an even pace. So among trials
    that ran at the same time the order is a guess, as it is chance in a sweep.

    Args:
        sweep: the sweep.
        chosen: numbers of the trials; all search trials count as others.

    Returns:
        By `trial` and `rung`: its `value`, the `threshold` (empty for the first to arrive), and
        `stopped`, whether the rule stops it there.

    Raises:
        ResultsError: the trials' settings do not name the resource or the reduction factor.
    """
    arrivals = _arrivals(sweep)
    rows = []
    for rung, there in arrivals.groupby("rung"):
        values = there["value"].to_numpy()
        for place in np.flatnonzero(there["trial"].isin(chosen)):
            others, value = values[:place], values[place]
            share = 1 - 1 / there["factor"].iloc[place]
            threshold = np.percentile(others, 100 * share) if place else np.nan
            rows.append([there["trial"].iloc[place], rung, value, threshold, value < threshold])
    return pd.DataFrame(rows, columns=[*JUDGED]).sort_values(["trial", "rung"], ignore_index=True)


def _arrivals(sweep: Sweep) -> pd.DataFrame:
    """A row for each value that a search trial left at a rung, in the order of coming there."""
    trials = searched(sweep)
    by_edits = setting(sweep, trials, "search.resource") == "edits"
    reached = trials["edits"].where(by_edits, trials["steps"]).astype("float64")
    started = (trials["started"] - trials["started"].min()).dt.total_seconds()
    factors = setting(sweep, trials, "search.reduction_factor", filled=True)
    known = trials.assign(started=started, pace=trials["seconds"] / reached, factor=factors)
    values = known.melt(
        id_vars=["trial", "started", "pace", "factor"],
        value_vars=[*rung_columns(trials).values()],
        var_name="rung",
        value_name="value",
    ).dropna(subset=["value"])
    values["rung"] = values["rung"].str.removeprefix(RUNG).astype(int)
    values["arrived"] = values["started"] + values["pace"] * values["rung"]
    return values.sort_values(["arrived", "trial"], ignore_index=True)
