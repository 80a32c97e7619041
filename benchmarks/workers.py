"""Row workers: one worker against two, where every trial has much to compute."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from benchmarks.models import save_gpt2_124m
from benchmarks.rows import Row
from benchmarks.sweeps import config_of, run, work_of

TRIALS = 5


def measure() -> list[Row]:
    """The same trials on one worker and on two; nothing is stored, so that all of it is work."""
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        save_gpt2_124m(root / "model")
        seconds, work = {}, None
        for workers in (1, 2):
            config = config_of(
                {
                    "model": root / "model",
                    "edits": 4,
                    "batch_size": 2,
                    "targets": "current",
                    "values.steps": 3,
                    "covariance.tokens": 5000,
                    "search.trials": TRIALS,
                    "search.scheduler": "none",
                    "search.sampler": "random",
                    "search.concurrency": workers,
                    "cache.enabled": "false",
                }
            )
            trials = run(config, root / str(workers))
            # A worker's first trial includes its start; what ends after all have one is work alone.
            started = trials.groupby("worker")["end"].min().max()
            later = trials[trials["end"] > started]
            seconds[workers] = float(later["end"].max() - started) / len(later)
            work = work_of(trials)
    assert work is not None
    cores = os.cpu_count() or 1
    return [
        Row(
            row="workers",
            ratio=seconds[1] / seconds[2],
            target=1.6,
            better="more",
            unit="time, one worker / two",
            note=(
                f"GPT-2-124M shape, targets current, {TRIALS} trials and 3 baselines: "
                f"{seconds[1]:.1f} s / {seconds[2]:.1f} s a trial; {cores} cores, and two workers "
                "beside the driver need three"
            ),
            work=work,
            applies=cores >= 3,
        )
    ]
