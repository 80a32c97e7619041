"""Which settings matter: a planted one is found, and too little data is said to be that."""

from __future__ import annotations

import math
from itertools import product

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

import analysis
from analysis.answers import importance as importances
from analysis.answers import parameters
from analysis.answers.importance import importance
from analysis.answers.parameters import contour, parallel_coordinates, slices
from tests.analysis.made_sweep import made_sweep

SPACE = {
    "greedy.steps": IntDistribution(1, 8),
    "greedy.min_improvement": FloatDistribution(0, 1),
    "mu": CategoricalDistribution([10]),
}
# The composite follows the steps alone.
TRIALS = [
    {
        "config/greedy.steps": steps,
        "config/greedy.min_improvement": k / 8,
        "config/mu": 10.0,
        "composite": steps / 10 + k / 1000,
    }
    for steps, k in product(range(1, 9), range(8))
]
SWEEP = made_sweep(TRIALS)


@pytest.mark.parametrize("evaluator", ["ped-anova", "fanova", "mdi"])
def test_the_setting_that_the_composite_follows_matters_most(evaluator: str) -> None:
    numbers, figure = importance(SWEEP, evaluator, SPACE)
    assert numbers["setting"][0] == "greedy.steps" and numbers["importance"][0] > 0.6
    assert numbers["importance"].sum() == pytest.approx(1)
    assert numbers.set_index("setting").loc["mu", "importance"] == 0
    assert {*numbers["evaluator"]} == {evaluator} and {*numbers["trials"]} == {64}
    assert [*figure.data[0].x] == [*numbers["importance"]]


@pytest.mark.parametrize(("trials", "top"), [(64, 0.1), (40, 5 / 40), (20, 5 / 20)])
def test_the_top_group_has_a_tenth_of_the_trials_and_five_at_least(trials: int, top: float) -> None:
    by_hand = optuna.create_study(direction="maximize")
    for row in TRIALS[:trials]:
        params = {key: row[f"config/{key}"] for key in ("greedy.steps", "greedy.min_improvement")}
        by_hand.add_trial(
            optuna.create_trial(
                params=params,
                distributions={key: SPACE[key] for key in params},
                value=row["composite"],
            )
        )
    evaluator = optuna.importance.PedAnovaImportanceEvaluator(target_quantile=top)
    expected = optuna.importance.get_param_importances(by_hand, evaluator=evaluator)
    found = importance(made_sweep(TRIALS[:trials]), distributions=SPACE).numbers
    shares = found.set_index("setting")["importance"].drop("mu").to_dict()
    assert shares == pytest.approx(expected)


GATED = {
    "trust.enabled": CategoricalDistribution([False, True]),
    "trust.threshold": FloatDistribution(0, 1),
}
# The gate is on in every second trial. The threshold matters there, and elsewhere is the reverse.
GATED_SWEEP = made_sweep(
    [
        {
            "config/trust.enabled": k % 2 == 0,
            "config/trust.threshold": (k / 60) if k % 2 == 0 else 1 - k / 60,
            "composite": 0.5 + k / 200,
        }
        for k in range(60)
    ]
)


def test_a_setting_counts_only_where_it_was_read() -> None:
    numbers = importance(GATED_SWEEP, distributions=GATED).numbers
    assert numbers["setting"].tolist() == ["trust.threshold", "trust.enabled"]
    of_forest = importance(GATED_SWEEP, "mdi", GATED).numbers
    assert of_forest["setting"].tolist() == ["trust.enabled"]
    with pytest.raises(analysis.ResultsError, match="no searched setting was read by every trial"):
        importance(GATED_SWEEP, "mdi", {"trust.threshold": GATED["trust.threshold"]})
    assert slices(GATED_SWEEP, GATED).numbers["setting"].value_counts().to_dict() == {
        "trust.enabled": 60,
        "trust.threshold": 30,
    }
    with pytest.raises(
        analysis.ResultsError, match=r"needs two values of trust\.enabled in trials"
    ):
        contour(GATED_SWEEP, "trust.enabled", "trust.threshold", GATED)


def test_parallel_coordinates_draw_trials_that_did_not_read_all_settings_too() -> None:
    numbers, figure = parallel_coordinates(GATED_SWEEP, GATED)
    assert numbers["trust.threshold"].isna().tolist() == [False, True] * 30
    assert sum(trace.mode == "lines" for trace in figure.data) == 60


def test_trials_of_another_space_have_nothing_to_say() -> None:
    space = {"mu": CategoricalDistribution([100, 1000])}
    for question in (importance, slices, parallel_coordinates):
        with pytest.raises(analysis.ResultsError, match="no completed search trial read what was"):
            question(SWEEP, distributions=space)


def test_importance_says_what_it_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(analysis.ResultsError, match=r"needs 20 completed search trials, but .* 19"):
        importance(made_sweep(TRIALS[:19]), distributions=SPACE)
    flat = made_sweep([{**trial, "composite": 0.5} for trial in TRIALS])
    with pytest.raises(analysis.ResultsError, match="needs composites that differ"):
        importance(flat, distributions=SPACE)
    with pytest.raises(ValueError, match=r"must be one of ped-anova, fanova, mdi.*'shap'"):
        importance(SWEEP, "shap", SPACE)
    monkeypatch.setattr(importances, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match="scikit-learn must be installed"):
        importance(SWEEP, "mdi", SPACE)


def test_a_setting_that_some_trials_lack_has_its_own_rows_only() -> None:
    trials = [*TRIALS[:2], {**TRIALS[2], "config/greedy.min_improvement": math.nan}]
    numbers = slices(made_sweep(trials), SPACE).numbers
    assert numbers.groupby("setting").size().to_dict() == {
        "greedy.steps": 3,
        "greedy.min_improvement": 2,
        "mu": 3,
    }
    assert parallel_coordinates(made_sweep(trials), SPACE).numbers["trial"].tolist() == [0, 1, 2]


def test_numbers_hold_what_is_drawn() -> None:
    numbers, figure = slices(SWEEP, SPACE)
    steps = numbers[numbers["setting"] == "greedy.steps"]
    drawn = next(t for t in figure.data if {*t.x} == {*range(1, 9)})
    assert [*drawn.y] == [*steps["composite"]] == [trial["composite"] for trial in TRIALS]
    wide, figure = parallel_coordinates(SWEEP, SPACE)
    lines = [trace for trace in figure.data if trace.mode == "lines"]
    heights = sorted(float(line.customdata[0][1]) for line in lines)
    assert heights == pytest.approx(sorted(wide["composite"]))


@pytest.mark.parametrize(
    ("x", "y"),
    [("greedy.steps", "greedy.min_improvement"), ("greedy.min_improvement", "greedy.steps")],
)
def test_a_contour_has_its_axes_as_they_were_asked_for(x: str, y: str) -> None:
    numbers, figure = contour(SWEEP, x, y, SPACE)
    assert [*numbers] == ["trial", x, y, "composite"]
    assert (figure.layout.xaxis.title.text, figure.layout.yaxis.title.text) == (x, y)
    points = next(trace for trace in figure.data if trace.type == "scatter")
    assert ([*points.x], [*points.y]) == ([*numbers[x]], [*numbers[y]])
    surface = next(trace for trace in figure.data if trace.type == "contour")
    for _, row in numbers.iterrows():
        place = [*surface.y].index(row[y]), [*surface.x].index(row[x])
        assert surface.z[place[0]][place[1]] == pytest.approx(row["composite"], abs=1e-3)


def test_of_many_trials_some_lines_are_drawn_and_the_best_is_among_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(parameters, "MOST_LINES", 30)
    numbers, figure = parallel_coordinates(SWEEP, SPACE)
    drawn = [float(line.customdata[0][1]) for line in figure.data if line.mode == "lines"]
    assert len(numbers) == 64 and len(drawn) == 22  # every third
    assert max(drawn) == numbers["composite"].max() and min(drawn) < 0.2


def test_a_contour_needs_two_searched_settings_that_vary() -> None:
    for x, y in (("greedy.steps", "greedy.steps"), ("greedy.steps", "rank")):
        with pytest.raises(ValueError, match=r"x and y must be two of greedy\.steps"):
            contour(SWEEP, x, y, SPACE)
    with pytest.raises(analysis.ResultsError, match="needs two values of mu"):
        contour(SWEEP, "greedy.steps", "mu", SPACE)


def test_there_must_be_completed_trials() -> None:
    failed = made_sweep([{**TRIALS[0], "status": "failed"}])
    for question in (slices, parallel_coordinates):
        with pytest.raises(analysis.ResultsError, match="needs 1 completed search trials"):
            question(failed, SPACE)
