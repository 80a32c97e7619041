"""From a sweep's Parquet files to numbers: `analysis.load("results/my-sweep").trials`.

Names are looked up at first use, so that importing the package (for its errors, or its schemas)
does not import pandas.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from analysis.answers.comparison import compare, compare_sweeps
    from analysis.answers.parameters import contour, importance, parallel_coordinates, slices
    from analysis.answers.tradeoff import tradeoff
    from analysis.errors import ResultsError, StorageError, SweepNotFound
    from analysis.intervals import (
        Interval,
        difference_interval,
        mean_interval,
        selected_interval,
    )
    from analysis.sweep import Sweep, best, load

__all__ = [
    "Interval",
    "ResultsError",
    "StorageError",
    "Sweep",
    "SweepNotFound",
    "best",
    "compare",
    "compare_sweeps",
    "contour",
    "difference_interval",
    "importance",
    "load",
    "mean_interval",
    "parallel_coordinates",
    "selected_interval",
    "slices",
    "tradeoff",
]

_HOME = {
    "Interval": "analysis.intervals",
    "ResultsError": "analysis.errors",
    "StorageError": "analysis.errors",
    "Sweep": "analysis.sweep",
    "SweepNotFound": "analysis.errors",
    "best": "analysis.sweep",
    "compare": "analysis.answers.comparison",
    "compare_sweeps": "analysis.answers.comparison",
    "contour": "analysis.answers.parameters",
    "difference_interval": "analysis.intervals",
    "importance": "analysis.answers.parameters",
    "load": "analysis.sweep",
    "mean_interval": "analysis.intervals",
    "parallel_coordinates": "analysis.answers.parameters",
    "selected_interval": "analysis.intervals",
    "slices": "analysis.answers.parameters",
    "tradeoff": "analysis.answers.tradeoff",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)
