"""Efficacy, paraphrases and neighbors against each other: what one gains, another may lose."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from analysis.answers.answer import Answer
from analysis.answers.figure_style import ACCENT, COLORS, MUTED, figure
from analysis.errors import ResultsError
from analysis.tables.sweep import Sweep

KINDS = ["es", "ps", "ns"]


def tradeoff(sweep: Sweep) -> Answer:
    """ES, PS and NS of every completed trial, and which trials no other one dominates.

    Returns:
        numbers: trial, role, es, ps, ns, composite, pareto. `pareto` is true where no completed
        trial is at least as good in all three and better in one; a kind that no trial has is left
        out, and a trial that lacks another's kind is not compared. The last row, with role
        `unedited` and no trial, is the model before; it does not compete.

    Raises:
        ResultsError: no trial has been completed.
        ValueError: several sweeps.

    Example:
        >>> numbers, figure = tradeoff(sweep)
        >>> numbers[numbers["pareto"]].sort_values("ns")
    """
    sweep.require_one()
    completed = sweep.completed()
    if completed.empty:
        raise ResultsError(f"{sweep.path}: no trial has been completed")
    numbers = completed[["trial", "role", *KINDS, "composite"]].astype({"trial": "Int64"})
    first = completed.iloc[0]
    unedited = {name: first[f"{name}_unedited"] for name in (*KINDS, "composite")}
    kinds = numbers[KINDS].dropna(axis="columns", how="all").to_numpy(float)
    numbers["pareto"] = pareto(kinds)
    before = pd.DataFrame([{"role": "unedited", **unedited, "pareto": False}]).astype(
        {name: "float64" for name in unedited}
    )
    before.insert(0, "trial", pd.Series([None], dtype="Int64"))
    numbers = pd.concat([numbers, before], ignore_index=True)
    return Answer(numbers, _figure(numbers))


def pareto(points: np.ndarray) -> np.ndarray:
    """Which rows no other row dominates, where more is better; rows with NaN never count.

    Example:
        >>> pareto(np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 0.5]]))
        array([ True,  True, False])
    """
    known = ~np.isnan(points).any(axis=1)
    rivals = points[known]
    front = np.zeros(len(points), bool)
    for i in np.flatnonzero(known):
        as_good, better = (rivals >= points[i]).all(axis=1), (rivals > points[i]).any(axis=1)
        front[i] = not (as_good & better).any()
    return front


def _figure(numbers: pd.DataFrame) -> go.Figure:
    facts = numbers.loc[numbers["role"] != "unedited", ["es", "ps"]].dropna(axis=1, how="all")
    own = numbers[facts.columns].mean(axis=1, skipna=False)
    drawn = numbers.assign(x=own, y=numbers["ns"])
    drawn = drawn.dropna(subset=["x", "y"])
    search = drawn[drawn["role"] == "search"]
    tried = drawn[drawn["role"] != "unedited"]
    front = tried[pareto(tried[["x", "y"]].to_numpy(float))].drop_duplicates(["x", "y"])
    front = front.sort_values("x")
    chart = figure()
    chart.add_scatter(
        x=front["x"],
        y=front["y"],
        mode="lines",
        name="Pareto front",
        line={"color": ACCENT, "shape": "vh"},
        hoverinfo="skip",
    )
    chart.add_scatter(
        x=search["x"],
        y=search["y"],
        mode="markers",
        name="search trials",
        customdata=search[["trial", *KINDS, "composite"]].astype(float),
        hovertemplate=(
            "trial %{customdata[0]}<br>ES %{customdata[1]:.3f}, PS %{customdata[2]:.3f}, "
            "NS %{customdata[3]:.3f}<br>composite %{customdata[4]:.3f}<extra></extra>"
        ),
        marker={
            "color": search["composite"],
            "colorscale": "Viridis",
            "colorbar": {"title": "composite"},
            "size": 8,
        },
    )
    symbols = ("square", "diamond", "triangle-up", "x")
    others = drawn[drawn["role"] != "search"]
    for (role, rows), symbol, color in zip(
        others.groupby("role"), symbols, (*COLORS[3:6], MUTED), strict=False
    ):
        marker = {"symbol": symbol, "size": 12, "color": color}
        chart.add_scatter(x=rows["x"], y=rows["y"], mode="markers", name=str(role), marker=marker)
    chart.update_xaxes(title="mean of ES and PS")
    chart.update_yaxes(title="NS")
    return chart
