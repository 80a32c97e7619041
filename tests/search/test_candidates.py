"""Whose settings are confirmed."""

from __future__ import annotations

from typing import Any

import pytest

from greedy_core.errors import InputError
from search.config.settings import SweepConfig
from search.results.recovery import EndedTrial
from search.sweep.candidates import candidates, shortfall

CONFIG = SweepConfig().flat()
ROLES = ("baseline_full", "baseline_default", "baseline_literal")


def trial(number: int, walk: str | None = None, **settings: Any) -> EndedTrial:
    role = ROLES[number] if number < 3 else "search"
    config = {**CONFIG, **settings}
    return EndedTrial(number, role, "completed", 0, 0, config, {}, 8, 8, 0.5, 0.5, None, walk)


ENDED = [
    *(trial(number) for number in range(3)),
    trial(3, **{"greedy.steps": 3}),
    trial(4, **{"greedy.steps": 4}),
    trial(5, **{"greedy.steps": 3, "search.concurrency": 2, "cache.dir": "elsewhere"}),
    trial(6, **{"greedy.steps": 6, "mu": 2.0}),
]


def numbers(ranking: list[int], top: int) -> list[int]:
    return [each.trial for each in candidates(ENDED, ranking, top, "results/x")]


def test_the_best_comes_first_then_the_baselines_then_the_others() -> None:
    assert numbers([6, 0, 4, 2, 3, 1], top=3) == [6, 0, 1, 2, 4, 3]
    assert numbers([6, 0, 4, 2, 3, 1], top=1) == [6, 0, 1, 2]


def test_the_same_settings_count_once_under_the_better_trial() -> None:
    assert numbers([5, 3, 4, 0, 1, 2], top=2) == [5, 0, 1, 2, 4]


def test_settings_that_walked_the_same_way_count_once_under_the_better_trial() -> None:
    ended = [
        trial(0, "a"),
        trial(3, "a", **{"greedy.steps": 3}),
        trial(4, "b", **{"greedy.steps": 4}),
        trial(5, "b", **{"greedy.steps": 5}),
        trial(6, None, **{"greedy.steps": 5}),  # of an earlier version, with the settings of 5
        trial(7, None, **{"greedy.steps": 7}),
    ]
    chosen = candidates(ended, [5, 4, 3, 6, 7, 0], 9, "results/x")
    # A search trial that walked as a baseline did stands for itself: it is what was chosen.
    assert [each.trial for each in chosen] == [5, 0, 3, 7]


def test_each_runs_with_its_own_settings() -> None:
    best, *_, third = candidates(ENDED, [6, 4, 0, 3, 1, 2], 3, "results/x")
    assert (best.settings.mu, best.settings.greedy.steps, best.role) == (2.0, 6, "search")
    assert (third.settings.mu, third.settings.greedy.steps) == (CONFIG["mu"], 3)


def test_fewer_settings_than_asked_for_are_all_taken_and_told() -> None:
    chosen = candidates(ENDED, [3, 5, 4, 0, 1, 2], 9, "results/x")
    assert [each.trial for each in chosen] == [3, 0, 1, 2, 4]
    assert [*shortfall(chosen, 9)] == [
        "only 2 different walks have been completed; all are confirmed"
    ]
    assert [*shortfall(chosen, 2)] == []


def test_a_baseline_that_is_not_completed_is_told() -> None:
    chosen = candidates(ENDED, [3, 0, 2], 1, "results/x")
    assert [each.trial for each in chosen] == [3, 0, 2]
    assert [*shortfall(chosen, 1)] == [
        "baseline_default has not been completed, so nothing is compared with it; "
        "`ratchet resume` runs it"
    ]


def test_without_a_completed_search_trial_there_is_nothing_to_confirm() -> None:
    with pytest.raises(InputError, match="results/x: no search trial has been completed"):
        candidates(ENDED, [0, 1, 2], 3, "results/x")
