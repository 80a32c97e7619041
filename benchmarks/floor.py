"""Rows floor and scale: what a trial costs beside Ray Tune, when its states are stored."""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks.rows import Row
from benchmarks.sweeps import config_of, fit_seconds, only_reporting, run, work_of

TRIALS = 1000


def measure() -> list[Row]:
    """A sweep on a warm store against the same sweep of trials that only report."""
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        config = config_of({"search.trials": TRIALS, "cache.dir": root / "cache"})
        cold = run(config, root / "cold")
        warm = run(config, root / "warm")
        with only_reporting(config):
            bare = run(config, root / "bare")
        work = work_of(warm)
    seconds = {
        name: fit_seconds(each) for name, each in (("cold", cold), ("warm", warm), ("bare", bare))
    }
    return [
        Row(
            row="floor",
            ratio=seconds["warm"] / seconds["bare"],
            target=1.5,
            better="less",
            unit="fit() time, warm store / reports only",
            note=(
                f"{TRIALS} trials, TPE and ASHA: reports only {seconds['bare']:.1f} s, warm store "
                f"{seconds['warm']:.1f} s, cold store {seconds['cold']:.1f} s "
                f"(cold ratio {seconds['cold'] / seconds['bare']:.2f})"
            ),
            work=work,
        )
    ]
