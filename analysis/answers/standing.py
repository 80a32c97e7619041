"""Which settings are best, and by how much better than each baseline."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence

import pandas as pd
import plotly.graph_objects as go
from scipy.stats import hmean

from analysis.answers.answer import Answer
from analysis.answers.drawing import SUCCESS_RANGE, nothing
from analysis.answers.figure_style import ACCENT, COLORS, MUTED, figure
from analysis.answers.rows import searched
from analysis.judging.verdict import MEASURES
from analysis.tables.joined import BASELINES
from analysis.tables.sweep import Sweep, ranked

LEADS = tuple(f"lead_{kind}" for kind in (*BASELINES, "unedited"))
COLUMNS = ("kind", "trial", "status", *MEASURES, *LEADS)


def best_against_baselines(sweep: Sweep, top: int = 5) -> Answer:
    """The best search trials, every baseline that has ended, and the unedited model.

    Args:
        sweep: the sweep.
        top: how many search trials, best first.

    Returns:
        A row for each: `kind` (search, a baseline's role, unedited), `trial`, `status`, the
        held-out `composite`, `es`, `ps`, `ns`, `score`, `composite_all`, all in [0, 1], and
        `lead_<kind>`: its composite minus that of each baseline and of the unedited model; empty
        where that one is missing or has failed.

    Raises:
        ValueError: `top` is below 1.

    Example:
        >>> numbers, figure = best_against_baselines(ratchet.load("results/my-sweep"))
        >>> numbers[["kind", "composite", "lead_baseline_full"]]
    """
    if top < 1:
        raise ValueError(f"`top >= 1` must hold, but got (top={top})")
    best = ranked(searched(sweep)).head(top)
    others = sweep.trials[sweep.trials["role"] != "search"].sort_values("trial")
    rows = pd.concat([best, others]).rename(columns={"role": "kind"})
    completed = rows[rows["composite_unedited"].notna()]
    if not completed.empty:
        rows = pd.concat([rows, _unedited(completed.iloc[0])], ignore_index=True)
    if rows.empty:
        return nothing(COLUMNS, "no trial has been completed yet")
    for kind in (*BASELINES, "unedited"):
        of_kind = rows.loc[rows["kind"] == kind, "composite"]
        rows[f"lead_{kind}"] = rows["composite"] - (of_kind.max() if len(of_kind) else math.nan)
    numbers = rows[[*COLUMNS]].reset_index(drop=True)
    return Answer(numbers, _drawn(numbers))


def _unedited(row: pd.Series) -> pd.DataFrame:
    """The row of the model before any edit."""
    values = {name: row[f"{name}_unedited"] for name in ("composite", "es", "ps", "ns")}
    kinds = [float(values[name]) for name in ("es", "ps", "ns") if not pd.isna(values[name])]
    score = float(hmean(kinds)) if kinds else math.nan
    return pd.DataFrame([{"kind": "unedited", "trial": pd.NA, **values, "score": score}]).astype(
        {"trial": "Int64"}
    )


def _drawn(numbers: pd.DataFrame) -> go.Figure:
    drawn = figure()
    names = [_name(row) for row in numbers.to_dict("records")]
    drawn.add_bar(
        x=numbers["composite"],
        y=names,
        orientation="h",
        marker_color=_colors(numbers["kind"]),
        name="composite",
        hovertemplate="%{y}<br>composite %{x:.4f}<extra></extra>",
    )
    for measure, color, symbol in zip(
        ("es", "ps", "ns"),
        (COLORS[0], COLORS[2], COLORS[3]),
        ("circle", "square", "diamond"),
        strict=True,
    ):
        drawn.add_scatter(
            x=numbers[measure],
            y=names,
            mode="markers",
            marker={"color": color, "symbol": symbol, "size": 9},
            name=measure.upper(),
            hovertemplate=f"%{{y}}<br>{measure.upper()} %{{x:.4f}}<extra></extra>",
        )
    drawn.update_xaxes(title="held-out success (share of prompts)", range=SUCCESS_RANGE)
    drawn.update_yaxes(title={"text": "trial", "standoff": 10}, autorange="reversed")
    return drawn


def _name(row: Mapping[Hashable, object]) -> str:
    failed = " (failed)" if row["status"] == "failed" else ""
    return f"trial {row['trial']}" if row["kind"] == "search" else f"{row['kind']}{failed}"


def _colors(kinds: Sequence[str] | pd.Series) -> list[str]:
    """The best trial stands out."""
    first = list(kinds).index("search") if "search" in list(kinds) else None
    return [ACCENT if number == first else MUTED for number in range(len(kinds))]
