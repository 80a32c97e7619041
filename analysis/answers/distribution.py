"""Distributions in few numbers: quantiles by group, the boxes that show them, and bins."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import plotly.graph_objects as go

from analysis.answers.drawing import shown

QUANTILES = {"min": 0.0, "q25": 0.25, "median": 0.5, "q75": 0.75, "max": 1.0}
"""Columns of a spread, and the quantile in each."""

SPREAD = ("count", "mean", *QUANTILES)
"""All columns of a spread."""

MOST_BINS = 8
"""More different numbers than this are put into bins, and into this many of them."""


def spread(rows: pd.DataFrame, by: Sequence[str], column: str) -> pd.DataFrame:
    """Number, mean and quantiles of a column in each group; empty cells are left out."""
    groups = rows.dropna(subset=[column]).groupby([*by], dropna=False, sort=True)[column]
    parts = {"count": groups.count(), "mean": groups.mean()}
    parts |= {name: groups.quantile(share) for name, share in QUANTILES.items()}
    return pd.DataFrame(parts).reset_index()[[*by, *SPREAD]]


def box(rows: pd.DataFrame, x: str, name: str, color: str) -> go.Box:
    """Boxes from the quantiles of a spread, whiskers to the smallest and the largest value."""
    return go.Box(
        x=[shown(value) for value in rows[x]],
        lowerfence=rows["min"],
        q1=rows["q25"],
        median=rows["median"],
        q3=rows["q75"],
        upperfence=rows["max"],
        mean=rows["mean"],
        name=name,
        marker_color=color,
    )


def binned(rows: pd.DataFrame, column: str) -> pd.DataFrame:
    """Rows with the bin of a column's value: `bin` (its order), `value` (its name), `low`, `high`.

    Each value is a bin of its own, but more than 8 different numbers are put into 8 bins of about
    as many rows each (`pandas.qcut`); `low` and `high` are the ends of what lies in them. Text has
    no ends. Empty cells are the last bin, `null`.
    """
    values = rows[column]
    if pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values):
        numbers = values.astype("float64")
        bins = _number_bins(numbers)
        ends = numbers.groupby(bins).agg(["min", "max"]).dropna()
        labels = {number: _range(row["min"], row["max"]) for number, row in ends.iterrows()}
        low, high = bins.map(ends["min"]), bins.map(ends["max"])
    else:
        codes, found = pd.factorize(values, sort=True)
        bins = pd.Series(codes, rows.index).replace(-1, len(found))
        labels = {number: str(name) for number, name in enumerate(found)}
        low = high = pd.Series(float("nan"), rows.index)
    names = [labels.get(number, "null") for number in bins]
    return rows.assign(bin=bins, value=names, low=low, high=high)


def _number_bins(numbers: pd.Series) -> pd.Series:
    if numbers.nunique() > MOST_BINS:
        bins = pd.qcut(numbers, MOST_BINS, labels=False, duplicates="drop")
    else:
        bins = numbers.rank(method="dense") - 1
    return bins.fillna(MOST_BINS).astype(int)


def _range(low: float, high: float) -> str:
    return f"{low:.4g}" if low == high else f"{low:.4g} to {high:.4g}"
