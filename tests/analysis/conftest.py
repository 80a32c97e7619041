"""What the tests of analysis share: one real sweep."""

from __future__ import annotations

import pytest

import analysis
from tests.search.sweeps import overrides, ratchet


@pytest.fixture(scope="session")
def real_sweep(tmp_path_factory: pytest.TempPathFactory) -> analysis.Sweep:
    """Three baselines and twelve search trials under ASHA, one after the other, three audited."""
    folder = tmp_path_factory.mktemp("real")
    settings = {
        "search.trials": 12,
        "search.audit": 3,
        "search.sampler": "random",
        "search.seed": 1,
        "values.steps": 20,
        "composite_weights": "[1, 2, 4]",
        "cache.dir": str(folder / "cache"),
    }
    done = ratchet("run", *overrides(settings), "--results", str(folder), "--name", "real")
    assert done.returncode == 0, done.stderr
    return analysis.load(folder / "real")
