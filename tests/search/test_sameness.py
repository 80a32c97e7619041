"""Same seed, same sweep: however many workers there are, and whether states are stored or not."""

from __future__ import annotations

import pandas as pd
import pytest

import analysis
from tests.search.sweeps import sweep

FREE = {"search.scheduler": "none", "search.sampler": "random", "search.trials": 4}
DIFFERENT = {"states_computed", "states_read", "worker", "started", "seconds", "from_store"}
MACHINERY = ("config/search.concurrency", "config/cache.")


@pytest.fixture(scope="module")
def sweeps(tmp_path_factory: pytest.TempPathFactory) -> dict[str, analysis.Sweep]:
    """Two workers on a cold store, one on the store that they left, and one that stores nothing."""
    folder = tmp_path_factory.mktemp("sameness")
    stored = {"cache.dir": folder / "cache"}
    kinds = {
        "cold": {**stored, "search.concurrency": 2},
        "warm": {**stored, "search.concurrency": 1},
        "off": {"cache.enabled": "false", "search.concurrency": 1},
    }
    for name, changes in kinds.items():
        sweep(folder / name, {**FREE, **changes}, in_process=True)
    return {name: analysis.load(folder / name) for name in kinds}


def results(table: pd.DataFrame, order: list[str]) -> pd.DataFrame:
    kept = [c for c in table if c not in DIFFERENT and not str(c).startswith(MACHINERY)]
    return table[kept].sort_values(order).reset_index(drop=True)


@pytest.mark.parametrize("other", ["warm", "off"])
@pytest.mark.parametrize(
    ("table", "order"),
    [
        ("proposals", ["trial"]),
        ("trials", ["trial"]),
        ("steps", ["trial", "sequence", "batch", "layer", "step"]),
        ("records", ["trial", "edits_done", "case_id"]),
    ],
)
def test_all_results_are_equal_to_the_last_bit(
    sweeps: dict[str, analysis.Sweep], table: str, order: list[str], other: str
) -> None:
    one, two = (results(getattr(sweeps[name], table), order) for name in ("cold", other))
    pd.testing.assert_frame_equal(one, two, check_exact=True)


def test_without_a_scheduler_everything_runs_to_the_end(
    sweeps: dict[str, analysis.Sweep],
) -> None:
    for each in sweeps.values():
        assert each.trials["status"].tolist() == ["completed"] * 7


def test_what_is_stored_is_read_and_only_that(sweeps: dict[str, analysis.Sweep]) -> None:
    computed = {name: each.trials["states_computed"].sum() for name, each in sweeps.items()}
    assert computed["warm"] == 0
    assert 0 < computed["cold"] < computed["off"]
