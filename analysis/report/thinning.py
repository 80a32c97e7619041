"""Fewer points in large figures: more make a page slow, and no eye tells them apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

MOST_POINTS = 2_000
"""Points of a trace at most; of more, evenly spaced ones are kept, with the first and the last."""
MOST_LINES = 500
"""The same for traces that are a line each, as in parallel coordinates."""

_BY_POINT = ("x", "y", "text", "customdata", "hovertext")


def thinned_traces(traces: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Traces, as plotly's dictionaries with arrays, without excess points and lines.

    Example:
        >>> [trace] = thinned_traces([{"type": "scatter", "x": np.arange(9000)}])
        >>> len(trace["x"])
        2000
    """
    if len(traces) > MOST_LINES:
        traces = [traces[number] for number in evenly(len(traces), MOST_LINES)]
    return [_thinned(trace) if trace["type"] == "scatter" else trace for trace in traces]


def evenly(count: int, most: int) -> list[int]:
    """`most` of `count` places, evenly spaced, the first and the last among them."""
    return [*np.linspace(0, count - 1, most).round().astype(int)]


def _thinned(trace: dict[str, Any]) -> dict[str, Any]:
    count = _length(trace.get("x"))
    if count <= MOST_POINTS:
        return trace
    kept = evenly(count, MOST_POINTS)
    marker = {name: _kept(values, count, kept) for name, values in trace.get("marker", {}).items()}
    points = {name: _kept(trace[name], count, kept) for name in _BY_POINT if name in trace}
    return {**trace, **points, "marker": marker}


def _kept(values: Any, count: int, kept: Sequence[int]) -> Any:
    """The values of the points that are kept; what has no value per point stays as it is."""
    return [values[number] for number in kept] if _length(values) == count else values


def _length(values: Any) -> int:
    return len(values) if isinstance(values, list | tuple | np.ndarray) else 0
