"""A sampler and a scheduler on a finished sweep's tables decide as they would have on the model."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from search.errors import OnlyFailures
from search.executors.recorded import NOT_RECORDED, Curve, RecordedWalks
from search.results.parts import LocalFolder
from search.results.recovery import EndedTrial, FolderState
from search.session.replay import replayed
from tests.search.sweeps import small_config, sweep

SPACE = (
    "{name: grid, greedy.steps: {choices: [1, 2, 3]}, greedy.min_improvement: "
    "{choices: [0.0, 0.02, 0.1]}, greedy.patience: {choices: [1, 2]}}"
)
EVERY = {"edits": 8, "search.space": SPACE, "search.trials": 18, "search.scheduler": "none"}


def ended(folder: Path) -> tuple[EndedTrial, ...]:
    return FolderState.read(LocalFolder(folder)).ended


@pytest.fixture(scope="module")
def walks(tmp_path_factory: pytest.TempPathFactory, cache_folder: Path) -> RecordedWalks:
    """Every setting of a finite space, walked to its end."""
    folder = tmp_path_factory.mktemp("results") / "every"
    sweep(folder, EVERY, in_process=True)
    return RecordedWalks(ended(folder))


CASES: dict[str, dict[str, Any]] = {
    "TPE and ASHA": {"search.trials": 12, "search.scheduler": "asha"},
    "random and ASHA, all audited": {
        **{"search.trials": 8, "search.sampler": "random", "search.seed": 5},
        **{"search.scheduler": "asha", "search.audit": 8},
    },
    "quasi-random, rungs further apart": {
        **{"search.trials": 10, "search.scheduler": "asha", "search.sampler": "qmc"},
        **{"search.reduction_factor": 3, "search.grace": 4},
    },
    "no scheduler": {"search.trials": 10},
}


@pytest.mark.parametrize("name", CASES)
def test_every_trial_ends_as_it_does_on_the_model(
    tmp_path: Path, walks: RecordedWalks, name: str
) -> None:
    changes = {**EVERY, **CASES[name]}
    sweep(tmp_path / "real", changes, in_process=True)
    real = ended(tmp_path / "real")
    found = replayed(small_config(changes).self_contained(), walks)
    assert [known(each) for each in found] == [known(each) for each in real]


def known(trial: EndedTrial) -> dict[str, Any]:
    """What a replay knows of a trial: of a stopped one, nothing of the edited model but rungs."""
    values = asdict(trial)
    values["config"] = {k: v for k, v in trial.config.items() if not k.startswith("search.space")}
    if trial.status == "pruned":
        for name in ("steps", "score"):
            del values[name]
    return values


def test_settings_that_nobody_walked_fail_and_say_so(walks: RecordedWalks) -> None:
    space = "{name: other, greedy.steps: {choices: [1, 4]}}"
    changes = {**EVERY, "search.space": space, "search.trials": 2}
    found = replayed(small_config(changes), walks)
    searched = {each.config["greedy.steps"]: each for each in found if each.role == "search"}
    assert (searched[1].status, searched[1].error) == ("completed", None)
    assert (searched[4].status, searched[4].error) == ("failed", NOT_RECORDED)


def test_a_walk_that_was_stopped_is_known_up_to_there() -> None:
    config = small_config({"edits": 8, "search.trials": 2, "search.max_failed": 1})
    for rungs, cause in (
        ({2: 0.25, 4: 0.5}, "the replayed sweep stopped the trial with these settings"),
        ({2: 0.25}, "the replayed sweep has no value after 4 edits of these settings"),
        ({4: 0.5}, "the replayed sweep has no value after 2 edits of these settings"),
    ):
        stopped = Curve(rungs, None)
        with pytest.raises(OnlyFailures, match=cause):
            replayed(config, lambda proposal, stopped=stopped: stopped)


def test_of_two_trials_with_the_same_settings_the_one_that_came_further_counts() -> None:
    flat = small_config({}).flat()
    short = EndedTrial(3, "search", "pruned", 0, 0, flat, {2: 0.5}, 2, 2, 0.5, 0.5, None)
    longer = replace(short, trial=4, rungs={2: 0.5, 4: 0.75})
    whole = replace(longer, trial=5, status="completed", edits=8, composite=1.0)
    failed = replace(whole, trial=6, status="failed")
    for given, expected in (
        ([failed], None),
        ([short, longer], Curve(longer.rungs, None)),
        ([longer, whole, short, failed], Curve(whole.rungs, {"edits": 8, "steps": 2} | SCORES)),
    ):
        found = RecordedWalks(given)
        assert found._curves == ({} if expected is None else dict.fromkeys(found._curves, expected))


SCORES = {"composite": 1.0, "score": 0.5, "walk": None}
