"""What a confirmation leaves of the best setting's lead."""

from __future__ import annotations

import math

import pandas as pd
import plotly.graph_objects as go

from analysis.answers.answer import Answer
from analysis.answers.drawing import nothing
from analysis.answers.figure_style import ACCENT, MUTED, figure
from analysis.judging.comparison import Comparison
from analysis.judging.confirm_sentences import baseline_name
from analysis.judging.confirmation import confirmation
from analysis.judging.intervals import Interval
from analysis.judging.lead import LEVEL
from analysis.tables.sweep import Sweep

COLUMNS = (
    *("baseline", "lead_in_sweep", "lead", "low", "high"),
    *("luck", "luck_low", "luck_high", "probability", "verdict", "sequences_needed"),
)

NO_INTERVAL = Interval(math.nan, math.nan, LEVEL)
"""Empty cells."""


def confirmed_leads(sweep: Sweep) -> Answer:
    """The best setting's lead over each baseline, in the sweep and on records it never edited.

    Returns:
        A row for each baseline: `baseline` (its role), `lead_in_sweep`, `lead` on the confirming
        sequences with its interval from `low` to `high`, `luck` (the first minus the second) with
        its own from `luck_low` to `luck_high`, all in composite; the `probability` of improvement
        (the share of sequences that are better), the `verdict`, and `sequences_needed` to tell
        where it cannot be told. The intervals hold together for all baselines at 95 %; they are
        empty where the sequences do not say how others would differ.

    Raises:
        ResultsError: the confirmation's tables cannot be used.

    Example:
        >>> confirmed_leads(sweep).numbers.set_index("baseline")["luck"]
    """
    found = confirmation(sweep)
    if found is None:
        return nothing(COLUMNS, "the sweep has not been confirmed")
    rows = [_row(each) for each in found.comparisons.values()]
    numbers = pd.DataFrame(rows, columns=[*COLUMNS]).astype({"sequences_needed": "Int64"})
    return Answer(numbers, _drawn(numbers))


def _row(each: Comparison) -> dict[str, object]:
    low, high, _ = each.interval or NO_INTERVAL
    luck_low, luck_high, _ = each.luck_interval or NO_INTERVAL
    return {
        "baseline": each.baseline,
        "lead_in_sweep": each.lead_in_sweep,
        "lead": each.lead,
        "low": low,
        "high": high,
        "luck": each.luck,
        "luck_low": luck_low,
        "luck_high": luck_high,
        "probability": each.probability,
        "verdict": each.verdict.value,
        "sequences_needed": each.needed,
    }


def _drawn(numbers: pd.DataFrame) -> go.Figure:
    drawn = figure()
    names = [baseline_name(role) for role in numbers["baseline"]]
    drawn.add_vline(x=0, line={"color": MUTED, "width": 1, "dash": "dot"})
    drawn.add_scatter(
        x=numbers["lead_in_sweep"],
        y=names,
        mode="markers",
        name="in the sweep",
        marker={"color": MUTED, "size": 9, "symbol": "circle-open", "line_width": 2},
        hovertemplate="%{y}<br>in the sweep %{x:+.4f}<extra></extra>",
    )
    drawn.add_scatter(
        x=numbers["lead"],
        y=names,
        error_x={
            "type": "data",
            "symmetric": False,
            "array": numbers["high"] - numbers["lead"],
            "arrayminus": numbers["lead"] - numbers["low"],
            "thickness": 2,
            "width": 0,
        },
        mode="markers",
        name="confirmed, with its interval",
        marker={"color": ACCENT, "size": 10},
        hovertemplate="%{y}<br>confirmed %{x:+.4f}<extra></extra>",
    )
    drawn.update_layout(height=110 + 55 * len(numbers))
    drawn.update_xaxes(title="lead (composite)", tickformat="+.2f")
    drawn.update_yaxes(autorange="reversed")
    return drawn
