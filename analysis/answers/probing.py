"""Whether more probe prompts would be worth their time."""

from __future__ import annotations

import pandas as pd
from plotly.subplots import make_subplots
from scipy.stats import spearmanr

from analysis.answers.answer import Answer
from analysis.answers.distribution import binned
from analysis.answers.drawing import add_trials, nothing, thinned
from analysis.answers.figure_style import ACCENT, figure
from analysis.answers.rows import searched, setting
from analysis.tables.sweep import Sweep

COLUMNS = (
    *("against", "low", "high", "trials", "q25", "median", "q75"),
    *("spearman", "p_value"),
)
TITLES = {
    "probe_prompts": "probe prompts scored (number)",
    "max_probes": "max_probes (requests a batch)",
}


def probing(sweep: Sweep) -> Answer:
    """The final composite of completed search trials against how much they probed.

    `probe_prompts` is what a walk scored in all, so it grows with the steps that it took, too;
    `max_probes` is the setting (without a limit: the batch size). More than 8 different numbers are
    put into 8 bins of about as many trials each (`pandas.qcut`). Trials that were stopped are not
    in it: those that remain differ less than all would.

    Returns:
        By `against` (probe_prompts or max_probes) and bin, from `low` to `high`: `trials`, and
        `q25`, `median`, `q75` of their composite, in [0, 1]; Spearman's rank correlation over all
        bins, `spearman` in [-1, 1], and its two-sided `p_value`, both empty with fewer than 3
        trials or without variation.

    Raises:
        ResultsError: trials have no setting greedy.max_probes, or no batch_size.

    Example:
        >>> probing(sweep).numbers.groupby("against")["spearman"].first()
    """
    trials = searched(sweep)
    limits = setting(sweep, trials, "greedy.max_probes").fillna(
        setting(sweep, trials, "batch_size")
    )
    trials = trials.assign(max_probes=limits)
    trials = trials[(trials["status"] == "completed") & trials["composite"].notna()]
    if trials.empty:
        return nothing(COLUMNS, "no search trial has been completed yet")
    parts = [_against(trials, name) for name in TITLES]
    numbers = pd.concat(parts, ignore_index=True)[[*COLUMNS]]
    drawn = make_subplots(rows=1, cols=len(TITLES), shared_yaxes=True, figure=figure())
    for column, (name, title) in enumerate(TITLES.items(), start=1):
        points = thinned(trials.sort_values([name, "trial"]))
        add_trials(drawn, points, name, column, "trial %{customdata[0]}: %{x} gave %{y:.4f}")
        bins = numbers[numbers["against"] == name]
        drawn.add_scatter(
            x=(bins["low"] + bins["high"]) / 2,
            y=bins["median"],
            customdata=bins[["low", "high", "trials"]],
            mode="lines+markers",
            name="median of the bin",
            showlegend=column == 1,
            line_color=ACCENT,
            hovertemplate="%{customdata[0]} to %{customdata[1]}: median %{y:.4f} of "
            "%{customdata[2]} trials<extra></extra>",
            row=1,
            col=column,
        )
        drawn.update_xaxes(title=f"{title}<br>{_sentence(bins)}", row=1, col=column)
    drawn.update_yaxes(title="final composite (0 to 1)", col=1)
    return Answer(numbers, drawn)


def _against(trials: pd.DataFrame, name: str) -> pd.DataFrame:
    rows = binned(trials.dropna(subset=[name]), name)
    groups = rows.groupby(["bin", "low", "high"])["composite"]
    bins = groups.agg(
        trials="count",
        q25=lambda values: values.quantile(0.25),
        median="median",
        q75=lambda values: values.quantile(0.75),
    ).reset_index()
    varied = len(rows) >= 3 and rows[name].nunique() > 1 and rows["composite"].nunique() > 1
    found = (
        spearmanr(rows[name].astype("float64"), rows["composite"])
        if varied
        else (float("nan"), float("nan"))
    )
    return bins.assign(against=name, spearman=found[0], p_value=found[1])


def _sentence(bins: pd.DataFrame) -> str:
    if bins["spearman"].isna().all():
        return "no correlation can be told"
    return f"Spearman {bins['spearman'].iloc[0]:+.2f} (p = {bins['p_value'].iloc[0]:.2g})"
