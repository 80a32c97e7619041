"""Sweeps whose trials walk several edit sequences."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

import analysis
from analysis.answers.comparison import compare
from analysis.answers.edits import learning_curve, retention
from analysis.judging.record_composites import record_composites
from greedy_core.errors import InputError
from search.commands.sweeps import confirm, extend
from search.export.run import export_trial
from search.sweep.sweep_rungs import trial_rungs
from tests.search.sweeps import small_config, sweep

THREE = {
    "edits": 3,
    "batch_size": 2,
    "search.sequences": 3,
    "search.trials": 4,
    "confirm_records": 6,
    "search.space.greedy.steps": "{int: [2, 4]}",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("sequences") / "three"
    sweep(found, {**THREE, "search.seed": 1}, in_process=True)
    return found


@pytest.fixture(scope="module")
def tables(folder: Path) -> analysis.Sweep:
    return analysis.load(folder)


@pytest.mark.parametrize(
    ("changes", "levels"),
    [
        ({}, (3, 6)),  # one sequence, then two
        ({"search.grace": 1}, (2, 5, 8)),  # 1, 2, 4, 8, each at the end of its batch
        ({"search.grace": 2, "search.reduction_factor": 3}, (2, 6)),
        ({"search.resource": "steps", "search.grace": 5, "greedy.steps": 2}, (5, 10)),
        ({"search.sequences": 1}, (2,)),
    ],
)
def test_rungs_are_counted_over_all_sequences(
    changes: dict[str, object], levels: tuple[int, ...]
) -> None:
    given = {**THREE, "search.space": "core", **changes}
    del given["search.space.greedy.steps"]
    assert trial_rungs(small_config(given)) == levels


def test_a_trials_value_is_the_mean_of_its_sequences(tables: analysis.Sweep) -> None:
    for trial, row in tables.completed().set_index("trial").iterrows():
        assert row["edits"] == 9
        records = record_composites(tables, int(str(trial)))
        assert len(records) == 9
        means = records.groupby("sequence")["value"].mean()
        assert [*means.index] == [0, 1, 2]
        assert row["composite"] == pytest.approx(means.mean(), abs=1e-12)
        assert row["rung_3"] == pytest.approx(means[0], abs=1e-12)
        assert row["rung_6"] == pytest.approx(means.iloc[:2].mean(), abs=1e-12)


def test_the_first_sequence_is_what_a_sweep_of_one_walks(
    tables: analysis.Sweep, tmp_path: Path
) -> None:
    sweep(tmp_path / "one", {**THREE, "search.sequences": 1, "search.trials": 1}, in_process=True)
    for table in ("steps", "records"):
        one, three = (getattr(analysis.load(p), table) for p in (tmp_path / "one", tables.path))
        told = [name for name in one if name not in ("seconds", "from_store", "edits_done")]
        sides = [
            rows[(rows["trial"] < 3) & (rows["sequence"] == 0)][told].drop_duplicates()
            for rows in (one, three)
        ]
        pd.testing.assert_frame_equal(*(side.reset_index(drop=True) for side in sides))


def test_trials_have_the_same_walk_where_they_were_in_the_same_states(
    tables: analysis.Sweep,
) -> None:
    completed = tables.completed()
    assert completed["walk"].notna().all()
    assert tables.trials[tables.trials["status"] == "pruned"]["walk"].isna().all()
    kept = tables.steps.query("accepted").groupby("trial")
    places = ["sequence", "batch", "layer", "fraction_after"]
    ends = {n: [*each[places].itertuples(index=False, name=None)] for n, each in kept}
    for _, same in completed.groupby("walk"):
        values = [[*row] for row in same[["composite", "es", "ps", "ns"]].to_numpy()]
        assert all(row == values[0] for row in values)
    by_end = {
        n: tuple(dict(((s, b), f) for s, b, _, f in steps).items()) for n, steps in ends.items()
    }
    for left in completed["trial"]:
        for right in completed["trial"]:
            alike = by_end.get(left) == by_end.get(right)
            walks = completed.set_index("trial")["walk"]
            assert (walks[left] == walks[right]) == alike


def test_steps_say_their_sequence_in_order(tables: analysis.Sweep) -> None:
    for _, steps in tables.steps.groupby("trial"):
        assert steps["sequence"].is_monotonic_increasing
        assert {*steps["sequence"]} <= {0, 1, 2}


def test_asha_stops_trials_after_whole_sequences(tables: analysis.Sweep) -> None:
    stopped = tables.trials[tables.trials["status"] == "pruned"]
    assert {*stopped["edits"]} <= {3, 6}


def test_questions_about_edits_keep_sequences_apart(tables: analysis.Sweep) -> None:
    kept = retention(tables).numbers
    assert kept["edits_done"].max() == 3
    own = kept.query("batch == 0 and edits_done == 3")
    assert {*own["records"]} == {6}  # two of each sequence
    curve = learning_curve(tables).numbers
    assert curve["edits_done"].max() == 9
    beside = compare(tables, [0, 1]).numbers
    assert [*beside["batches"]] == [6]


def test_a_confirmation_edits_none_of_the_searched_records(folder: Path) -> None:
    assert confirm(folder, top=1, sequences=2, in_process=True).failed == 0
    again = analysis.load(folder)
    assert {*again.confirm["status"]} == {"completed"}
    assert not {*again.confirm_records["case_id"]} & {*again.records["case_id"]}


def test_an_export_holds_the_first_sequence(folder: Path, tmp_path: Path) -> None:
    export_trial(folder, "0", "adapter", str(tmp_path / "out"))
    card = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert "mean of 3 sequences" in card
    assert "the edits of the first one" in card


def test_sequences_may_not_change_later(folder: Path) -> None:
    with pytest.raises(InputError, match=r"search\.sequences"):
        extend(folder, 1, {"search.sequences": 2}, in_process=True)
