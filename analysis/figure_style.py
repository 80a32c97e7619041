"""How figures look: one template, legible on light and on dark ground, and in print."""

from __future__ import annotations

import plotly.graph_objects as go

COLORS = ("#3b76af", "#d1793a", "#4d9a63", "#b0567b", "#7a6bb5", "#8a8a3c", "#4aa3a8", "#8c6d5a")
"""Told apart by people who see colors differently; contrast of 3 and more on white and on black."""

ACCENT, MUTED = COLORS[1], "#8a8f98"
"""The one thing a figure is about, and what it stands out from."""

TEMPLATE = go.layout.Template(
    layout={
        "colorway": COLORS,
        "font": {"family": "system-ui, sans-serif", "size": 13, "color": MUTED},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "margin": {"l": 60, "r": 20, "t": 20, "b": 50},
        "xaxis": {"gridcolor": "rgba(138,143,152,0.25)", "zeroline": False, "automargin": True},
        "yaxis": {"gridcolor": "rgba(138,143,152,0.25)", "zeroline": False, "automargin": True},
        "legend": {"orientation": "h", "yanchor": "bottom", "y": 1.0, "x": 0},
        "hoverlabel": {"font": {"family": "system-ui, sans-serif"}},
    }
)


def figure() -> go.Figure:
    """An empty figure in this style."""
    return go.Figure(layout={"template": TEMPLATE})
