"""Figures for a column of text: small multiples in rows of three, and titles that do not collide.

A title that stands beside its axis is as long as the axis at most. Here it stands above the plot:
in the page if it is the only one, else above each of the plots.
"""

from __future__ import annotations

import html
import json
import re
import textwrap
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go
from plotly.colors import sample_colorscale
from plotly.io.json import to_json_plotly

from analysis.answers.figure_style import SEQUENTIAL
from analysis.report.thinning import thinned_traces

HEIGHT = 340
"""Pixels of a figure that does not say how high it is."""
ROW = 230
"""Pixels of a row of small multiples."""
ACROSS = 3
"""Plots side by side in a row of small multiples."""

_CHARACTERS = {1: 80, 2: 44, 3: 27}
"""Characters of a line above a plot, by the number of plots side by side."""
_LINE = 16
_PLOT = 250  # pixels of a plot's own height, about
_TAG = re.compile(r"<(?!/?(?:br|b|i|sub|sup|extra)\s*/?>)")
_MANY = 12  # traces: lines that need room


@dataclass(frozen=True)
class Presented:
    """A figure ready for the page."""

    data: list[dict[str, Any]]
    """Its traces, as plotly's JSON."""
    layout: dict[str, Any]
    """Its layout without the template, which the page has once."""
    vertical: str
    """What the vertical axis shows, as text to put above the figure; empty if the figure has it."""
    height: int
    """In pixels."""
    wide: bool
    """Whether it needs more than a narrow screen."""


def presented(figure: go.Figure) -> Presented:
    """Rearrange a figure for a report."""
    plain = figure.to_plotly_json()
    plain["data"] = thinned_traces(plain["data"])
    plain = _literal(json.loads(to_json_plotly(plain)))
    data, layout = plain["data"], plain["layout"]
    for name in ("template", "width", "autosize"):
        layout.pop(name, None)
    columns = _in_rows(layout, _names(layout, "xaxis"), _names(layout, "yaxis"))
    height = int(layout.pop("height", HEIGHT))
    _recolor_lines(data)
    for trace in data:
        _recolor(trace, bar=columns == 1)
        if trace["type"] == "scatter":
            trace["cliponaxis"] = False
    vertical = _titles_above(layout, columns)
    if any(trace.get("orientation") == "h" for trace in data):
        vertical = ""  # names of things need no title
    wide = columns > 1 or len(data) > _MANY
    return Presented(data, layout, vertical, height, wide)


def _literal(value: Any) -> Any:
    """Text with no tags but plotly's few harmless ones: Optuna's labels are not escaped."""
    if isinstance(value, str):
        return _TAG.sub("&lt;", value)
    if isinstance(value, list):
        return [_literal(each) for each in value]
    if isinstance(value, dict):
        return {name: _literal(each) for name, each in value.items()}
    return value


def _names(layout: dict[str, Any], axis: str) -> list[str]:
    found = [name for name in layout if re.fullmatch(rf"{axis}\d*", name)]
    return sorted(found, key=lambda name: int(name.removeprefix(axis) or 1))


def _in_rows(layout: dict[str, Any], across: list[str], upright: list[str]) -> int:
    """Break one long row of plots into rows; say how many plots stand side by side then."""
    if len(across) <= ACROSS or len(across) != len(upright):
        return max(1, len(across))
    rows = -(-len(across) // ACROSS)
    layout["height"] = rows * ROW
    gap = 70 / layout["height"]
    width, height = (1 - 0.05 * (ACROSS - 1)) / ACROSS, (1 - gap * (rows - 1)) / rows
    for number, (x, y) in enumerate(zip(across, upright, strict=True)):
        row, column = divmod(number, ACROSS)
        left, top = column * (width + 0.05), 1 - row * (height + gap)
        layout[x]["domain"] = [left, left + width]
        layout[y]["domain"] = [max(0.0, top - height), top]
        layout[y]["showticklabels"] = column == 0
    return ACROSS


def _recolor_lines(data: list[dict[str, Any]]) -> None:
    """Recolor Optuna's parallel coordinates, by the composite that each trial's line begins at."""
    if not any(trace.get("marker", {}).get("showscale") and _is_empty(trace) for trace in data):
        return
    for trace in data:
        if trace.get("mode") == "lines":
            height = min(max(trace["y"][0], 0.0), 1.0)
            [color] = sample_colorscale([[*stop] for stop in SEQUENTIAL], [height])
            trace["line"]["color"] = color


def _is_empty(trace: dict[str, Any]) -> bool:
    return isinstance(trace.get("x"), list) and all(value is None for value in trace["x"])


def _recolor(trace: dict[str, Any], bar: bool) -> None:
    """Set color scales that are legible on dark ground, too; show their bar if there is room."""
    scale = [[*stop] for stop in SEQUENTIAL]
    for part in (trace, trace.get("marker", {}), trace.get("line", {})):
        if "colorscale" not in part:
            continue
        part.update(colorscale=scale, reversescale=False)
        part["showscale"] = bar and part.get("showscale", True)
        part["colorbar"] = {**part.get("colorbar", {}), "thickness": 10, "outlinewidth": 0}


def _titles_above(layout: dict[str, Any], columns: int) -> str:
    titles = {name: _pop_title(layout[name]) for name in _names(layout, "yaxis")}
    titles = {name: text for name, text in titles.items() if text}
    if len(titles) <= 1:
        return next(iter(titles.values()), "")
    lines = {
        name: textwrap.wrap(text, _CHARACTERS[min(columns, 3)]) for name, text in titles.items()
    }
    for name, wrapped in lines.items():
        layout.setdefault("annotations", []).append(_above(layout, name, wrapped))
    most = max(map(len, lines.values())) * _LINE
    layout.setdefault("legend", {})["y"] = 1 + (most + 8) / _PLOT
    layout.setdefault("margin", {})["t"] = most + 34
    return ""


def _pop_title(axis: dict[str, Any]) -> str:
    text = (axis.pop("title", None) or {}).get("text") or ""
    return html.unescape(re.sub(r"<br\s*/?>", " ", text))


def _above(layout: dict[str, Any], name: str, lines: list[str]) -> dict[str, Any]:
    axis = layout[name]
    beside = layout["xaxis" + str(axis.get("anchor", "x")).removeprefix("x")]
    return {
        "text": "<br>".join(html.escape(line, quote=False) for line in lines),
        "x": beside.get("domain", [0, 1])[0],
        "y": axis.get("domain", [0, 1])[1],
        "xref": "paper",
        "yref": "paper",
        "xanchor": "left",
        "yanchor": "bottom",
        "align": "left",
        "showarrow": False,
    }
