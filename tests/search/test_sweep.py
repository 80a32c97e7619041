"""One finished sweep, looked at from all sides."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
import yaml

import analysis
from analysis.tables.config_columns import config_types
from analysis.tables.schema import sweep_schemas
from search.results.parts import LocalFolder
from search.results.recovery import FolderState
from search.sweep.earlier import SETTINGS_COLUMNS
from search.sweep.file_reader import read_sweep_file
from search.tune.trainable import GreedyEditTrainable
from tests.search.sweeps import small_config

RUNGS = (2, 4)
BASELINES = ["baseline_full", "baseline_default", "baseline_literal"]


@pytest.mark.parametrize("table", ["proposals", "trials", "steps", "records"])
def test_every_documented_column_is_there_for_a_plain_reader(finished: Path, table: str) -> None:
    columns = sweep_schemas(
        config_types(SETTINGS_COLUMNS), RUNGS, 8, sweep_id="", sweep_name="", facts={}
    )[table].names
    assert sorted(pd.read_parquet(finished / table).columns) == sorted(columns)


def test_one_row_for_each_baseline_and_each_search_trial(tables: analysis.Sweep) -> None:
    trials = tables.trials
    assert trials["role"].tolist() == [*BASELINES, *["search"] * 6]
    assert trials["trial"].tolist() == list(range(9))
    assert tables.proposals["trial"].tolist() == list(range(9))
    assert set(trials["status"]) <= {"completed", "pruned"}
    assert (trials["generation"] == 0).all()
    assert (trials["attempt"] == 0).all()


def test_baselines_run_to_the_end_and_so_does_the_audited_trial(tables: analysis.Sweep) -> None:
    trials = tables.trials
    assert (trials["status"][:3] == "completed").all()
    assert (trials["edits"][trials["status"] == "completed"] == 8).all()
    assert (trials["edits"][trials["status"] == "pruned"] < 8).all()


def test_values_are_shares_and_belong_together(tables: analysis.Sweep) -> None:
    trials = tables.trials
    shares = ["composite", "es", "ps", "ns", "score", "probe_composite", "accept_rate"]
    shares += [f"{name}_unedited" for name in ("composite", "es", "ps", "ns")]
    for name in shares:
        assert trials[name].between(0, 1).all(), name
    mean = trials[["es", "ps", "ns"]].mean(axis=1)
    pd.testing.assert_series_equal(trials["composite"], mean, check_names=False)
    assert (trials["probe_prompts"] > 0).all()
    assert (trials["states_computed"] + trials["states_read"] == trials["steps"]).all()
    assert trials["error"].isna().all()
    assert trials["worker"].str.fullmatch(r".+:\d+").all()
    assert (trials["seconds"] > 0).all()
    assert (trials["started"] <= pd.Timestamp.now(tz="UTC")).all()


def test_composite_over_all_prompts_stands_where_a_trial_was_completed(
    tables: analysis.Sweep,
) -> None:
    trials = tables.trials
    assert (trials["composite_all"].notna() == (trials["status"] == "completed")).all()


def test_rungs_hold_the_composite_at_each_rung_that_was_reached(tables: analysis.Sweep) -> None:
    trials = tables.trials
    for edits in RUNGS:
        assert (trials[f"rung_{edits}"].notna() == (trials["edits"] >= edits)).all()
        stopped_here = trials[(trials["status"] == "pruned") & (trials["edits"] == edits)]
        assert (stopped_here[f"rung_{edits}"] == stopped_here["composite"]).all()


def test_rates_are_those_of_the_steps(tables: analysis.Sweep) -> None:
    trials = tables.trials.set_index("trial")
    steps = tables.steps.groupby("trial")
    assert (trials["steps"] == steps.size()).all()
    assert (trials["accept_rate"] == steps["accepted"].mean()).all()
    by_position = tables.steps.groupby(["trial", "step"])["accepted"].mean().unstack()
    for k in range(8):
        told = trials[f"accept_rate_step_{k}"].astype(float)
        pd.testing.assert_series_equal(told, by_position[k].astype(float), check_names=False)


def test_steps_tell_the_walk(tables: analysis.Sweep) -> None:
    steps = tables.steps
    assert (steps["fraction_after"] == steps["fraction_before"])[~steps["accepted"]].all()
    assert (steps["fraction_after"] == steps["fraction_proposed"])[steps["accepted"]].all()
    difference = steps["composite_after"] - steps["composite_before"]
    assert (steps["improvement"] - difference).abs().max() < 1e-12
    for _, walk in steps.groupby(["trial", "batch", "layer"], sort=False):
        assert walk["step"].tolist() == list(range(len(walk)))
        assert walk["fraction_before"].tolist() == [0, *walk["fraction_after"][:-1]]
    literal = steps[steps["trial"] == 2]
    assert set(literal["reason"]) <= {"improved", "no_improvement", "patience_exhausted"}
    assert set(steps[steps["trial"] == 0]["reason"]) == {"always"}


def test_records_stand_there_for_every_report(tables: analysis.Sweep) -> None:
    for trial, edits in zip(tables.trials["trial"], tables.trials["edits"], strict=True):
        reports = [rung for rung in (*RUNGS, 8) if rung <= edits]
        records = tables.records[tables.records["trial"] == trial]
        assert records["edits_done"].value_counts().to_dict() == {n: n for n in reports}
        at_end = records[records["edits_done"] == edits]
        row = tables.trials.set_index("trial").loc[trial]
        for name in ("es", "ps", "ns"):
            assert at_end[name].mean() == pytest.approx(row[name])


def test_config_columns_say_what_ran(tables: analysis.Sweep) -> None:
    trials = tables.trials
    assert (trials["config/edits"] == 8).all()
    assert trials["config/greedy.steps"].tolist()[:3] == [1, 8, 4]
    assert trials["config/greedy.min_improvement"][3:].is_unique
    assert trials["config/mu"].notna().all(), "presets of the model are filled in"
    assert (trials["config/layers"].str.fullmatch(r"\[\d\]")).all(), "lists are text"


def test_sweep_file_is_resolved_and_readable(finished: Path) -> None:
    content = yaml.safe_load((finished / "sweep.yaml").read_text())
    assert content["config"]["search"]["space"]["greedy.steps"] == {"int": [1, 8]}
    assert {"python", "ratchet-tune", "torch", "ray"} <= set(content["versions"])
    assert set(content["digests"]) == {"model", "dataset", "corpus", "space"}
    changes = {"search.trials": 6, "search.concurrency": 2, "search.audit": 1, "seed": 1}
    expected = small_config({**changes, "cache.dir": finished.parent / "cache"})
    assert read_sweep_file(finished).config == expected.self_contained()


def test_progress_says_that_all_is_done(finished: Path, tables: analysis.Sweep) -> None:
    progress = json.loads((finished / "progress.json").read_text())
    assert (progress["total"], progress["ended"], progress["failed"]) == (9, 9, 0)
    assert progress["running"] == []
    searched = tables.trials[tables.trials["role"] == "search"]
    winner = analysis.best(searched)
    assert winner is not None
    assert progress["best"]["trial"] == winner["trial"]
    assert progress["best"]["composite"] == winner["composite"]


def test_nothing_else_is_left_behind(finished: Path) -> None:
    tables = {"proposals", "trials", "steps", "records"}
    assert {each.name for each in finished.iterdir()} == {
        *tables,
        "commits",
        "sweep.yaml",
        "progress.json",
    }
    assert all(len(list((finished / table).iterdir())) == 1 for table in tables)


def test_a_row_is_what_its_settings_give_anywhere(finished: Path, tables: analysis.Sweep) -> None:
    """The walk done again in this process, without Ray, ends in the same bits."""
    known = FolderState.read(LocalFolder(finished)).ended
    ended = [each for each in known if each.status == "completed"][-1]
    row = tables.trials.set_index("trial").loc[ended.trial]
    trainable = GreedyEditTrainable(dict(ended.config))
    while not (report := trainable.train())["final"]:
        assert report["composite"] == row[f"rung_{report['edits']}"]
    for name in ("composite", "es", "ps", "ns", "score", "composite_all", "probe_composite"):
        assert report[name] == row[name]
    trainable.stop()
