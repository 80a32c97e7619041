"""How surely a setting matters, and where: intervals and regions of importance."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from optuna.distributions import FloatDistribution

from analysis.answers.importance import importance
from tests.analysis.made_sweep import made_sweep

SPACE = {name: FloatDistribution(0, 1) for name in ("mu", "values.clamp", "trust.threshold")}


def drawn(seed: int, trials: int, **cells: Any) -> Any:
    """A sweep at random: mu matters most, values.clamp less, trust.threshold not at all."""
    draws = np.random.default_rng(seed)
    rows = []
    for mu, clamp, threshold, noise in draws.random((trials, 4)):
        composite = 0.5 * mu + 0.2 * clamp + 0.1 * noise
        settings = {"mu": mu, "values.clamp": clamp, "trust.threshold": threshold}
        rows.append(
            {**{f"config/{k}": v for k, v in settings.items()}, "composite": composite, **cells}
        )
    return made_sweep(rows)


def test_the_interval_holds_the_share_and_repeats_itself() -> None:
    found = importance(drawn(0, 64), distributions=SPACE).numbers
    assert found["setting"].iloc[0] == "mu"
    assert (found["low"] <= found["high"]).all()
    assert found["low"].iloc[0] < found["importance"].iloc[0] < found["high"].iloc[0]
    assert found["low"].iloc[0] > found["high"].iloc[-1], "what matters is told from what does not"
    again = importance(drawn(0, 64), distributions=SPACE).numbers
    assert found.equals(again)


@pytest.mark.parametrize("sweeps", [6, pytest.param(40, marks=pytest.mark.nightly)])
def test_intervals_hold_what_many_trials_say(sweeps: int) -> None:
    """At night 90 % with the error of 40 sweeps; by day enough to notice a wrong interval."""
    many = importance(drawn(1, 2000), distributions=SPACE, resamples=0).numbers
    truth = many.set_index("setting")["importance"]
    held = dict.fromkeys(("mu", "values.clamp"), 0)
    for seed in range(2, 2 + sweeps):
        few = importance(drawn(seed, 64), distributions=SPACE, resamples=20).numbers
        ends = few.set_index("setting")[["low", "high"]]
        for setting in held:
            low, high = ends.loc[setting]
            held[setting] += low <= truth[setting] <= high
    assert min(held.values()) >= 0.8 * sweeps


def test_more_trials_make_it_narrower() -> None:
    widths = []
    for trials in (40, 200):
        found = importance(drawn(3, trials), distributions=SPACE, resamples=20).numbers
        ends = found.set_index("setting").loc["mu"]
        widths.append(ends["high"] - ends["low"])
    assert widths[1] < widths[0]


def test_without_samples_there_is_no_interval() -> None:
    found, figure = importance(drawn(0, 32), distributions=SPACE, resamples=0)
    assert found[["low", "high"]].isna().all(axis=None)
    assert [*figure.data[0].x] == [*found["importance"]]
    with pytest.raises(ValueError, match=r"`resamples >= 0` must hold, but got \(resamples=-1\)"):
        importance(drawn(0, 32), distributions=SPACE, resamples=-1)


@pytest.mark.parametrize(
    ("cells", "region"),
    [
        ({"config/search.sampler": "random"}, "the whole space"),
        ({"config/search.sampler": "qmc"}, "the whole space"),
        ({"config/search.sampler": "tpe"}, "where tpe sampled"),
        ({}, "where an unknown sampler sampled"),
    ],
)
def test_it_says_for_which_settings_it_holds(cells: dict[str, Any], region: str) -> None:
    found, figure = importance(drawn(0, 32, **cells), distributions=SPACE, resamples=0)
    assert {*found["holds_for"]} == {region}
    assert figure.layout.xaxis.title.text.endswith(region)


def test_settings_that_were_stopped_early_do_not_speak() -> None:
    sweep = drawn(0, 32, **{"config/search.sampler": "random"})
    sweep.trials.loc[30, "status"] = "pruned"
    found = importance(sweep, distributions=SPACE, resamples=0).numbers
    assert {*found["holds_for"]} == {"settings that were not stopped early"}
    assert {*found["trials"]} == {31}
