"""Which settings matter: a planted one is found, and too little data is said to be that."""

from __future__ import annotations

import math
from itertools import product

import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

import analysis
from analysis.answers import parameters
from analysis.answers.parameters import contour, importance, parallel_coordinates, slices
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


def test_importance_says_what_it_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(analysis.ResultsError, match=r"needs 20 completed search trials, but .* 19"):
        importance(made_sweep(TRIALS[:19]), distributions=SPACE)
    flat = made_sweep([{**trial, "composite": 0.5} for trial in TRIALS])
    with pytest.raises(analysis.ResultsError, match="needs composites that differ"):
        importance(flat, distributions=SPACE)
    with pytest.raises(ValueError, match=r"must be one of ped-anova, fanova, mdi.*'shap'"):
        importance(SWEEP, "shap", SPACE)
    monkeypatch.setattr(parameters, "find_spec", lambda name: None)
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
