"""What the figures of answers share: an empty answer, fewer points, and text from data."""

from __future__ import annotations

import html
from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from analysis.answers.answer import Answer
from analysis.answers.figure_style import ACCENT, COLORS, MUTED, figure

MOST_POINTS = 2_000
"""Points of one trace above which some are left out: more are slow, and no eye tells them apart."""

SUCCESS_RANGE = [-0.02, 1.02]
"""Ends of an axis of success values, with room for markers at 0 and 1."""

ROLE_COLORS = {
    "search": ACCENT,
    "baseline_full": COLORS[0],
    "baseline_default": COLORS[2],
    "baseline_literal": COLORS[3],
}
"""The color of each role, the same in every figure."""


def nothing(columns: Sequence[str], why: str) -> Answer:
    """An answer without rows, whose figure says why there are none."""
    drawn = figure()
    drawn.update_xaxes(visible=False)
    drawn.update_yaxes(visible=False)
    drawn.add_annotation(text=shown(why), x=0.5, y=0.5, xref="paper", yref="paper", showarrow=False)
    return Answer(pd.DataFrame(columns=[*columns]), drawn)


def add_trials(
    drawn: go.Figure, trials: pd.DataFrame, against: str, column: int, says: str
) -> None:
    """Add a point for each trial, its composite against a column, to one of a figure's subplots.

    Args:
        drawn: the figure, one row of subplots.
        trials: `trial`, `composite`, and the column.
        against: name of the column.
        column: the subplot, from 1; the first one is in the legend.
        says: what a point shows when the mouse is over it.
    """
    drawn.add_scatter(
        x=trials[against],
        y=trials["composite"],
        customdata=trials[["trial"]],
        mode="markers",
        name="trial",
        showlegend=column == 1,
        marker={"color": MUTED, "size": 6, "opacity": 0.5},
        hovertemplate=f"{says}<extra></extra>",
        row=1,
        col=column,
    )


def thinned(rows: pd.DataFrame, most: int = MOST_POINTS) -> pd.DataFrame:
    """At most so many rows, evenly spaced in their order, the first and the last among them."""
    if len(rows) <= most:
        return rows
    return rows.iloc[np.linspace(0, len(rows) - 1, most).round().astype(int)]


def shown(value: object) -> str:
    """A value from data as text of a figure: plotly reads HTML, terminals obey what is escaped."""
    text = "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(value)
    )
    return html.escape(text, quote=False)
