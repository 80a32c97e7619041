"""Same seed, same sweep: however many workers there are, and whether states are stored or not."""

from __future__ import annotations

import pandas as pd
import pytest

import analysis
from tests.search.sweeps import sweep

pytestmark = pytest.mark.usefixtures("ray_here")

FREE = {"search.scheduler": "none", "search.sampler": "random", "search.trials": 4}
DIFFERENT = {"states_computed", "states_read", "worker", "started", "seconds", "from_store"}
MACHINERY = ("config/search.concurrency", "config/cache.")


@pytest.fixture(scope="module")
def two_sweeps(tmp_path_factory: pytest.TempPathFactory) -> tuple[analysis.Sweep, analysis.Sweep]:
    """Two workers that share a store, and one that stores nothing."""
    folder = tmp_path_factory.mktemp("sameness")
    stored = {"search.concurrency": 2, "cache.dir": folder / "cache"}
    sweep(folder / "two", {**FREE, **stored})
    sweep(folder / "one", {**FREE, "search.concurrency": 1, "cache.enabled": "false"})
    return analysis.load(folder / "two"), analysis.load(folder / "one")


def results(table: pd.DataFrame, order: list[str]) -> pd.DataFrame:
    kept = [c for c in table if c not in DIFFERENT and not str(c).startswith(MACHINERY)]
    return table[kept].sort_values(order).reset_index(drop=True)


@pytest.mark.parametrize(
    ("table", "order"),
    [
        ("proposals", ["trial"]),
        ("trials", ["trial"]),
        ("steps", ["trial", "batch", "layer", "step"]),
        ("records", ["trial", "edits_done", "case_id"]),
    ],
)
def test_all_results_are_equal_to_the_last_bit(
    two_sweeps: tuple[analysis.Sweep, analysis.Sweep], table: str, order: list[str]
) -> None:
    two, one = (results(getattr(each, table), order) for each in two_sweeps)
    pd.testing.assert_frame_equal(two, one, check_exact=True)


def test_without_a_scheduler_everything_runs_to_the_end(
    two_sweeps: tuple[analysis.Sweep, analysis.Sweep],
) -> None:
    for each in two_sweeps:
        assert each.trials["status"].tolist() == ["completed"] * 7


def test_without_a_store_nothing_is_read_from_other_trials(
    two_sweeps: tuple[analysis.Sweep, analysis.Sweep],
) -> None:
    two, one = two_sweeps
    assert two.trials["states_read"].sum() > one.trials["states_read"].sum()
