"""What the tests of analysis share: one real sweep."""

from __future__ import annotations

from pathlib import Path

import pytest
from filelock import FileLock

import analysis
from tests.search.sweeps import overrides, ratchet


@pytest.fixture(scope="session")
def real_sweep(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> analysis.Sweep:
    """Three baselines and twelve search trials under ASHA, one after the other, three audited.

    It is run once for all processes that run tests side by side.
    """
    folder = tmp_path_factory.getbasetemp()
    if hasattr(request.config, "workerinput"):
        folder = folder.parent
    with FileLock(folder / "real.lock"):
        if not (folder / "real.done").exists():
            run_sweep(folder)
            (folder / "real.done").touch()
    return analysis.load(folder / "real")


def run_sweep(folder: Path) -> None:
    """Run it as a user would, with a store of its own."""
    settings = {
        "search.trials": 12,
        "search.audit": 3,
        "search.sampler": "random",
        "search.seed": 1,
        "values.steps": 20,
        "composite_weights": "[1, 2, 4]",
        "cache.dir": str(folder / "real-cache"),
    }
    done = ratchet("run", *overrides(settings), "--results", str(folder), "--name", "real")
    assert done.returncode == 0, done.stderr
