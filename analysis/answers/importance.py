"""Which settings matter, how surely, and where that holds; Optuna computes."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec

import numpy as np
import optuna
import pandas as pd
import plotly.graph_objects as go
from optuna import importance as evaluators
from optuna.trial import FrozenTrial

from analysis.answers.answer import Answer
from analysis.answers.figure_style import figure
from analysis.answers.parameters import Distributions, completed
from analysis.errors import ResultsError
from analysis.judging.study import quiet
from analysis.tables.config_columns import PREFIX
from analysis.tables.sweep import Sweep

TOP_TRIALS = 5
"""Trials that PED-ANOVA's top group has at least, as its documentation advises."""

EVALUATORS: Mapping[str, Callable[[int], evaluators.BaseImportanceEvaluator]] = {
    "ped-anova": lambda trials: evaluators.PedAnovaImportanceEvaluator(
        target_quantile=max(0.1, TOP_TRIALS / trials)
    ),
    "fanova": lambda trials: evaluators.FanovaImportanceEvaluator(seed=0),
    "mdi": lambda trials: evaluators.MeanDecreaseImpurityImportanceEvaluator(seed=0),
}
"""Evaluators by name, each made for a number of completed trials."""

NEED_SKLEARN = ("fanova", "mdi")

FEWEST = 20
"""Completed trials that importance needs: PED-ANOVA compares the best of them with all."""

RESAMPLES = {"ped-anova": 50, "fanova": 0, "mdi": 0}
"""Bootstrap samples unless another number is given. The forests of the others take long, and see a
trial that was drawn twice as surer than it is."""

LEVEL = 0.9
"""Confidence level of the intervals, for whose ends so many samples are enough."""

INDEPENDENT = ("random", "qmc")
"""Samplers that propose settings from the whole space, whatever came of earlier ones."""

EVERYWHERE = "the whole space"


def importance(
    sweep: Sweep,
    evaluator: str = "ped-anova",
    distributions: Distributions = None,
    resamples: int | None = None,
) -> Answer:
    """How much each searched setting matters for the composite; the shares sum to 1.

    PED-ANOVA (Watanabe et al. 2023) says which settings set the best tenth of the trials, at least
    5, apart from all of them; a setting that some trials did not read counts where others did. It
    is stable from about 50 trials on. fANOVA (Hutter et al. 2014) and mean decrease of impurity
    explain the composite's variance over the whole space; they need scikit-learn, know only
    settings that every trial read, and fANOVA takes a minute for 2,000 trials.

    The shares hold for where the trials lie. TPE's lie where it expected good values, and those
    that a scheduler stopped are not counted: a setting that is always well chosen there may matter
    much elsewhere. Shares are never below 0, so that of a setting that does not matter is too large
    by some hundredths, and so is its interval.

    Args:
        sweep: one sweep.
        evaluator: ped-anova, fanova or mdi.
        distributions: as in `study`.
        resamples: samples of a bootstrap over trials; None: 50 for ped-anova, none for the others,
            whose intervals would be too narrow.

    Returns:
        numbers: setting, importance, low and high (its 90 % bootstrap interval; empty without
        samples), evaluator, trials (completed ones, that it was computed from), holds_for ("the
        whole space", or which part of it the trials are from); the most important first.

    Raises:
        ResultsError: fewer than 20 completed trials, all with the same composite, or no setting
            that every trial read (fanova, mdi); or as `study`.
        ValueError: an evaluator of another name, or one whose library is not installed; fewer than
            0 samples; several sweeps.

    Example:
        >>> importance(sweep).numbers.head(3)
    """
    _require(evaluator, resamples)
    rebuilt, trials = completed(sweep, distributions, FEWEST, "importance")
    if len({trial.value for trial in trials}) == 1:
        raise ResultsError(
            f"{sweep.path}: importance needs composites that differ, but all completed trials have "
            "the same"
        )
    shares = _shares(rebuilt, evaluator, len(trials))
    if not shares:
        raise ResultsError(f"{sweep.path}: no searched setting was read by every trial")
    count = RESAMPLES[evaluator] if resamples is None else resamples
    lows, highs = _ends(trials, evaluator, [*shares], count)
    numbers = pd.DataFrame({"setting": [*shares], "importance": [*shares.values()]})
    numbers = numbers.assign(low=lows, high=highs, evaluator=evaluator, trials=len(trials))
    numbers = numbers.assign(holds_for=_region(sweep))
    numbers = numbers.sort_values(["importance", "setting"], ascending=[False, True])
    numbers = numbers.reset_index(drop=True)
    return Answer(numbers, _bars(numbers))


def _require(evaluator: str, resamples: int | None) -> None:
    if evaluator not in EVALUATORS:
        raise ValueError(
            f"`evaluator` must be one of {', '.join(EVALUATORS)}, but got (evaluator={evaluator!r})"
        )
    if evaluator in NEED_SKLEARN and find_spec("sklearn") is None:
        raise ValueError(
            "scikit-learn must be installed for this evaluator, but got "
            f"(evaluator={evaluator!r}); ped-anova needs none"
        )
    if resamples is not None and resamples < 0:
        raise ValueError(f"`resamples >= 0` must hold, but got ({resamples=})")


def _shares(rebuilt: optuna.Study, evaluator: str, trials: int) -> dict[str, float]:
    with quiet(), warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return evaluators.get_param_importances(rebuilt, evaluator=EVALUATORS[evaluator](trials))


def _ends(
    trials: Sequence[FrozenTrial], evaluator: str, settings: Sequence[str], count: int
) -> tuple[list[float], list[float]]:
    """Ends of each setting's interval; a sample in which all composites are the same tells none."""
    draws = np.random.default_rng(0)
    found = []
    for _ in range(count):
        drawn = [trials[place] for place in draws.integers(len(trials), size=len(trials))]
        if len({trial.value for trial in drawn}) == 1:
            continue
        with quiet():
            again = optuna.create_study(direction="maximize")
            again.add_trials(drawn)
        shares = _shares(again, evaluator, len(drawn))
        found.append([shares.get(setting, 0.0) for setting in settings])
    if not found:
        return [np.nan] * len(settings), [np.nan] * len(settings)
    outside = (1 - LEVEL) / 2
    ends = np.quantile(np.array(found), [outside, 1 - outside], axis=0)
    return ends[0].tolist(), ends[1].tolist()


def _region(sweep: Sweep) -> str:
    """Which part of the space the completed trials speak for."""
    searched = sweep.search_trials()
    column = f"{PREFIX}search.sampler"
    samplers = {*searched[column].dropna()} if column in searched else {"an unknown sampler"}
    limits = [f"where {name} sampled" for name in sorted(samplers - {*INDEPENDENT})]
    if (searched["status"] == "pruned").any():
        limits.append("settings that were not stopped early")
    return " and ".join(limits) or EVERYWHERE


def _bars(numbers: pd.DataFrame) -> go.Figure:
    chart = figure()
    chart.add_bar(
        x=numbers["importance"],
        y=numbers["setting"],
        orientation="h",
        error_x={
            "type": "data",
            "symmetric": False,
            # A resampled share may lie to one side of the share itself.
            "array": (numbers["high"] - numbers["importance"]).clip(lower=0),
            "arrayminus": (numbers["importance"] - numbers["low"]).clip(lower=0),
        },
    )
    where = numbers["holds_for"].iloc[0]
    chart.update_xaxes(title=f"share of importance, for {where}", rangemode="tozero")
    chart.update_yaxes(autorange="reversed")
    return chart
