"""How figures look: one template, legible on light and on dark ground, and in print."""

from __future__ import annotations

import plotly.graph_objects as go

COLORS = ("#3b76af", "#c8702f", "#4d9a63", "#b0567b", "#7a6bb5", "#8a8a3c", "#3d8f95", "#8c6d5a")
"""Told apart by people who see colors differently; contrast of 3 and more on white and on black."""

ACCENT, MUTED = COLORS[1], "#7d858f"
"""The one thing a figure is about, and what it stands out from."""

SEQUENTIAL = ((0.0, "#5b7fa6"), (0.5, "#8f8a86"), (1.0, ACCENT))
"""From low to high, of one lightness, so that neither end is lost on light or on dark ground."""

_FONT = "system-ui, -apple-system, 'Segoe UI', sans-serif"
_AXIS = {
    "gridcolor": "rgba(125,133,143,0.22)",
    "linecolor": "rgba(125,133,143,0.5)",
    "zeroline": False,
    "automargin": True,
    "ticks": "",
    "title": {"standoff": 10, "font": {"size": 12}},
    "tickfont": {"size": 12},
}

TEMPLATE = go.layout.Template(
    layout={
        "colorway": COLORS,
        "colorscale": {"sequential": SEQUENTIAL, "sequentialminus": SEQUENTIAL},
        "font": {"family": _FONT, "size": 12, "color": MUTED},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "margin": {"l": 48, "r": 12, "t": 24, "b": 44},
        "bargap": 0.35,
        "xaxis": _AXIS,
        "yaxis": _AXIS,
        "legend": {"orientation": "h", "yanchor": "bottom", "y": 1.0, "x": 0},
        "hoverlabel": {"font": {"family": _FONT, "size": 12}, "align": "left"},
    }
)


def figure() -> go.Figure:
    """An empty figure in this style."""
    return go.Figure(layout={"template": TEMPLATE})
