"""Trust, gain and harm by what was decided."""

from __future__ import annotations

from pathlib import Path

import pytest

import analysis
from tests.analysis.answers.tables import step, sweep_of, trial


def test_each_quantity_is_spread_by_verdict_and_reason(tmp_path: Path) -> None:
    low = {"reason": "trust_low_rolled_back", "layer": 1}
    sweep = sweep_of(
        tmp_path,
        [trial(0, "baseline_full"), trial(3)],
        [
            step(0, 0, 0, True, trust=1.0, gain=1.0, harm=0.0),
            step(3, 0, 0, True, trust=0.5, gain=0.75, harm=0.5),
            step(3, 1, 0, True, trust=0.25, gain=0.5, harm=1.0),
            step(3, 2, 0, False, trust=0.125, gain=0.25, harm=1.0, **low),
            step(3, 3, 0, False, trust=None, gain=None, harm=None, **low),
        ],
    )
    numbers = analysis.trust(sweep).numbers
    names = ["quantity", "layer", "accepted", "reason", "count", "mean", "min", "max"]
    assert numbers[names].values.tolist() == [
        ["trust", 0, True, "improved", 2, 0.375, 0.25, 0.5],
        ["trust", 1, False, "trust_low_rolled_back", 1, 0.125, 0.125, 0.125],
        ["gain", 0, True, "improved", 2, 0.625, 0.5, 0.75],
        ["gain", 1, False, "trust_low_rolled_back", 1, 0.25, 0.25, 0.25],
        ["harm", 0, True, "improved", 2, 0.75, 0.5, 1.0],
        ["harm", 1, False, "trust_low_rolled_back", 1, 1.0, 1.0, 1.0],
    ]


def test_steps_without_trust_are_no_answer(tmp_path: Path) -> None:
    sweep = sweep_of(tmp_path, [trial(3)], [step(3, 0, 0, True)])
    assert analysis.trust(sweep).numbers.empty


def test_every_step_of_search_trials_counts(real_sweep: analysis.Sweep) -> None:
    steps = real_sweep.steps.merge(real_sweep.trials.query("role == 'search'")[["trial"]])
    trust = analysis.trust(real_sweep).numbers.query("quantity == 'trust'")
    assert trust["count"].sum() == len(steps)
    mean = (trust["mean"] * trust["count"]).sum() / len(steps)
    assert mean == pytest.approx(steps["trust"].mean())
