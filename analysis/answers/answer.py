"""The form that every answer has."""

from __future__ import annotations

from typing import NamedTuple

import pandas as pd
import plotly.graph_objects as go


class Answer(NamedTuple):
    """Numbers, and the same drawn: `numbers, figure = importance(sweep)`."""

    numbers: pd.DataFrame
    """Tidy: one row per thing measured; columns as `analysis.tables.schema` has them."""
    figure: go.Figure
    """Drawn from `numbers` alone, in the style of `analysis.answers.figure_style`."""
