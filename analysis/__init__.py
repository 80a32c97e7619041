"""From a sweep's Parquet files to numbers: `analysis.load("results/my-sweep").trials`.

Names are looked up at first use, so that importing the package (for its errors, or its schemas)
does not import pandas.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from analysis.errors import ResultsError, StorageError, SweepNotFound
    from analysis.sweep import Sweep, best, load

__all__ = ["ResultsError", "StorageError", "Sweep", "SweepNotFound", "best", "load"]

_HOME = {
    "ResultsError": "analysis.errors",
    "StorageError": "analysis.errors",
    "Sweep": "analysis.sweep",
    "SweepNotFound": "analysis.errors",
    "best": "analysis.sweep",
    "load": "analysis.sweep",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)
