"""Learning curves are the search's own composites; retention follows each batch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

import analysis
from analysis.answers.answer import Answer
from tests.analysis.answers.tables import record, sweep_of, trial


def test_the_composites_are_exactly_the_rungs_and_the_final_value(
    real_sweep: analysis.Sweep,
) -> None:
    trials = real_sweep.trials.set_index("trial")
    curve = analysis.learning_curve(real_sweep, trials=[*trials.index]).numbers
    found = {(row.trial, row.edits_done): row.composite for row in curve.itertuples()}
    rungs = [int(name.removeprefix("rung_")) for name in trials if name.startswith("rung_")]
    assert len({*found.values()}) > 3
    for number, row in trials.iterrows():
        assert found.pop((number, row["edits"])) == row["composite"]
        for rung in rungs:
            if rung < row["edits"]:
                assert found.pop((number, rung)) == row[f"rung_{rung}"]
    assert found == {}
    last = curve.drop_duplicates("trial", keep="last").set_index("trial")
    pd.testing.assert_frame_equal(last[["es", "ps", "ns"]], trials[["es", "ps", "ns"]])


@pytest.mark.parametrize(
    "weights, records, expected",
    [
        ("[1.0, 1.0, 1.0]", [(1.0, 0.5, 0.0), (0.0, 0.5, 0.5)], (0.5, 0.5, 0.25, 1.25 / 3)),
        ("[1, 2, 5]", [(1.0, 0.5, 0.0), (0.0, 0.5, 0.5)], (0.5, 0.5, 0.25, 2.75 / 8)),
        ("[1.0, 1.0, 1.0]", [(1.0, None, 0.0), (0.0, 1.0, None)], (0.5, 1.0, 0.0, 0.5)),
        ("[1, 1, 2]", [(1.0, None, 0.25), (0.5, None, 0.75)], (0.75, None, 0.5, 1.75 / 3)),
        ("[0, 1, 0]", [(1.0, None, 0.25)], (1.0, None, 0.25, None)),
        ("[1.0, 1.0, 1.0]", [(None, None, None)], (None, None, None, None)),
    ],
)
def test_records_without_prompts_of_a_kind_leave_its_mean(
    tmp_path: Path,
    weights: str,
    records: list[tuple[float | None, ...]],
    expected: tuple[float | None, ...],
) -> None:
    sweep = sweep_of(
        tmp_path,
        [trial(3, **{"config/composite_weights": weights})],
        records=[record(3, n, 0, 2, *values) for n, values in enumerate(records)],
    )
    numbers = analysis.learning_curve(sweep, [3]).numbers
    found = numbers.loc[0, ["es", "ps", "ns", "composite"]].tolist()
    assert found == pytest.approx(
        [float("nan") if each is None else each for each in expected], nan_ok=True
    )
    assert numbers["records"].tolist() == [len(records)]


def test_the_best_search_trial_comes_first_then_the_baselines(real_sweep: analysis.Sweep) -> None:
    best = analysis.best(real_sweep.trials.query("role == 'search'"))
    assert best is not None
    for question in (analysis.learning_curve, analysis.retention):
        numbers = question(real_sweep).numbers
        assert [*numbers["trial"].unique()] == [best["trial"], 0, 1, 2]


@pytest.mark.parametrize("question", [analysis.learning_curve, analysis.retention])
def test_a_trial_that_has_not_ended_is_named(
    real_sweep: analysis.Sweep, question: Callable[..., Answer]
) -> None:
    with pytest.raises(analysis.ResultsError, match="no trial 98, 99 has ended"):
        question(real_sweep, [3, 98, 99])


@pytest.mark.parametrize("weights", ["[1, 1]", "[a, b, c]", None])
def test_weights_that_are_none_are_named(tmp_path: Path, weights: str | None) -> None:
    sweep = sweep_of(
        tmp_path,
        [trial(3, **{"config/composite_weights": weights})],
        records=[record(3, 0, 0, 2, 1.0, 1.0, 1.0)],
    )
    with pytest.raises(analysis.ResultsError, match=r"composite_weights .* are not three numbers"):
        analysis.learning_curve(sweep, [3])


def test_a_batch_is_followed_from_its_own_edit_on(tmp_path: Path) -> None:
    sweep = sweep_of(
        tmp_path,
        [trial(3, composite=0.5, edits=3, **{"config/edits": 3})],
        records=[
            record(3, 7, 0, 2, 1.0, 1.0, None),
            record(3, 8, 0, 2, 0.0, 1.0, None),
            record(3, 7, 0, 3, 0.0, 0.5, None),
            record(3, 8, 0, 3, 0.0, 1.0, 0.5),
            record(3, 9, 1, 3, 1.0, None, 1.0),
        ],
    )
    numbers = analysis.retention(sweep).numbers
    nan = float("nan")
    expected = [
        [0, 2, 2, 2, 0.5, 1.0, nan],
        [0, 2, 3, 2, 0.0, 0.75, 0.5],
        [1, 3, 3, 1, 1.0, nan, 1.0],  # the last batch has one edit
    ]
    names = ["batch", "edited_at", "edits_done", "records", "es", "ps", "ns"]
    for row, cells in zip(numbers[names].astype(float).values.tolist(), expected, strict=True):
        assert row == pytest.approx(cells, nan_ok=True)


def test_when_rungs_count_steps_the_last_report_counts_and_unedited_batches_do_not(
    tmp_path: Path,
) -> None:
    sweep = sweep_of(
        tmp_path,
        [trial(3, composite=0.5, edits=4, **{"config/search.resource": "steps"})],
        records=[
            record(3, 7, 0, 0, 0.0, 0.0, 1.0),
            record(3, 7, 0, 0, 1.0, 0.0, 1.0),
            record(3, 9, 1, 2, 0.0, 0.0, 1.0),
            record(3, 7, 0, 2, 1.0, 1.0, 1.0),
        ],
    )
    assert analysis.learning_curve(sweep).numbers["es"].tolist() == [1.0, 0.5]
    kept = analysis.retention(sweep).numbers
    assert kept[["batch", "edits_done", "es"]].values.tolist() == [[0, 2, 1.0]]


def test_the_figure_of_retention_shows_eight_batches_of_the_first_trial(tmp_path: Path) -> None:
    sweep = sweep_of(
        tmp_path,
        [trial(3, composite=0.5, edits=40)],
        records=[record(3, n, n // 2, 40, 1.0, 1.0, 1.0) for n in range(40)],
    )
    numbers, figure = analysis.retention(sweep)
    assert len(numbers) == 20
    names = [trace.name for trace in figure.data if trace.showlegend]
    assert names == [f"batch {n}" for n in (0, 3, 5, 8, 11, 14, 16, 19)]
