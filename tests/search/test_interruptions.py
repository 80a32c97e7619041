"""A driver that is killed, interrupted or doubled; in the end every trial is there once."""

from __future__ import annotations

import os
import signal
from itertools import pairwise
from pathlib import Path

import pandas as pd
import pytest

import analysis
from search.history import SearchHistory
from tests.search import metric_functions
from tests.search.sweeps import (
    driver,
    kill_session,
    overrides,
    ratchet,
    small_config,
    wait_for_trials,
)

SEARCHED = 12
SLOW = {
    "edits": 4,
    "search.trials": SEARCHED,
    "search.sampler": "random",
    "greedy.metric": f"{metric_functions.__name__}:slow",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("results") / "interrupted"


@pytest.fixture(scope="module")
def killed(folder: Path) -> analysis.Sweep:
    """What was committed when the driver and all of its processes were killed."""
    results = ["--results", str(folder.parent), "--name", folder.name]
    with driver("run", *overrides(SLOW), *results) as process:
        wait_for_trials(folder, 4, process)
        kill_session(process)
    return analysis.load(folder)


@pytest.fixture(scope="module")
def interrupted(folder: Path, killed: analysis.Sweep) -> list[tuple[int, str, analysis.Sweep]]:
    """Exit code, last words and committed rows of two resumes that were asked to stop."""
    found = []
    for asking in (signal.SIGINT, signal.SIGTERM):
        so_far = len(analysis.load(folder).trials)
        with driver("resume", str(folder)) as process:
            wait_for_trials(folder, so_far + 1, process)
            if asking == signal.SIGINT:
                second = ratchet("resume", str(folder))
                host = os.uname().nodename
                assert second.returncode == 4
                assert f"in use by process {process.pid} on {host}" in second.stderr
            process.send_signal(asking)
            _, err = process.communicate()
            found.append((process.returncode, err, analysis.load(folder)))
    return found


@pytest.fixture(scope="module")
def resumed(
    folder: Path, interrupted: list[tuple[int, str, analysis.Sweep]]
) -> tuple[int, analysis.Sweep]:
    """Exit code of the resume that was left alone, and what is there after it."""
    done = ratchet("resume", str(folder))
    assert "Traceback" not in done.stderr
    return done.returncode, analysis.load(folder)


def rows(table: pd.DataFrame, trials: pd.Series) -> pd.DataFrame:
    order = [c for c in ("trial", "edits_done", "case_id", "batch", "layer", "step") if c in table]
    return table[table["trial"].isin(trials)].sort_values(order).reset_index(drop=True)


def assert_unchanged(before: analysis.Sweep, after: analysis.Sweep) -> None:
    """What had been committed is there as it was."""
    ended = before.trials["trial"]
    for table in ("trials", "steps", "records"):
        old, new = (rows(getattr(each, table), ended) for each in (before, after))
        pd.testing.assert_frame_equal(old, new[old.columns], check_exact=True)


def test_a_killed_driver_leaves_what_had_ended(killed: analysis.Sweep) -> None:
    assert 4 <= len(killed.trials) < 3 + SEARCHED
    assert set(killed.proposals["trial"]) >= set(killed.trials["trial"])


def test_a_signal_ends_the_driver_with_its_exit_code(
    interrupted: list[tuple[int, str, analysis.Sweep]],
) -> None:
    assert [code for code, _, _ in interrupted] == [130, 143]
    for name, (_, err, _) in zip(("SIGINT", "SIGTERM"), interrupted, strict=True):
        assert f"ratchet: interrupted by {name}" in err
        assert "Traceback" not in err


def test_committed_rows_stay_as_they_are(
    killed: analysis.Sweep,
    interrupted: list[tuple[int, str, analysis.Sweep]],
    resumed: tuple[int, analysis.Sweep],
) -> None:
    snapshots = [killed, *(sweep for _, _, sweep in interrupted), resumed[1]]
    for before, after in pairwise(snapshots):
        assert_unchanged(before, after)


def test_in_the_end_every_trial_is_there_once(resumed: tuple[int, analysis.Sweep]) -> None:
    code, sweep = resumed
    assert code == 0
    assert sweep.trials["trial"].tolist() == list(range(3 + SEARCHED))
    assert sweep.proposals["trial"].tolist() == list(range(3 + SEARCHED))
    assert sweep.trials["role"].value_counts()["search"] == SEARCHED
    assert sweep.trials["role"][:3].is_unique
    assert not sweep.steps.duplicated(["trial", "batch", "layer", "step"]).any()
    assert not sweep.records.duplicated(["trial", "case_id", "edits_done"]).any()
    assert (sweep.steps.groupby("trial").size().to_numpy() == sweep.trials["steps"]).all()


def test_proposals_are_those_of_an_uninterrupted_sweep(
    resumed: tuple[int, analysis.Sweep],
) -> None:
    space = small_config(SLOW).search_space().distributions
    history = SearchHistory(space, "random", seed=0)
    expected = [history.ask(index) for index in range(SEARCHED)]
    found = resumed[1].trials[resumed[1].trials["role"] == "search"]
    columns = found[[f"config/{key}" for key in space]]
    assert columns.to_numpy().tolist() == [[each[key] for key in space] for each in expected]


def test_resuming_a_finished_sweep_changes_no_file(
    folder: Path, resumed: tuple[int, analysis.Sweep]
) -> None:
    before = {each: each.stat().st_mtime_ns for each in folder.rglob("*") if each.is_file()}
    done = ratchet("resume", str(folder))
    assert (done.returncode, done.stderr) == (0, "")
    assert {each: each.stat().st_mtime_ns for each in folder.rglob("*") if each.is_file()} == before


def test_a_name_that_is_taken_is_refused_with_the_way_on(
    folder: Path, resumed: tuple[int, analysis.Sweep]
) -> None:
    done = ratchet("run", "--results", str(folder.parent), "--name", folder.name)
    assert done.returncode == 2
    assert f"{folder} exists; to go on with it: ratchet resume {folder}" in done.stderr


def test_other_data_than_the_sweeps_is_refused(
    folder: Path, resumed: tuple[int, analysis.Sweep]
) -> None:
    file = folder / "sweep.yaml"
    text = file.read_text()
    try:
        digest = next(line for line in text.splitlines() if line.startswith("  dataset:"))
        changed = text.replace(digest, "  dataset: another").replace(
            f"trials: {SEARCHED}", f"trials: {SEARCHED + 1}"
        )
        file.write_text(changed)
        done = ratchet("resume", str(folder))
    finally:
        file.write_text(text)
    assert done.returncode == 2
    assert "ratchet: the dataset must be what the sweep started with" in done.stderr
    assert "Traceback" not in done.stderr
