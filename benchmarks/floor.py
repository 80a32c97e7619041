"""Rows floor and scale: what a trial costs beside Ray Tune, when its states are stored."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pandas as pd

from benchmarks.rows import Row
from benchmarks.sweeps import config_of, fit_seconds, marginal_ms, only_reporting, run, work_of

TRIALS = 1000
MANY = 5000
EARLY = (201, 400)
LATE = (4801, 5000)
"""Positions in the order of ends between which a trial's cost is taken."""


def measure() -> list[Row]:
    """Sweeps on a warm store against the same sweeps of trials that only report."""
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        return [_floor(root), _scale(root)]


def _floor(root: Path) -> Row:
    config = config_of({"search.trials": TRIALS, "cache.dir": root / "cache"})
    trials = {name: run(config, root / name) for name in ("cold", "warm")}
    with only_reporting(config):
        trials["bare"] = run(config, root / "bare")
    seconds = {name: fit_seconds(each) for name, each in trials.items()}
    return Row(
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
        work=work_of(trials["warm"]),
    )


def _scale(root: Path) -> Row:
    """Whether the 5,000th trial costs what the 300th did."""
    config = config_of({"search.trials": MANY, "cache.dir": root / "cache"})
    ours = run(config, root / "many")
    with only_reporting(config):
        bare = run(config, root / "many-bare")
    growth = _growth(ours) / _growth(bare)
    told = ", ".join(
        f"{name} {marginal_ms(each, *EARLY):.1f} ms then {marginal_ms(each, *LATE):.1f} ms"
        for name, each in (("ours", ours), ("reports only", bare))
    )
    return Row(
        row="scale",
        ratio=growth,
        target=1.3,
        better="less",
        unit="growth of a trial's cost, ours / reports only",
        note=f"{MANY} trials, TPE and ASHA; a trial among {EARLY} and among {LATE}: {told}",
        work=work_of(ours),
    )


def _growth(trials: pd.DataFrame) -> float:
    return marginal_ms(trials, *LATE) / marginal_ms(trials, *EARLY)
