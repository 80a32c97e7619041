"""ES, PS and NS against each other."""

from __future__ import annotations

import math

import numpy as np
import pytest

from analysis import ResultsError
from analysis.answers.tradeoff import pareto, tradeoff
from tests.analysis.made_sweep import made_sweep

NAN = math.nan


def test_the_front_is_what_brute_force_finds() -> None:
    points = np.random.default_rng(0).integers(0, 6, size=(200, 3)) / 5
    expected = [not any(all(b >= a) and tuple(b) != tuple(a) for b in points) for a in points]
    assert pareto(points).tolist() == expected
    assert 1 < sum(expected) < 200


def test_trials_that_nothing_beats_are_marked_and_the_unedited_model_does_not_compete() -> None:
    trials = [
        {"es": 1.0, "ps": 0.5, "ns": 0.5, "composite": 2 / 3, "role": "baseline_full"},
        {"es": 0.5, "ps": 0.5, "ns": 1.0, "composite": 2 / 3},
        {"es": 0.5, "ps": 0.5, "ns": 0.9, "composite": 0.63},
        {"es": 1.0, "ps": 1.0, "ns": 1.0, "composite": 1.0, "status": "pruned"},
        {"es": 1.0, "ps": NAN, "ns": 1.0, "composite": 1.0},
    ]
    numbers, figure = tradeoff(made_sweep(trials))
    assert [*numbers["role"]] == ["baseline_full", *["search"] * 3, "unedited"]
    assert [*numbers["trial"].dropna()] == [0, 1, 2, 4]
    assert [*numbers["pareto"]] == [True, True, False, False, False]
    assert [*numbers.loc[4, ["es", "ps", "ns"]]] == [0.0, 0.0, 1.0]
    drawn = {trace.name: [*zip(trace.x, trace.y, strict=True)] for trace in figure.data}
    assert drawn == {
        "Pareto front": [(0.5, 1.0), (0.75, 0.5)],
        "search trials": [(0.5, 1.0), (0.5, 0.9)],
        "baseline_full": [(0.75, 0.5)],
        "unedited": [(0.0, 1.0)],
    }


def test_a_kind_that_no_trial_has_is_left_out() -> None:
    trials = [{"es": 1.0, "ns": 0.5}, {"es": 0.5, "ns": 1.0}, {"es": 0.5, "ns": 0.5}]
    assert [*tradeoff(made_sweep(trials)).numbers["pareto"]] == [True, True, False, False]


def test_there_must_be_a_completed_trial() -> None:
    with pytest.raises(ResultsError, match="no trial has been completed"):
        tradeoff(made_sweep([{"status": "failed"}]))
