"""A sweep's search trials as an Optuna study."""

from __future__ import annotations

import math
from typing import Any

import pytest
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
    distribution_to_json,
)
from optuna.trial import TrialState

from analysis import ResultsError
from analysis.judging.study import study
from tests.analysis.made_sweep import made_sweep

SPACE: dict[str, BaseDistribution] = {
    "greedy.steps": IntDistribution(1, 8),
    "mu": CategoricalDistribution([1, 10]),
    "layers": CategoricalDistribution(["[0]", "[0, 1]"]),
    "rank": CategoricalDistribution([None, 4]),
    "trust.threshold": FloatDistribution(0, 1),
}
WRITTEN = {key: distribution_to_json(each) for key, each in SPACE.items()}


def row(**more: Any) -> dict[str, Any]:
    settings = {"greedy.steps": 2, "mu": 10.0, "layers": "[0, 1]", "rank": math.nan}
    settings["trust.threshold"] = math.nan
    cells = {f"config/{key}": value for key, value in settings.items()}
    return {**cells, "rung_4": 0.25, "rung_8": math.nan, **more}


def test_trials_come_back_as_they_were_told() -> None:
    trials = [
        row(role="baseline_full", composite=0.9),
        row(composite=0.5, es=0.4, **{"config/trust.threshold": 0.125, "config/rank": 4.0}),
        row(status="pruned", composite=0.25),
        row(status="failed"),
        row(status="pruned", rung_4=math.nan),
    ]
    completed, pruned, failed, unmeasured = study(made_sweep(trials, distributions=WRITTEN)).trials
    assert (completed.state, completed.value) == (TrialState.COMPLETE, 0.5)
    expected = {"greedy.steps": 2, "mu": 10, "layers": "[0, 1]", "rank": 4}
    assert completed.params == {**expected, "trust.threshold": 0.125}
    assert completed.user_attrs == {
        "trial": 1, "role": "search", "es": 0.4, "probe_prompts": 12, "seconds": 0.5
    }  # fmt: skip
    assert (pruned.state, pruned.intermediate_values) == (TrialState.PRUNED, {4: 0.25})
    assert [failed.state, unmeasured.state] == [TrialState.FAIL] * 2


def test_an_empty_cell_is_null_where_that_is_a_choice_and_else_an_absent_setting() -> None:
    [trial] = study(made_sweep([row(composite=0.5)], distributions=WRITTEN)).trials
    assert trial.params["rank"] is None
    assert "trust.threshold" not in trial.params


@pytest.mark.parametrize(
    ("key", "cell", "distribution", "inside"),
    [
        ("greedy.steps", 3.0, IntDistribution(1, 8), True),
        ("greedy.steps", 9.0, IntDistribution(1, 8), False),
        ("greedy.steps", 4.0, IntDistribution(1, 7, step=2), False),
        ("greedy.steps", 2.5, IntDistribution(1, 8), False),
        ("greedy.min_improvement", 0.05, FloatDistribution(0, 0.05), True),
        ("greedy.min_improvement", 0.06, FloatDistribution(0, 0.05), False),
        ("greedy.min_improvement", "0.01", FloatDistribution(0, 0.05), False),
        ("layers", "[0,1]", CategoricalDistribution(["[0]", "[0, 1]"]), True),
        ("layers", "[2]", CategoricalDistribution(["[0]", "[0, 1]"]), False),
        ("layers", "[", CategoricalDistribution(["[0]", "[0, 1]"]), False),
        ("rank", 16.0, CategoricalDistribution([None, 4]), False),
        ("rank", math.nan, CategoricalDistribution([4, 16]), False),
        ("trust.enabled", True, CategoricalDistribution([False, True]), True),
        ("trust.enabled", True, CategoricalDistribution([0, 1]), False),
    ],
)
def test_a_value_outside_of_its_distribution_is_absent(
    key: str, cell: Any, distribution: BaseDistribution, inside: bool
) -> None:
    found = study(made_sweep([row(composite=0.5, **{f"config/{key}": cell})]), {key: distribution})
    assert (found.trials[0].params.keys() == {key}) == inside
    assert found.trials[0].distributions.keys() == found.trials[0].params.keys()
    assert found.best_value == 0.5, "the trial itself counts"


GATE = {"trust.enabled": True}
OPEN = {"trust.enabled": False}


@pytest.mark.parametrize(
    ("settings", "unread"),
    [
        ({**GATE, "greedy.accept_by": "probes", "trust.action": "scale"}, set()),
        ({**GATE, "greedy.accept_by": "probes", "trust.action": "rollback"}, {"trust.scale"}),
        (
            {**OPEN, "greedy.accept_by": "probes", "trust.action": "scale"},
            {"trust.threshold", "trust.scale", "trust.action"},
        ),
        (
            {**GATE, "greedy.accept_by": "distance", "trust.action": "scale"},
            {"greedy.min_improvement", "greedy.signal"},
        ),
        (
            {**OPEN, "greedy.accept_by": "always", "trust.action": "scale"},
            {"trust.threshold", "trust.scale", "trust.action"}
            | {"greedy.min_improvement", "greedy.signal", "greedy.steps", "greedy.patience"},
        ),
        (
            {**OPEN, "greedy.accept_by": "always", "greedy.max_norm_ratio": 2.0},
            {"trust.threshold", "trust.scale", "trust.action"}
            | {"greedy.min_improvement", "greedy.signal"},
        ),
    ],
)
def test_a_setting_that_a_trial_did_not_read_is_absent(
    settings: dict[str, Any], unread: set[str]
) -> None:
    searched: dict[str, BaseDistribution] = {
        "greedy.accept_by": CategoricalDistribution(["probes", "distance", "always"]),
        "greedy.min_improvement": FloatDistribution(0, 1),
        "greedy.patience": IntDistribution(1, 4),
        "greedy.signal": CategoricalDistribution(["margin", "success"]),
        "greedy.steps": IntDistribution(1, 8),
        "mu": FloatDistribution(1, 100),
        "trust.action": CategoricalDistribution(["rollback", "scale"]),
        "trust.enabled": CategoricalDistribution([False, True]),
        "trust.scale": FloatDistribution(0, 1),
        "trust.threshold": FloatDistribution(0, 1),
    }
    had = {
        **dict.fromkeys(searched, 1.0),
        "greedy.signal": "margin",
        "greedy.max_norm_ratio": math.nan,
        "trust.action": "scale",
        **settings,
    }
    sweep = made_sweep([{"composite": 0.5, **{f"config/{k}": cell for k, cell in had.items()}}])
    [trial] = study(sweep, searched).trials
    assert searched.keys() - trial.params.keys() == unread
    [trial] = study(sweep, searched, unread=True).trials
    assert trial.params == {key: had[key] for key in searched}


def test_distributions_are_named_where_they_are_missing_and_may_be_passed() -> None:
    sweep = made_sweep([row(composite=0.5)])
    with pytest.raises(ResultsError, match="has no key `distributions`"):
        study(sweep)
    assert study(sweep, SPACE).best_value == 0.5


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ({"greedy.steps": "{"}, r"'greedy\.steps' is none of Optuna's"),
        ({"greedy.steps": 3}, r"'greedy\.steps' is none of Optuna's"),
        ({"other": WRITTEN["mu"]}, "trials have no column config/other"),
    ],
)
def test_what_is_no_study_is_named(written: dict[str, Any], message: str) -> None:
    with pytest.raises(ResultsError, match=message):
        study(made_sweep([row(composite=0.5)], distributions=written))
