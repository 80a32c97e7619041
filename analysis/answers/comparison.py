"""Whether settings, or sweeps, differ by more than chance.

Every comparison is paired: both sides edited the same records. The unit is the batch, since records
of one batch share one dW. All batches lie in one edit sequence, so intervals and p values are about
other batches of that sequence; and trials that were chosen for their composite in the same sweep
are compared with some optimism. Reserved records settle both (`ratchet confirm`).

With n batches the Wilcoxon test's p value cannot be below 2 / 2^n: five batches never give p < .05.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from scipy import stats
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from statsmodels.stats.multitest import multipletests

from analysis.answers.answer import Answer
from analysis.answers.figure_style import ACCENT, MUTED, figure
from analysis.errors import ResultsError
from analysis.judging.intervals import difference_interval
from analysis.judging.record_composites import record_composites
from analysis.tables.sweep import Sweep, best

STATISTICS = ["mean_difference", "low", "high", "level", "wilcoxon_p", "probability_of_improvement"]


def compare(sweep: Sweep, trials: Sequence[int], level: float = 0.95) -> Answer:
    """Compare trials of one sweep, two by two, on the batches that both edited.

    A trial that was stopped early is compared after the most edits that both reached.

    Returns:
        numbers: left, right (trials), edits, batches, mean_difference (left - right, of record
        composites), its interval low, high at `level`, wilcoxon_p (paired over batch means, two
        sided), holm_p (corrected over all rows), probability_of_improvement (share of batches in
        which left is better, ties count half).

    Raises:
        ValueError: fewer than two trials, one twice or without records, two that were not measured
            after the same edits or formed other batches, fewer than two batches, several sweeps.
        ResultsError: sweep.yaml does not name the composite's weights.

    Example:
        >>> compare(sweep, [17, 0]).numbers[["mean_difference", "low", "high", "holm_p"]]
    """
    sweep.require_one()
    if len({*trials}) < max(len(trials), 2):
        raise ValueError(f"two different trials or more must be given, but got (trials={trials})")
    rows: list[dict[str, Any]] = []
    for left, right in combinations(trials, 2):
        edits = _common_edits(sweep, left, right)
        sides = [record_composites(sweep, trial, edits) for trial in (left, right)]
        where = ["sequence", "batch", "case_id"]
        places = [{*side[where].itertuples(index=False, name=None)} for side in sides]
        if places[0] != places[1]:
            raise ValueError(
                "both trials must have edited the same batches, but got "
                f"(left={left}, right={right}): other records or another batch size"
            )
        batches = len(sides[0][["sequence", "batch"]].drop_duplicates())
        row = {"left": left, "right": right, "edits": edits, "batches": batches}
        rows.append({**row, **_paired(sides[0], sides[1], level)})
    numbers = _with_holm(pd.DataFrame(rows))
    names = [f"{row['left']} - {row['right']}" for row in rows]
    return Answer(numbers, _figure(numbers, names))


def compare_sweeps(sweeps: Sweep | Sequence[Sweep], level: float = 0.95) -> Answer:
    """Compare the best search trials of several sweeps, two by two, on records that both edited.

    Sweeps may differ in model, space, sampler or seed, but must have edited records of one dataset:
    a composite over other records is another quantity. Records that share a batch in either sweep
    go into one group, and the groups take the place of batches; where all records end up in one
    group, the interval and the p value are missing (NaN).

    Args:
        sweeps: a list of sweeps, or several that were loaded at once.
        level: confidence level.

    Returns:
        numbers: left, right (sweeps by name), left_trial, right_trial (their best), records (in
        common), groups, then the columns of `compare` from mean_difference on, over groups; and
        probability_over_trials, unpaired: how often a random completed search trial of left has a
        higher composite than one of right, ties count half (Mann and Whitney's U / nm). It tells
        whether a sweep is better as a whole, rather than in its one best trial.

    Raises:
        ValueError: fewer than two sweeps; two of different datasets or without common records.
        ResultsError: a sweep without a completed search trial, or without composite weights.

    Example:
        >>> compare_sweeps(ratchet.load(["results/tpe", "results/random"])).numbers
    """
    named = _by_name(sweeps)
    rows: list[dict[str, Any]] = []
    for left, right in combinations(named, 2):
        rows.append({"left": left, "right": right, **_pair(named[left], named[right], level)})
    numbers = _with_holm(pd.DataFrame(rows))
    # plotly reads tags in labels.
    names = [f"{escape(row['left'])} - {escape(row['right'])}" for row in rows]
    return Answer(numbers, _figure(numbers, names))


def _pair(left: Sweep, right: Sweep, level: float) -> dict[str, Any]:
    if _dataset(left) != _dataset(right):
        raise ValueError(
            "sweeps must be of one dataset, but got other digests in sweep.yaml "
            f"(left={left.path}, right={right.path})"
        )
    winners = [_winner(sweep) for sweep in (left, right)]
    sides = [record_composites(s, w) for s, w in zip((left, right), winners, strict=True)]
    both = sides[0].merge(sides[1], on="case_id", suffixes=("_left", "_right"))
    if both.empty:
        raise ValueError(
            "sweeps must have edited records in common, but got "
            f"(left={left.path}, right={right.path}, records=0)"
        )
    places = (both.groupby([f"sequence_{s}", f"batch_{s}"]).ngroup() for s in ("left", "right"))
    both["batch"] = _groups(*places)
    both["sequence"] = 0  # what one sweep edits in two sequences, the other may edit in one
    grouped = [
        both[["sequence", "case_id", "batch", f"value_{side}"]].rename(
            columns={f"value_{side}": "value"}
        )
        for side in ("left", "right")
    ]
    all_trials = [
        s.search_trials().query("status == 'completed'")["composite"].dropna()
        for s in (left, right)
    ]
    wins = stats.mannwhitneyu(*all_trials).statistic
    return {
        "left_trial": winners[0],
        "right_trial": winners[1],
        "records": len(both),
        "groups": both["batch"].nunique(),
        **_paired(grouped[0], grouped[1], level),
        "probability_over_trials": float(wins) / (len(all_trials[0]) * len(all_trials[1])),
    }


def _paired(left: pd.DataFrame, right: pd.DataFrame, level: float) -> dict[str, Any]:
    """Statistics of left - right; both have columns sequence, batch, case_id and value."""
    pairs = left.merge(right[["case_id", "value"]], on="case_id", suffixes=("", "_right"))
    pairs["difference"] = pairs["value"] - pairs["value_right"]
    batches = pairs.groupby(["sequence", "batch"])["difference"].mean().dropna().round(12)
    low = high = p = np.nan
    if len(batches) > 1:
        low, high, _ = difference_interval(left, right, level)
        p = float(stats.wilcoxon(batches).pvalue) if batches.any() else 1.0
    better = (batches > 0).mean() + (batches == 0).mean() / 2
    return dict(zip(STATISTICS, (batches.mean(), low, high, level, p, float(better)), strict=True))


def _with_holm(numbers: pd.DataFrame) -> pd.DataFrame:
    holm = pd.Series(np.nan, numbers.index)
    tested = numbers["wilcoxon_p"].notna()
    if tested.any():
        holm[tested] = multipletests(numbers.loc[tested, "wilcoxon_p"], method="holm")[1]
    numbers.insert(list(numbers).index("wilcoxon_p") + 1, "holm_p", holm)
    return numbers


def _common_edits(sweep: Sweep, left: int, right: int) -> int:
    reached = []
    for trial in (left, right):
        own = sweep.records.loc[sweep.records["trial"] == trial, "edits_done"]
        if own.empty:
            raise ValueError(f"the trial must have records, but got (trial={trial}, records=0)")
        reached.append({*own})
    common = reached[0] & reached[1]
    if not common:
        raise ValueError(
            "both trials must be measured after the same edits, but got "
            f"(left={sorted(reached[0])}, right={sorted(reached[1])})"
        )
    return int(max(common))


def _groups(left: pd.Series, right: pd.Series) -> np.ndarray:
    """Numbers of the smallest groups that no batch of either side crosses."""
    left_codes, right_codes = pd.factorize(left)[0], pd.factorize(right)[0]
    lefts, size = left_codes.max() + 1, left_codes.max() + right_codes.max() + 2
    edges = coo_array((np.ones(len(left)), (left_codes, lefts + right_codes)), shape=(size, size))
    groups: np.ndarray = connected_components(edges, directed=False)[1]
    return groups[left_codes]


def _by_name(sweeps: Sweep | Sequence[Sweep]) -> Mapping[str, Sweep]:
    if isinstance(sweeps, Sweep):
        named = dict(sweeps.sweeps)
    else:
        for sweep in sweeps:
            sweep.require_one()
        names = [sweep.path.rstrip("/").rsplit("/", 1)[-1] for sweep in sweeps]
        named = {
            sweep.path if names.count(name) > 1 else name: sweep
            for name, sweep in zip(names, sweeps, strict=True)
        }
    if len(named) < 2 or (not isinstance(sweeps, Sweep) and len(named) < len(sweeps)):
        raise ValueError(f"two different sweeps or more must be given, but got {len(named)}")
    return named


def _winner(sweep: Sweep) -> int:
    winner = best(sweep.search_trials())
    if winner is None:
        raise ResultsError(f"{sweep.path}: no search trial has been completed")
    return int(winner["trial"])


def _dataset(sweep: Sweep) -> object:
    digests = sweep.config.get("digests")
    return digests.get("dataset") if isinstance(digests, Mapping) else None


def _figure(numbers: pd.DataFrame, names: Sequence[str]) -> go.Figure:
    """A row per pair: the difference and its interval."""
    middle = numbers["mean_difference"]
    chart = figure()
    chart.add_scatter(
        x=middle,
        y=names,
        mode="markers",
        marker={"color": ACCENT, "size": 9},
        error_x={
            "type": "data",
            "symmetric": False,
            "array": numbers["high"] - middle,
            "arrayminus": middle - numbers["low"],
        },
        customdata=numbers[["holm_p", "probability_of_improvement"]],
        hovertemplate=(
            "%{y}: %{x:.3f}<br>p (Holm) %{customdata[0]:.3f}<br>"
            "probability of improvement %{customdata[1]:.2f}<extra></extra>"
        ),
    )
    chart.add_vline(x=0, line={"color": MUTED, "dash": "dot"})
    chart.update_xaxes(title="difference of composites, left - right")
    chart.update_yaxes(type="category", autorange="reversed")
    return chart
