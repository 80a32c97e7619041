"""From a sweep's Parquet files to numbers: `ratchet.load("results/my-sweep").trials`.

Nothing here runs a trial or changes a sweep. Names are looked up at first use, so that importing
the package (for its errors, or its schemas) does not import pandas.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from analysis.answers.comparison import compare, compare_sweeps
    from analysis.answers.confirming import confirmed_leads
    from analysis.answers.cost import regret, states
    from analysis.answers.edits import learning_curve, retention
    from analysis.answers.importance import importance
    from analysis.answers.parameters import contour, parallel_coordinates, slices
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
    from analysis.report.conclusion import conclude
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
    "conclude",
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
    "Interval": "judging.intervals",
    "ResultsError": "errors",
    "StorageError": "errors",
    "Sweep": "tables.sweep",
    "SweepNotFound": "errors",
    "accept_rate_by_setting": "answers.steps",
    "accept_rate_by_step": "answers.steps",
    "best": "tables.sweep",
    "best_against_baselines": "answers.standing",
    "compare": "answers.comparison",
    "compare_sweeps": "answers.comparison",
    "conclude": "report.conclusion",
    "confirmed_leads": "answers.confirming",
    "contour": "answers.parameters",
    "cost_of_stopping": "answers.stopping",
    "difference_interval": "judging.intervals",
    "final_fractions": "answers.steps",
    "importance": "answers.importance",
    "improvement_per_step": "answers.steps",
    "learning_curve": "answers.edits",
    "load": "tables.sweep",
    "mean_interval": "judging.intervals",
    "parallel_coordinates": "answers.parameters",
    "probing": "answers.probing",
    "reasons": "answers.steps",
    "regret": "answers.cost",
    "retention": "answers.edits",
    "selected_interval": "judging.intervals",
    "slices": "answers.parameters",
    "states": "answers.cost",
    "stopped": "answers.stopping",
    "tradeoff": "answers.tradeoff",
    "trust": "answers.trust",
    "write_report": "report.writing",
}


if not TYPE_CHECKING:  # which would take any name for one of these

    def __getattr__(name: str) -> Any:
        if name not in _HOME:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return __all__
