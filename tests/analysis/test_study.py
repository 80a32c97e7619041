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
from analysis.study import study
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
        ({"greedy.steps": distribution_to_json(IntDistribution(4, 8))}, "trial 0 has settings out"),
        ({"layers": distribution_to_json(CategoricalDistribution(["[2]"]))}, "trial 0 has sett"),
    ],
)
def test_what_is_no_study_is_named(written: dict[str, Any], message: str) -> None:
    with pytest.raises(ResultsError, match=message):
        study(made_sweep([row(composite=0.5)], distributions=written))
