"""Sweeps that the benchmark runs, and what their tables say about time."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pandas as pd

import analysis
import search.tune.executor
from benchmarks.reports_only import REPORTS_FILE, ReportsOnly
from benchmarks.rows import Work
from greedy_core.walk.greedy import GreedyRun
from search.config.arguments import resolved_config
from search.config.settings import SweepConfig
from search.session.run import run_sweep
from search.sweep.history import SearchHistory
from search.sweep.sweep_rungs import trial_rungs
from search.worker.reports import WalkReports
from search.worker.walk_context import WalkContext


def config_of(settings: Mapping[str, Any]) -> SweepConfig:
    """A `core` sweep's configuration, as `ratchet run` resolves it."""
    return resolved_config(None, [f"{key}={value}" for key, value in settings.items()])


def run(config: SweepConfig, folder: Path) -> pd.DataFrame:
    """Run a sweep; its trials in the order of their ends, with the column `end` in seconds."""
    run_sweep(config, folder)
    trials = analysis.load(folder).trials
    started = trials["started"].astype("int64") / 10 ** _digits(trials["started"])
    trials["begin"] = started - started.min()
    trials["end"] = trials["begin"] + trials["seconds"]
    return trials.sort_values("end").reset_index(drop=True)


def fit_seconds(trials: pd.DataFrame) -> float:
    """From the first trial's start to the last one's end: preparation and Ray's start are out."""
    return float(trials["end"].max())


def marginal_ms(trials: pd.DataFrame, first: int, last: int) -> float:
    """Milliseconds per trial between two positions in the order of ends."""
    ends = trials["end"]
    return 1000 * float(ends[last - 1] - ends[first - 1]) / (last - first)


def work_of(trials: pd.DataFrame) -> Work:
    """What a sweep has computed and read."""
    return Work(
        trials=len(trials),
        distinct_states=int(trials["states_computed"].sum()),
        states_read=int(trials["states_read"].sum()),
    )


@contextmanager
def only_reporting(config: SweepConfig, walks: int = 100) -> Iterator[None]:
    """Inside, trials make the reports of real walks and do nothing else.

    The reports are those of `walks` random settings, walked here; whoever runs gets one of them.
    """
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(_walked(config, walks), file)
        file.flush()
        os.environ[REPORTS_FILE] = file.name
        try:
            with patch.object(search.tune.executor, "GreedyEditTrainable", ReportsOnly):
                yield
        finally:
            del os.environ[REPORTS_FILE]


def _walked(config: SweepConfig, walks: int) -> list[list[dict[str, Any]]]:
    """Report after report of random settings of the sweep's space."""
    context = WalkContext.alone(config.edit, config.cache)
    history = SearchHistory(config.search_space().distributions, "random", seed=0)
    told: list[list[dict[str, Any]]] = []
    for index in range(walks):
        trial = config.with_values(history.ask(index))
        scores, settings = context.open(trial.edit)
        walk = GreedyRun(scores, settings)
        told.append([])
        reports = WalkReports(walk)
        for rung in (*trial_rungs(trial), trial.edit.edits):
            while walk.edits < rung:
                walk.step()
            evaluation = walk.evaluate()
            told[-1].append(reports.report(evaluation, evaluation))
    return told


def _digits(times: pd.Series) -> int:
    """Decimal digits of a second in a time column's integers."""
    return {"s": 0, "ms": 3, "us": 6, "ns": 9}[times.dt.unit]
