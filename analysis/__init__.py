"""From a sweep's Parquet files to numbers: `analysis.load("results/my-sweep").trials`.

Names are looked up at first use, so that importing the package (for its errors, or its schemas)
does not import pandas.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from analysis.answers.comparison import compare, compare_sweeps
    from analysis.answers.confirming import confirmed_leads
    from analysis.answers.cost import regret, states
    from analysis.answers.edits import learning_curve, retention
    from analysis.answers.parameters import contour, importance, parallel_coordinates, slices
    from analysis.answers.probing import probing
    from analysis.answers.standing import best_against_baselines
    from analysis.answers.steps import (
        accept_rate_by_setting,
        accept_rate_by_step,
        final_fractions,
        improvement_per_step,
        reasons,
    )
    from analysis.answers.stopping import cost_of_stopping, stopped
    from analysis.answers.tradeoff import tradeoff
    from analysis.answers.trust import trust
    from analysis.errors import ResultsError, StorageError, SweepNotFound
    from analysis.judging.intervals import (
        Interval,
        difference_interval,
        mean_interval,
        selected_interval,
    )
    from analysis.report.writing import write_report
    from analysis.tables.sweep import Sweep, best, load

__all__ = [
    "Interval",
    "ResultsError",
    "StorageError",
    "Sweep",
    "SweepNotFound",
    "accept_rate_by_setting",
    "accept_rate_by_step",
    "best",
    "best_against_baselines",
    "compare",
    "compare_sweeps",
    "confirmed_leads",
    "contour",
    "cost_of_stopping",
    "difference_interval",
    "final_fractions",
    "importance",
    "improvement_per_step",
    "learning_curve",
    "load",
    "mean_interval",
    "parallel_coordinates",
    "probing",
    "reasons",
    "regret",
    "retention",
    "selected_interval",
    "slices",
    "states",
    "stopped",
    "tradeoff",
    "trust",
    "write_report",
]

_HOME = {
    "Interval": "analysis.judging.intervals",
    "ResultsError": "analysis.errors",
    "StorageError": "analysis.errors",
    "Sweep": "analysis.tables.sweep",
    "SweepNotFound": "analysis.errors",
    "accept_rate_by_setting": "analysis.answers.steps",
    "accept_rate_by_step": "analysis.answers.steps",
    "best": "analysis.tables.sweep",
    "best_against_baselines": "analysis.answers.standing",
    "compare": "analysis.answers.comparison",
    "compare_sweeps": "analysis.answers.comparison",
    "confirmed_leads": "analysis.answers.confirming",
    "contour": "analysis.answers.parameters",
    "cost_of_stopping": "analysis.answers.stopping",
    "difference_interval": "analysis.judging.intervals",
    "final_fractions": "analysis.answers.steps",
    "importance": "analysis.answers.parameters",
    "improvement_per_step": "analysis.answers.steps",
    "learning_curve": "analysis.answers.edits",
    "load": "analysis.tables.sweep",
    "mean_interval": "analysis.judging.intervals",
    "parallel_coordinates": "analysis.answers.parameters",
    "probing": "analysis.answers.probing",
    "reasons": "analysis.answers.steps",
    "regret": "analysis.answers.cost",
    "retention": "analysis.answers.edits",
    "selected_interval": "analysis.judging.intervals",
    "slices": "analysis.answers.parameters",
    "states": "analysis.answers.cost",
    "stopped": "analysis.answers.stopping",
    "tradeoff": "analysis.answers.tradeoff",
    "trust": "analysis.answers.trust",
    "write_report": "analysis.report.writing",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)
