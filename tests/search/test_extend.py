"""More trials on top of all that have ended: as many as asked, in another space, after any kill."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest
import yaml
from optuna.distributions import BaseDistribution, IntDistribution, json_to_distribution

import analysis
from greedy_core.errors import InputError
from search.results.parts import LocalFolder
from search.results.recovery import FolderState
from search.session.run import resume_sweep
from search.session.session import Session
from search.sweep.extension import Extension
from search.sweep.file_reader import read_sweep_file
from search.sweep.history import Ended, SearchHistory
from tests.search.sweeps import HERE, driver, holding, kill_session, recommit, wait_for_trials
from tests.search.test_cli import ended

BASELINES, SEARCHED = 3, 6
"""Of the finished sweep that is extended."""
NARROW = "search.space.greedy.steps={int: [2, 3]}"


@pytest.fixture
def copy(finished: Path, tmp_path: Path) -> Path:
    """A finished sweep."""
    return Path(shutil.copytree(finished, tmp_path / "sweep"))


def assert_whole(sweep: analysis.Sweep, searched: int) -> None:
    """Every trial is there once, and so is every proposal."""
    expected = list(range(BASELINES + searched))
    assert sweep.trials["trial"].tolist() == expected
    assert sweep.proposals["trial"].tolist() == expected
    assert not sweep.steps.duplicated(["trial", "batch", "layer", "step"]).any()


def steps_searched(folder: Path) -> BaseDistribution:
    """What sweep.yaml says that all generations have searched of greedy.steps."""
    return json_to_distribution(read_sweep_file(folder).distributions["greedy.steps"])


def test_an_extension_is_a_generation_on_top_of_what_is_there(
    copy: Path, tables: analysis.Sweep, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = [NARROW, "search.sampler=random", "search.space.mu={choices: [10, 1000]}"]
    assert ended(monkeypatch, "extend", str(copy), "--trials", "3", *settings, "--in-process") == 0
    sweep = analysis.load(copy)
    assert_whole(sweep, SEARCHED + 3)
    before = sweep.trials[: BASELINES + SEARCHED][tables.trials.columns]
    pd.testing.assert_frame_equal(before, tables.trials, check_exact=True)
    new = sweep.trials[BASELINES + SEARCHED :]
    assert new["generation"].tolist() == [1, 1, 1]
    assert set(new["config/greedy.steps"]) <= {2, 3}
    assert set(new["config/mu"]) <= {10.0, 1000.0}
    assert set(new["config/search.sampler"]) == {"random"}
    assert new["role"].eq("search").all()
    # Nothing is left to do, and nothing differs.
    assert resume_sweep(copy, HERE).trials == SEARCHED + 3

    said = yaml.safe_load((copy / "sweep.yaml").read_text())
    assert (said["generation"], list(said["generations"])) == (1, ["0", "1"])
    assert "9 search trials in all, sampler random" in said["generations"]["1"]
    assert steps_searched(copy) == IntDistribution(1, 8)
    assert set(said["distributions"]) >= {"greedy.steps", "greedy.patience", "mu"}

    # A third generation, back in the first one's range.
    wide = "search.space.greedy.steps={int: [1, 12]}"
    assert ended(monkeypatch, "extend", str(copy), "--trials", "1", wide, "--in-process") == 0
    assert_whole(analysis.load(copy), SEARCHED + 4)
    assert steps_searched(copy) == IntDistribution(1, 12)


def test_an_extension_that_is_killed_is_resumed_to_what_was_asked(copy: Path) -> None:
    many = 250  # a driver commits every 5 s, in which some 200 trials read what is stored
    with driver("extend", str(copy), "--trials", str(many), NARROW, "--in-process") as process:
        wait_for_trials(copy, BASELINES + SEARCHED + 1, process)
        kill_session(process)
    there = analysis.load(copy).trials
    assert len(there) < BASELINES + SEARCHED + many
    assert resume_sweep(copy, HERE).trials == SEARCHED + many
    sweep = analysis.load(copy)
    assert_whole(sweep, SEARCHED + many)
    # By number: of two trials that run, the later one may end first.
    kept = sweep.trials[sweep.trials["trial"].isin(there["trial"])].reset_index(drop=True)
    pd.testing.assert_frame_equal(kept, there, check_exact=True)
    assert set(sweep.trials["config/greedy.steps"][BASELINES + SEARCHED :]) <= {2, 3}


def session_on(folder: Path, overrides: tuple[str, ...]) -> Session:
    """What the driver of an extension knows before it starts."""
    file = read_sweep_file(folder)
    config = Extension(str(folder), 4, overrides).config_of(file)
    going_on = file.next_generation(config, file.versions, None)
    with holding(folder) as driver:
        return Session(going_on, driver, before=file)


def test_the_sampler_knows_earlier_trials_that_lie_in_the_new_space_and_a_note_counts_the_others(
    copy: Path, tables: analysis.Sweep, caplog: pytest.LogCaptureFixture
) -> None:
    space = "search.space={greedy.steps: {int: [1, 4]}, mu: {choices: [1, 10]}}"
    searched = tables.trials[tables.trials["role"] == "search"]
    inside = searched[searched["config/greedy.steps"].between(1, 4)]
    assert 0 < len(inside) < len(searched), "the case would show nothing"
    told = session_on(copy, (space,)).earlier.history().trials
    assert [each.params["greedy.steps"] for each in told] == inside["config/greedy.steps"].tolist()
    assert {each.params["mu"] for each in told} == {10.0}  # what it was while it was not searched
    outside = len(searched) - len(inside)
    assert f"{outside} of {len(searched)} earlier trials are outside of the space" in caplog.text


def test_rungs_keep_what_all_generations_left_there(copy: Path, tables: analysis.Sweep) -> None:
    rungs = session_on(copy, (NARROW,)).trials().rungs
    assert rungs is not None
    searched = tables.trials[tables.trials["role"] == "search"].set_index("trial")
    for level, values in rungs.values.items():
        assert values == searched[f"rung_{level}"].dropna().to_dict()


def test_a_proposal_outside_of_the_space_runs_and_teaches_nothing() -> None:
    history = SearchHistory({"greedy.steps": IntDistribution(2, 3)}, "tpe", seed=0)
    history.expect(0, {"greedy.steps": 8})
    history.tell(0, Ended.of("completed", 0.9, {}))
    history.expect(1, {"greedy.steps": 3})
    history.tell(1, Ended.of("completed", 0.5, {}))
    assert [each.params for each in history.trials] == [{"greedy.steps": 3}]


def test_what_was_not_finished_runs_first(copy: Path, tables: analysis.Sweep) -> None:
    """The sweep lacks a trial that was proposed, and two that were not."""
    recommit(copy, lambda content: content["config"]["search"].update(trials=SEARCHED + 2))
    assert len(FolderState.read(LocalFolder(copy)).ended) == BASELINES + SEARCHED
    assert session_on(copy, (NARROW,)).total == 2 + 4


REFUSED = [
    ("edits=4", "edits must stay 8, but got 4: trials with another value could not be compared"),
    ("mu=3", "mu must stay 10.0, but got 3.0: trials with another value could not be compared"),
    ("greedy.signal=success", "greedy.signal must stay 'margin', but got 'success'"),
    ("search.grace=4", "search.grace must stay null, but got 4: earlier trials were stopped"),
    ("search.reduction_factor=3", "search.reduction_factor must stay 2, but got 3"),
    ("search.resource=steps", "search.resource must stay 'edits', but got 'steps'"),
    ("search.trials=99", "search.trials must stay 6, but got 99: an extension says how many"),
    ("search.smapler=random", "'search.smapler' is not a setting"),
    ("search.space.greedy.steps={choices: [1, 2]}", "must be of one kind in all generations"),
]


@pytest.mark.parametrize(("override", "message"), REFUSED)
def test_what_would_not_be_comparable_is_refused(
    finished: Path, override: str, message: str
) -> None:
    with pytest.raises(InputError) as caught:
        Extension(str(finished), 1, (override,)).config_of(read_sweep_file(finished))
    assert any(message in fault for fault in caught.value.faults), caught.value.faults


def test_no_trials_are_no_extension() -> None:
    with pytest.raises(InputError, match="`--trials >= 1` must hold"):
        Extension("anywhere", 0)
