from __future__ import annotations

import math
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState

from search import history as history_module
from search.config import SweepConfig
from search.history import Ended, SearchHistory
from spaces import SearchSpace

optuna.logging.set_verbosity(optuna.logging.WARNING)

TRIALS = 16


def space(name: str = "core") -> SearchSpace:
    return SweepConfig().with_values({"search.space": name}).search_space()


def new_history(sampler: str, name: str = "core", seed: int = 0) -> SearchHistory:
    return SearchHistory(space(name).distributions, sampler, seed)


def completed(value: float) -> Ended:
    return Ended.of("completed", value, {})


def uninterrupted(sampler: str, name: str = "core", seed: int = 0) -> list[dict[str, Any]]:
    history = new_history(sampler, name, seed)
    proposals = []
    for index in range(TRIALS):
        proposals.append(history.ask(index))
        history.tell(index, completed(index / TRIALS))
    return proposals


@pytest.mark.parametrize("sampler", ["random", "qmc"])
@pytest.mark.parametrize("name", ["core", "extended"])
@pytest.mark.parametrize("stops", [(1, 2, 3), (4, 9, 15), (5, 5, 12)])
def test_three_resumes_propose_what_the_uninterrupted_search_does(
    sampler: str, name: str, stops: tuple[int, ...]
) -> None:
    expected = uninterrupted(sampler, name)
    proposals: list[dict[str, Any]] = []
    for stop in (*stops, TRIALS):
        history = new_history(sampler, name)
        for settings in proposals[:-1]:
            history.remember(settings, completed(0.5))
        if proposals:  # the last one was running when the driver was killed
            history.expect(len(proposals) - 1, proposals[-1])
        for index in range(len(proposals), stop):
            proposals.append(history.ask(index))
    assert proposals == expected


def test_a_resumed_tpe_search_does_not_begin_again() -> None:
    expected = uninterrupted("tpe")
    history = new_history("tpe")
    for index, settings in enumerate(expected[:5]):
        history.remember(settings, completed(index / TRIALS))
    # TPE's first ten are random: they depend on nothing but the seed and the index.
    assert [history.ask(index) for index in range(5, 10)] == expected[5:10]


@pytest.mark.parametrize("sampler", ["tpe", "random", "qmc"])
def test_the_seed_decides(sampler: str) -> None:
    assert uninterrupted(sampler) == uninterrupted(sampler)
    assert uninterrupted(sampler) != uninterrupted(sampler, seed=1)


@pytest.mark.parametrize("sampler", ["tpe", "random", "qmc"])
def test_proposals_are_different_and_lie_in_the_space(sampler: str) -> None:
    proposals = uninterrupted(sampler, "extended")
    assert len({str(each) for each in proposals}) == TRIALS
    assert all(set(each) == set(space("extended").distributions) for each in proposals)
    assert all(isinstance(each["layers"], tuple) for each in proposals)
    config = SweepConfig()
    for each in proposals:
        config.with_values(space("extended").fixed | each)


@pytest.mark.parametrize(
    ("status", "composite", "rungs", "state", "told"),
    [
        ("completed", 0.8, {4: 0.5}, TrialState.COMPLETE, {4: 0.5}),
        ("completed", math.nan, {4: 0.5}, TrialState.FAIL, {4: 0.5}),
        ("completed", math.inf, {}, TrialState.FAIL, {}),
        ("completed", None, {}, TrialState.FAIL, {}),
        ("pruned", 0.8, {4: 0.5, 8: 0.6}, TrialState.PRUNED, {4: 0.5, 8: 0.6}),
        ("pruned", 0.8, {4: math.nan}, TrialState.FAIL, {}),
        ("pruned", 0.8, {4: 0.5, 8: math.nan}, TrialState.PRUNED, {4: 0.5}),
        ("failed", None, {}, TrialState.FAIL, {}),
    ],
)
@pytest.mark.parametrize("resumed", [False, True])
def test_what_optuna_is_told(
    status: str,
    composite: float | None,
    rungs: dict[int, float],
    state: TrialState,
    told: dict[int, float],
    resumed: bool,
) -> None:
    ended = Ended.of(status, composite, rungs)
    history = new_history("random")
    settings = history.ask(0)
    if resumed:
        history = new_history("random")
        history.remember(settings, ended)
    else:
        history.tell(0, ended)
    (trial,) = history.trials
    assert trial.state == state
    assert trial.intermediate_values == told
    if state == TrialState.COMPLETE:
        assert trial.value == composite


def test_a_long_history_keeps_the_best_the_recent_and_the_running(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(history_module, "CUT_AT", 20)
    monkeypatch.setattr(history_module, "KEPT_BEST", 3)
    monkeypatch.setattr(history_module, "KEPT_RECENT", 5)
    history = new_history("tpe")
    running = history.ask(99)
    values = [0.9, 0.8, 0.7, *(0.1 + index / 1000 for index in range(15)), math.nan]
    for index, value in enumerate(values):
        history.ask(index)
        history.tell(index, completed(value))
    kept = [each.value for each in history.trials if each.state == TrialState.COMPLETE]
    assert kept == [0.9, 0.8, 0.7, *values[13:18]]
    (still,) = [each for each in history.trials if each.state == TrialState.RUNNING]
    assert still.params == running
    history.tell(99, completed(0.6))
    assert history.trials[-1].value == 0.6


def test_of_pruned_trials_those_are_best_that_came_furthest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(history_module, "CUT_AT", 5)
    monkeypatch.setattr(history_module, "KEPT_BEST", 3)
    monkeypatch.setattr(history_module, "KEPT_RECENT", 1)
    history = new_history("random")
    for index, ended in enumerate(
        [
            Ended.of("pruned", None, {4: 0.9}),
            Ended.of("pruned", None, {4: 0.1, 8: 0.3}),
            completed(0.2),
            Ended.of("pruned", None, {4: 0.1, 8: 0.4}),
            Ended.of("failed", None, {}),
        ]
    ):
        history.ask(index)
        history.tell(index, ended)
    assert [each.value for each in history.trials] == [0.3, 0.2, 0.4]
