"""From a sweep's Parquet files to numbers: `analysis.load("results/my-sweep").trials`.

Names are looked up at first use, so that importing the package (for its errors, or its schemas)
does not import pandas.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from analysis.answers.cost import regret, states
    from analysis.answers.edits import learning_curve, retention
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
    from analysis.answers.trust import trust
    from analysis.errors import ResultsError, StorageError, SweepNotFound
    from analysis.sweep import Sweep, best, load

__all__ = [
    "ResultsError",
    "StorageError",
    "Sweep",
    "SweepNotFound",
    "accept_rate_by_setting",
    "accept_rate_by_step",
    "best",
    "best_against_baselines",
    "cost_of_stopping",
    "final_fractions",
    "improvement_per_step",
    "learning_curve",
    "load",
    "probing",
    "reasons",
    "regret",
    "retention",
    "states",
    "stopped",
    "trust",
]

_HOME = {
    "ResultsError": "analysis.errors",
    "StorageError": "analysis.errors",
    "Sweep": "analysis.sweep",
    "SweepNotFound": "analysis.errors",
    "accept_rate_by_setting": "analysis.answers.steps",
    "accept_rate_by_step": "analysis.answers.steps",
    "best": "analysis.sweep",
    "best_against_baselines": "analysis.answers.standing",
    "cost_of_stopping": "analysis.answers.stopping",
    "final_fractions": "analysis.answers.steps",
    "improvement_per_step": "analysis.answers.steps",
    "learning_curve": "analysis.answers.edits",
    "load": "analysis.sweep",
    "probing": "analysis.answers.probing",
    "reasons": "analysis.answers.steps",
    "regret": "analysis.answers.cost",
    "retention": "analysis.answers.edits",
    "states": "analysis.answers.cost",
    "stopped": "analysis.answers.stopping",
    "trust": "analysis.answers.trust",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)
