from __future__ import annotations

import json
import math
from hashlib import sha256
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState

from search.config.settings import SweepConfig
from search.sweep import history as history_module
from search.sweep.history import Ended, SearchHistory
from spaces import SearchSpace, decode
from spaces.finite import FiniteSpace

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


RECORDED = {  # by the first version; TPE's first ten proposals are random
    ("tpe", "core", 0): "72a62228aa23",
    ("tpe", "core", 20261125): "4ab674e4b3a9",
    ("tpe", "core", 4294967295): "820e778448d0",
    ("tpe", "extended", 0): "35de7e4a217f",
    ("tpe", "extended", 20261125): "357a34c27c2d",
    ("tpe", "extended", 4294967295): "01e73040a68a",
    ("random", "core", 0): "72a62228aa23",
    ("random", "core", 20261125): "4ab674e4b3a9",
    ("random", "core", 4294967295): "820e778448d0",
    ("random", "extended", 0): "35de7e4a217f",
    ("random", "extended", 20261125): "357a34c27c2d",
    ("random", "extended", 4294967295): "01e73040a68a",
    ("qmc", "core", 0): "874103bd0836",
    ("qmc", "core", 20261125): "a35a86bf9e5a",
    ("qmc", "core", 4294967295): "8a793a00a0ee",
    ("qmc", "extended", 0): "cea93c5eff1d",
    ("qmc", "extended", 20261125): "f35e4d27723e",
    ("qmc", "extended", 4294967295): "9849a183d8c8",
}


def digest(proposals: list[dict[str, Any]]) -> str:
    text = json.dumps([dict(sorted(each.items())) for each in proposals])
    return sha256(text.encode()).hexdigest()[:12]


@pytest.mark.parametrize(("sampler", "name", "seed"), RECORDED)
def test_a_seed_proposes_what_it_always_did(sampler: str, name: str, seed: int) -> None:
    history = new_history(sampler, name, seed)
    assert digest([history.ask(n) for n in range(10)]) == RECORDED[sampler, name, seed]


@pytest.mark.parametrize("seed", [2**31, 2**32 - 1, 2**32, 20261125000001, 2**53 + 1, 2**63 - 1])
@pytest.mark.parametrize("sampler", ["tpe", "random", "qmc"])
def test_every_seed_of_63_bits_is_a_seed_of_its_own(sampler: str, seed: int) -> None:
    proposals = uninterrupted(sampler, "extended", seed)
    assert proposals == uninterrupted(sampler, "extended", seed)
    assert proposals != uninterrupted(sampler, "extended", seed - 1)
    history = new_history(sampler, "extended", seed)
    for index, settings in enumerate(proposals[:5]):
        history.remember(settings, completed(index / TRIALS))
    assert [history.ask(index) for index in range(5, 10)] == proposals[5:10], "resumed"


SIX = {"greedy.steps": {"int": [1, 3]}, "greedy.patience": {"choices": [1, 2]}}
SPACES = {
    "six": (SIX, 6),
    "categorical": ({"greedy.signal": {"choices": ["margin", "success"]}}, 2),
    "one value": ({"greedy.steps": {"int": [3, 3]}}, 1),
    "one choice": ({"greedy.signal": {"choices": ["margin"]}}, 1),
    "in steps": ({"greedy.min_improvement": {"float": [0, 0.4], "step": 0.1}, **SIX}, 30),
    "read by half": (
        {"trust.enabled": {"choices": [True, False]}, "trust.threshold": {"choices": [0.1, 0.2]}},
        3,
    ),
}


def finite_history(sampler: str, name: str) -> tuple[SearchHistory, int]:
    definitions, total = SPACES[name]
    config = SweepConfig().with_values({"search.space": definitions})
    space = config.search_space()
    finite = FiniteSpace.of(space, config.flat())
    assert finite is not None
    assert finite.total == total
    return SearchHistory(space.distributions, sampler, 7, finite), total


@pytest.mark.parametrize("name", SPACES)
@pytest.mark.parametrize("sampler", ["tpe", "random", "qmc"])
def test_a_finite_space_is_gone_through_without_a_repeat(sampler: str, name: str) -> None:
    history, total = finite_history(sampler, name)
    proposals = []
    for index in range(total):
        proposals.append(history.ask(index))
        history.tell(index, completed(index / total))
    assert history._finite is not None
    assert len({history._finite.identity(each) for each in proposals}) == total
    learned = [each.params for each in history.trials if each.state == TrialState.COMPLETE]
    assert [decode(each) for each in learned] == proposals, "told of what ran"


@pytest.mark.parametrize("sampler", ["random", "qmc"])
@pytest.mark.parametrize("stop", [1, 3, 17, 29])
def test_a_resumed_search_goes_through_a_finite_space_as_an_uninterrupted_one(
    sampler: str, stop: int
) -> None:
    history, total = finite_history(sampler, "in steps")
    expected = [history.ask(index) for index in range(total)]
    history, _ = finite_history(sampler, "in steps")
    for settings in expected[: stop - 1]:
        history.remember(settings, completed(0.5))
    history.expect(stop - 1, expected[stop - 1])
    assert [history.ask(index) for index in range(stop, total)] == expected[stop:]
