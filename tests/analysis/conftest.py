"""What the tests of analysis share: one real sweep."""

from __future__ import annotations

from pathlib import Path

import pytest

import analysis
from tests.made_once import made_once
from tests.search.sweeps import overrides, ratchet


@pytest.fixture(scope="session")
def real_sweep(tmp_path_factory: pytest.TempPathFactory) -> analysis.Sweep:
    """Three baselines and twelve search trials under ASHA, one after the other, three audited."""
    return analysis.load(made_once(tmp_path_factory, "real", run_sweep) / "sweep")


def run_sweep(folder: Path) -> None:
    """Run it as a user would, with a store of its own."""
    settings = {
        "search.trials": 12,
        "search.audit": 3,
        "search.sampler": "random",
        "search.seed": 1,
        "values.steps": 20,
        "composite_weights": "[1, 2, 4]",
        "cache.dir": str(folder / "cache"),
    }
    done = ratchet("run", *overrides(settings), "--results", str(folder), "--in-process")
    assert done.returncode == 0, done.stderr
