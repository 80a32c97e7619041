"""Rows sharing-states and sharing-all: what a sweep saves because its trials share states.

Both run `core` sweeps with scheduler none, whose trials all run to the end.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import analysis
from benchmarks.alone import walk_alone
from benchmarks.rows import Row, Work
from benchmarks.sweeps import config_of, fit_seconds, run

TRIALS = 500
ALONE_TRIALS = 30


def measure() -> list[Row]:
    """The stored sweep against one that stores nothing, and against trials that prepare alone."""
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        settings: dict[str, Any] = {
            "search.trials": TRIALS,
            "search.scheduler": "none",
            "search.sampler": "random",
        }
        stored_config = config_of({**settings, "cache.dir": root / "cache"})
        stored = run(stored_config, root / "stored")
        fresh = run(config_of({**settings, "cache.enabled": "false"}), root / "fresh")
        visited, distinct = _states(root / "stored")
        alone = walk_alone(stored_config, ALONE_TRIALS)
    work = Work(len(stored), distinct, visited - distinct)
    wall = fit_seconds(fresh) / fit_seconds(stored)
    workers = max(int(stored["worker"].nunique()), 1)
    everything = alone / ALONE_TRIALS * len(stored) / workers
    return [
        Row(
            row="sharing-states",
            ratio=wall,
            target=round(0.6 * visited / distinct, 2),
            better="more",
            unit="fit() time, nothing stored / states stored",
            note=(
                f"{TRIALS} trials, targets shared in both: {fit_seconds(fresh):.1f} s / "
                f"{fit_seconds(stored):.1f} s; the target is 0.6 x {visited / distinct:.2f}, "
                f"{visited} states visited to {distinct} distinct ones"
            ),
            work=work,
        ),
        Row(
            row="sharing-all",
            ratio=everything / fit_seconds(stored),
            target=15,
            better="more",
            unit="time, every trial prepares for itself / states stored",
            note=(
                f"a trial that computes its covariance, targets and states itself takes "
                f"{alone / ALONE_TRIALS:.2f} s (mean of {ALONE_TRIALS}), scaled to {len(stored)} "
                f"trials on {workers} workers: {everything:.0f} s / {fit_seconds(stored):.1f} s"
            ),
            work=work,
        ),
    ]


def _states(folder: Path) -> tuple[int, int]:
    """States that walks visited, and distinct ones: paths of fractions through the batches."""
    steps = analysis.load(folder).steps
    visited = 0
    distinct: set[object] = set()
    for _, walk in steps.groupby("trial", sort=False):
        path: tuple[object, ...] = ()
        for _, batch in walk.groupby(["batch", "layer"], sort=True):
            fractions = [0.0, *batch["fraction_proposed"]]
            visited += len(fractions)
            distinct.update((path, len(path), fraction) for fraction in fractions)
            path = (*path, float(batch["fraction_after"].iloc[-1]))
    return visited, len(distinct)
