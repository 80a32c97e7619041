"""States and regret, in the order in which trials ended."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

import analysis
from tests.analysis.answers.tables import after, sweep_of, trial


def test_states_add_up_in_the_order_of_ending(tmp_path: Path) -> None:
    rows = [
        trial(0, "baseline_full", started=after(0), seconds=9, states_computed=5, states_read=0),
        trial(3, started=after(1), seconds=2, states_computed=3, states_read=1),
        trial(4, status="failed", started=after(1), seconds=1),
        trial(5, status="pruned", started=after(4), seconds=1, states_computed=0, states_read=1),
    ]
    numbers = analysis.states(sweep_of(tmp_path, rows)).numbers
    assert numbers[["ended", "trial", "elapsed"]].values.tolist() == [
        [1, 3, 3.0],
        [2, 5, 5.0],
        [3, 0, 9.0],
    ]
    assert [*numbers["computed_so_far"]] == [3, 3, 8]
    assert [*numbers["visited_so_far"]] == [4, 5, 10]
    assert [*numbers["share_computed"]] == [3 / 4, 3 / 5, 8 / 10]


def test_trials_that_visited_nothing_have_no_share(tmp_path: Path) -> None:
    sweep = sweep_of(tmp_path, [trial(3, states_computed=0, states_read=0)])
    assert analysis.states(sweep).numbers["share_computed"].isna().all()


def test_all_states_of_a_real_sweep_are_its_steps(real_sweep: analysis.Sweep) -> None:
    last = analysis.states(real_sweep).numbers.iloc[-1]
    assert last["visited_so_far"] == len(real_sweep.steps)
    assert last["computed_so_far"] == (~real_sweep.steps["from_store"]).sum()


def test_regret_is_what_the_best_so_far_lacks(tmp_path: Path) -> None:
    rows = [
        trial(0, "baseline_full", started=after(0), composite=0.99),
        trial(3, started=after(10), seconds=5, composite=0.75),
        trial(4, started=after(10), seconds=1, status="pruned", composite=0.95),
        trial(5, started=after(10), seconds=3, composite=0.5),
        trial(6, started=after(16), seconds=1, composite=0.625),
        trial(7, started=after(16), seconds=4, composite=0.875),
        trial(8, started=after(20), seconds=4, composite=None),
    ]
    numbers = analysis.regret(sweep_of(tmp_path, rows)).numbers
    assert [*numbers["trial"]] == [4, 5, 3, 6, 7, 8]
    assert [*numbers["ended"]] == [1, 2, 3, 4, 5, 6]
    assert [*numbers["elapsed"]] == [1, 3, 5, 7, 10, 14]
    assert pd.isna(numbers.loc[0, ["composite", "best_so_far", "regret"]]).all()
    assert [*numbers["best_so_far"][1:]] == [0.5, 0.75, 0.75, 0.875, 0.875]
    assert [*numbers["regret"][1:]] == [0.375, 0.125, 0.125, 0.0, 0.0]


def test_regret_ends_at_the_best(real_sweep: analysis.Sweep) -> None:
    numbers = analysis.regret(real_sweep).numbers
    best = analysis.best(real_sweep.trials.query("role == 'search'"))
    assert best is not None
    assert numbers["best_so_far"].iloc[-1] == best["composite"]
    assert numbers["regret"].iloc[-1] == 0
    assert numbers["elapsed"].iloc[-1] == pytest.approx(_span(real_sweep))


def _span(sweep: analysis.Sweep) -> float:
    searched = sweep.trials.query("role == 'search'")
    ends = searched["started"] + pd.to_timedelta(searched["seconds"], unit="s")
    return (ends.max() - searched["started"].min()).total_seconds()
