"""What a confirmation leaves of the best setting's lead."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from analysis.answers.answer import Answer
from analysis.answers.drawing import nothing
from analysis.answers.figure_style import ACCENT, MUTED, figure
from analysis.judging.confirm_sentences import BASELINES
from analysis.judging.confirmation import confirmation
from analysis.tables.sweep import Sweep

COLUMNS = (
    *("baseline", "lead_in_sweep", "lead", "low", "high"),
    *("luck", "probability", "p_value"),
)


def confirmed_leads(sweep: Sweep) -> Answer:
    """The best setting's lead over each baseline, in the sweep and on records it never edited.

    Returns:
        A row for each baseline: `baseline` (its role), `lead_in_sweep`, `lead` on the confirming
        sequences with its interval from `low` to `high`, `luck` (the first minus the second, all in
        composite), the `probability` of improvement and the `p_value` of a paired Wilcoxon test.

    Raises:
        ResultsError: the confirmation's tables cannot be used.

    Example:
        >>> confirmed_leads(sweep).numbers.set_index("baseline")["luck"]
    """
    found = confirmation(sweep)
    if found is None:
        return nothing(COLUMNS, "the sweep has not been confirmed")
    rows = [
        {
            "baseline": each.baseline,
            "lead_in_sweep": each.lead_in_sweep,
            "lead": each.lead,
            "low": each.interval.low,
            "high": each.interval.high,
            "luck": each.luck,
            "probability": each.probability,
            "p_value": each.p_value,
        }
        for each in found.comparisons.values()
    ]
    numbers = pd.DataFrame(rows, columns=[*COLUMNS])
    return Answer(numbers, _drawn(numbers))


def _drawn(numbers: pd.DataFrame) -> go.Figure:
    drawn = figure()
    names = [BASELINES[role] for role in numbers["baseline"]]
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
