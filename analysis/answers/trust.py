"""What the trust gate saw."""

from __future__ import annotations

import pandas as pd
from plotly.subplots import make_subplots

from analysis.answers.answer import Answer
from analysis.answers.distribution import SPREAD, box, spread
from analysis.answers.drawing import nothing
from analysis.answers.figure_style import ACCENT, COLORS, figure
from analysis.answers.rows import searched, steps_of
from analysis.tables.sweep import Sweep

QUANTITIES = ("trust", "gain", "harm")
COLUMNS = ("quantity", "layer", "accepted", "reason", *SPREAD)


def trust(sweep: Sweep) -> Answer:
    """Trust, gain and harm of the steps of search trials, by what was decided about them and why.

    All three are measured at the fraction that the step rule asked for, whether the gate is on
    (`trust.enabled`) or not.

    Returns:
        By `quantity` (trust and gain in [0, 1]; harm relative to the weight, 0 and up), `layer`,
        `accepted` and `reason`: `count`, `mean`, `min`, `q25`, `median`, `q75`, `max`.

    Example:
        >>> trust(sweep).numbers.query("quantity == 'trust' and reason == 'trust_low_rolled_back'")
    """
    steps = steps_of(sweep, searched(sweep))
    by = ["layer", "accepted", "reason"]
    parts = [spread(steps, by, name).assign(quantity=name) for name in QUANTITIES]
    numbers = pd.concat(parts, ignore_index=True)[[*COLUMNS]]
    if numbers.empty:
        return nothing(COLUMNS, "trust was not measured in any step of a search trial")
    drawn = make_subplots(rows=1, cols=len(QUANTITIES), horizontal_spacing=0.12, figure=figure())
    several = numbers["layer"].nunique(dropna=False) > 1
    layers = numbers["layer"].map(lambda layer: f", layer {layer}") if several else ""
    shown = numbers.assign(label=numbers["reason"] + layers)
    for column, name in enumerate(QUANTITIES, start=1):
        for accepted, title, color in ((True, "kept", COLORS[0]), (False, "not kept", ACCENT)):
            rows = shown[(shown["quantity"] == name) & (shown["accepted"] == accepted)]
            if rows.empty:
                continue
            trace = box(rows, "label", title, color).update(
                legendgroup=title, showlegend=column == 1
            )
            drawn.add_trace(trace, row=1, col=column)
        drawn.update_yaxes(title=f"{name} ({_UNITS[name]})", row=1, col=column)
    drawn.update_xaxes(title="reason")
    return Answer(numbers, drawn)


_UNITS = {"trust": "0 to 1", "gain": "0 to 1", "harm": "relative"}
