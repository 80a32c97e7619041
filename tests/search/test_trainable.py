from __future__ import annotations

import json
from functools import partial
from math import inf
from pathlib import Path
from typing import Any

import pytest
import ray
from ray import tune
from ray.tune.schedulers import (
    ASHAScheduler,
    HyperBandScheduler,
    MedianStoppingRule,
    PopulationBasedTraining,
)

from greedy_core.errors import BaseModelChanged, SettingsError
from greedy_core.model.language_model import LanguageModel
from greedy_core.walk.greedy import GreedyRun
from search.cli.exit_status import DAMAGED, status_of
from search.config.settings import SweepConfig
from search.errors import SweepInterrupted
from search.tune.trainable import GreedyEditTrainable
from search.worker.prepared import Prepared
from search.worker.reports import STEP_FIELDS, rungs_of, step_tuple
from search.worker.walk_context import WalkContext, prepare
from tests.search.sweeps import small_config

SMALL = {"edits": 8, "batch_size": 2, "values.steps": 3}


class Reports(tune.Callback):
    """Every report, by trial."""

    def __init__(self) -> None:
        self.of: dict[str, list[dict[str, Any]]] = {}

    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **info: Any
    ) -> None:
        self.of.setdefault(trial.trial_id, []).append(result)


def fit(
    storage: Path,
    param_space: dict[str, Any],
    scheduler: Any = None,
    **run_config: Any,
) -> tuple[tune.ResultGrid, list[list[dict[str, Any]]]]:
    """A plain Tuner around the trainable, its results and every report of every trial."""
    reports = Reports()
    tuner = tune.Tuner(
        GreedyEditTrainable,
        param_space={**SMALL, **param_space},
        tune_config=tune.TuneConfig(
            metric="composite",
            mode="max",
            scheduler=scheduler,
            reuse_actors=True,
            max_concurrent_trials=1,
        ),
        run_config=tune.RunConfig(
            storage_path=str(storage),
            callbacks=[reports],
            verbose=0,
            **run_config,
        ),
    )
    return tuner.fit(), list(reports.of.values())


def reports_of(changes: dict[str, Any]) -> list[dict[str, Any]]:
    """What the trainable reports in this process, to its end."""
    trainable = GreedyEditTrainable({**SMALL, **changes})
    reports = [trainable.train()]
    while not reports[-1]["final"]:
        reports.append(trainable.train())
    return reports


def test_alone_it_reports_at_rungs_and_at_the_end() -> None:
    reports = reports_of({"greedy.steps": 2, "search.reduction_factor": 3})
    assert [report["edits"] for report in reports] == [2, 6, 8]
    assert [report["final"] for report in reports] == [False, False, True]
    last = reports[-1]
    assert 0 <= last["composite_unedited"] <= last["composite"] <= 1
    assert last["composite"] == pytest.approx((last["es"] + last["ps"] + last["ns"]) / 3)
    assert last["steps"] == sum(len(json.loads(report["new_steps"])) for report in reports)
    assert [len(json.loads(report["new_records"])) for report in reports] == [2, 6, 8]


@pytest.mark.nightly
@pytest.mark.usefixtures("ray_here")
def test_alone_it_works_with_rays_own_asha(tmp_path: Path) -> None:
    asha = ASHAScheduler(time_attr="edits", max_t=8, grace_period=2, reduction_factor=2)
    # The first setting edits, the second accepts nothing: it is behind at the first rung.
    choices = tune.grid_search([0.0, 1.0])
    results, reports = fit(tmp_path, {"greedy.min_improvement": choices}, asha)
    assert not results.errors
    assert [[report["edits"] for report in each] for each in reports] == [[2, 4, 8], [2]]


SCHEDULERS = {
    "median": lambda: MedianStoppingRule(time_attr="edits", grace_period=2, min_samples_required=2),
    # Pauses trials until all have come as far, so that each is saved and goes on elsewhere.
    "hyperband": lambda: HyperBandScheduler(time_attr="edits", max_t=8, reduction_factor=2),
    # Gives trials other settings together with another trial's checkpoint.
    "pbt": lambda: PopulationBasedTraining(
        time_attr="edits",
        perturbation_interval=2,
        hyperparam_mutations={"greedy.min_improvement": [0.0, 1.0], "greedy.steps": [1, 2, 3]},
        quantile_fraction=0.5,
    ),
}


@pytest.mark.nightly
@pytest.mark.usefixtures("ray_here")
@pytest.mark.parametrize("name", SCHEDULERS)
def test_alone_it_works_with_schedulers_that_pause_trials_and_exchange_their_settings(
    tmp_path: Path, name: str
) -> None:
    grid = {"greedy.min_improvement": tune.grid_search([0.0, 0.0, 1.0, 1.0])}
    every = tune.CheckpointConfig(checkpoint_frequency=1)
    results, reports = fit(
        tmp_path, {**grid, "greedy.steps": 2}, SCHEDULERS[name](), checkpoint_config=every
    )
    assert not results.errors
    assert max(each[-1]["edits"] for each in reports) == 8
    for result in results:
        last = result.metrics
        walk = walked({**SMALL, **last["config"]}, edits=last["edits"])
        assert last["composite"] == float(walk.evaluate().held_out.composite)
        assert last["steps"] == len(walk.events)


def walked(changes: dict[str, Any], edits: int) -> GreedyRun:
    """A walk of these settings that nobody has interrupted, so far."""
    config = SweepConfig().with_values(changes)
    walk = GreedyRun(*WalkContext.alone(config.edit, config.cache).open(config.edit))
    while walk.edits < edits:
        walk.step()
    return walk


def saved(trainable: GreedyEditTrainable, folder: Path) -> str:
    folder.mkdir(parents=True)
    trainable.save_checkpoint(str(folder))
    return str(folder)


def test_a_walk_goes_on_in_another_process_where_it_was_saved(tmp_path: Path) -> None:
    changes = {**SMALL, "greedy.steps": 2, "search.reduction_factor": 3}
    whole, first = (GreedyEditTrainable(changes) for _ in range(2))
    expected = [whole.train() for _ in range(3)]
    found = []
    for number in range(3):
        then = GreedyEditTrainable({})
        then.reset_config(changes)
        then.load_checkpoint(saved(first, tmp_path / str(number)))
        found.append(then.train())
        first = then
    for before, after in zip(expected, found, strict=True):
        for name in ("edits", "steps", "composite", "final", "new_records"):
            assert after[name] == before[name], name
        assert rungs_of(after) == rungs_of(before)
        steps = [[row[:-2] for row in json.loads(each["new_steps"])] for each in (before, after)]
        assert steps[0] == steps[1], "told once each"


def test_with_another_ones_checkpoint_a_trial_walks_its_own_way_as_far(tmp_path: Path) -> None:
    donor = GreedyEditTrainable({**SMALL, "greedy.steps": 2})
    assert [donor.train()["edits"] for _ in range(2)] == [2, 4]
    other = {**SMALL, "greedy.steps": 1, "greedy.accept_by": "always"}
    trainable = GreedyEditTrainable(other)
    trainable.load_checkpoint(saved(donor, tmp_path / "donor"))
    report = trainable.train()
    assert (report["edits"], report["steps"]) == (8, 4)
    assert report["composite"] == float(walked(other, edits=8).evaluate().held_out.composite)


def test_rungs_of_steps_score_all_edits() -> None:
    steps = {"search.resource": "steps", "search.grace": 3, "greedy.accept_by": "always"}
    reports = reports_of({**steps, "greedy.steps": 2})
    assert [report["steps"] for report in reports] == [3, 6, 8]
    assert [len(json.loads(report["new_records"])) for report in reports] == [8, 8, 8]


@pytest.mark.nightly
@pytest.mark.usefixtures("ray_here")
def test_a_reused_worker_starts_over_with_whatever_settings(tmp_path: Path) -> None:
    grid = {"edits": tune.grid_search([4, 8]), "seed": tune.grid_search([0, 1])}
    results, reports = fit(tmp_path, {**grid, "greedy.steps": 1, "greedy.accept_by": "always"})
    assert not results.errors
    assert len({each[-1]["worker"] for each in reports}) == 1
    assert [each[-1]["edits"] for each in reports] == [4, 8, 4, 8]
    cases = [[record[0] for record in json.loads(each[-1]["new_records"])] for each in reports]
    assert cases[0] == cases[1][:4]
    assert set(cases[1]) != set(cases[3])


@pytest.mark.nightly
@pytest.mark.usefixtures("ray_here")
def test_two_wrong_settings_of_a_reused_worker_in_a_row_cost_no_other_trial(
    tmp_path: Path,
) -> None:
    choices = tune.grid_search([1, 0, 0, 2])
    results, reports = fit(tmp_path, {"greedy.steps": choices})
    assert [results[i].error is not None for i in range(4)] == [False, True, True, False]
    assert len(reports) == 2
    for result in (results[1], results[2]):
        assert "`greedy.steps >= 1` must hold, but got (greedy.steps=0)" in str(result.error)


def test_resetting_does_nothing_that_can_fail() -> None:
    trainable = GreedyEditTrainable({"no such setting": 1})
    assert trainable.reset_config({"no such setting": 2})
    with pytest.raises(SettingsError, match="'no such setting' is not a setting"):
        trainable.train()
    assert trainable.reset_config({**SMALL, "greedy.steps": 1})
    assert trainable.train()["edits"] == 2


@pytest.mark.parametrize(
    ("scheduler", "silent", "told"),
    [
        pytest.param("asha", inf, [2, 4, 8], marks=pytest.mark.nightly),
        pytest.param("none", 0.0, [2, 4, 8], marks=pytest.mark.nightly),
        ("none", inf, [8]),
    ],
)
def test_where_nobody_stops_trials_a_rung_soon_left_is_told_with_the_next_report(
    monkeypatch: pytest.MonkeyPatch, scheduler: str, silent: float, told: list[int]
) -> None:
    monkeypatch.setattr("search.executors.walker.SILENT_SECONDS", silent)
    changes = {"search.scheduler": scheduler, "search.reduction_factor": 2, "cache.enabled": False}
    config = small_config(changes)
    trainable = GreedyEditTrainable()
    trainable.setup({}, prepared=partial(prepare, config))
    reports = [trainable.train() for _ in told]
    assert [each["edits"] for each in reports] == told
    assert reports[-1]["final"]

    walk = GreedyRun(*WalkContext.alone(config.edit, config.cache).open(config.edit))
    rungs, records = {}, []
    while not walk.done:
        walk.step()
        if walk.edits in (2, 4, 8) and walk.edits not in {edits for *_, edits in records}:
            values = walk.evaluate()
            rungs[walk.edits] = float(values.held_out.composite)
            records += [(each.case_id, walk.edits) for each in values.records]
    assert rungs_of(reports[-1]) == {edits: rungs[edits] for edits in (2, 4)}
    rows = [row for each in reports for row in json.loads(each["new_records"])]
    assert [(case_id, edits) for _, case_id, _, edits, *_ in rows] == records
    assert STEP_FIELDS[-2:] == ("seconds", "from_store")
    steps = [tuple(row[:-2]) for each in reports for row in json.loads(each["new_steps"])]
    assert steps == [step_tuple(event)[:-2] for event in walk.events]


@ray.remote
def prepared_remotely() -> Prepared:
    return prepare(small_config({}))


@ray.remote(max_calls=1)
def attach_and(prepared: Prepared, write: bool) -> str | None:
    """Work on the shared model in a process of its own; what stands in the way."""
    try:
        model: LanguageModel = WalkContext.of(prepared).model
    except BaseModelChanged as error:
        return str(error)
    if write:
        next(model.module.parameters()).view(-1)[0].add_(1.0)
    return None


@pytest.mark.nightly
@pytest.mark.usefixtures("ray_here")
def test_writing_into_the_shared_base_is_found_by_the_next_worker() -> None:
    prepared = prepared_remotely.remote()
    assert ray.get(attach_and.remote(prepared, True)) is None
    found = ray.get(attach_and.remote(prepared, False))
    assert found is not None
    assert found.startswith("the base model's weights were changed in memory")


def test_exit_codes_of_what_ends_a_sweep() -> None:
    assert status_of(BaseModelChanged("changed")) == DAMAGED
    assert [status_of(SweepInterrupted(signal)) for signal in (2, 15, 10)] == [130, 143, 138]
