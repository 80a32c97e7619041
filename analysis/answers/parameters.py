"""Which settings matter, and where the good values lie; Optuna computes and draws."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec

import optuna
import pandas as pd
import plotly.graph_objects as go
from optuna import importance as evaluators
from optuna import visualization
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial, TrialState

from analysis.answers.answer import Answer
from analysis.answers.figure_style import TEMPLATE, figure
from analysis.errors import ResultsError
from analysis.judging.study import quiet, study
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

MOST_LINES = 500
"""Trials that parallel coordinates draw at most."""

Distributions = Mapping[str, BaseDistribution] | None


def importance(
    sweep: Sweep, evaluator: str = "ped-anova", distributions: Distributions = None
) -> Answer:
    """How much each searched setting matters for the composite; the shares sum to 1.

    PED-ANOVA (Watanabe et al. 2023) says which settings set the best tenth of the trials, at least
    5, apart from all of them; a setting that some trials did not read counts where others did. It
    is stable from about 50 trials on. fANOVA (Hutter et al. 2014) and mean decrease of impurity
    explain the composite's variance over the whole space; they need scikit-learn, know only
    settings that every trial read, and fANOVA takes a minute for 2,000 trials.

    Returns:
        numbers: setting, importance, evaluator, trials (completed ones, that it was computed from);
        the most important first.

    Raises:
        ResultsError: fewer than 20 completed trials, all with the same composite, or no setting
            that every trial read (fanova, mdi); or as `study`.
        ValueError: an evaluator of another name, or one whose library is not installed; several
            sweeps.

    Example:
        >>> importance(sweep).numbers.head(3)
    """
    if evaluator not in EVALUATORS:
        raise ValueError(
            f"`evaluator` must be one of {', '.join(EVALUATORS)}, but got (evaluator={evaluator!r})"
        )
    if evaluator in NEED_SKLEARN and find_spec("sklearn") is None:
        raise ValueError(
            "scikit-learn must be installed for this evaluator, but got "
            f"(evaluator={evaluator!r}); ped-anova needs none"
        )
    rebuilt, trials = _completed(sweep, distributions, FEWEST, "importance")
    if len({trial.value for trial in trials}) == 1:
        raise ResultsError(
            f"{sweep.path}: importance needs composites that differ, but all completed trials have "
            "the same"
        )
    with quiet(), warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        shares = evaluators.get_param_importances(
            rebuilt, evaluator=EVALUATORS[evaluator](len(trials))
        )
    if not shares:
        raise ResultsError(f"{sweep.path}: no searched setting was read by every trial")
    numbers = pd.DataFrame({"setting": [*shares], "importance": [*shares.values()]})
    numbers = numbers.sort_values(["importance", "setting"], ascending=[False, True])
    numbers = numbers.assign(evaluator=evaluator, trials=len(trials)).reset_index(drop=True)
    return Answer(numbers, _bars(numbers))


def slices(sweep: Sweep, distributions: Distributions = None) -> Answer:
    """The composite of completed search trials against each searched setting alone.

    Returns:
        numbers: setting, trial, value, composite; a row per trial and setting that it read. Lists
        are JSON text.

    Raises:
        ResultsError: no completed trial; or as `study`.

    Example:
        >>> slices(sweep).numbers.groupby(["setting", "value"])["composite"].median()
    """
    rebuilt, trials = _completed(sweep, distributions, 1, "slices")
    rows = [
        {
            "setting": setting,
            "trial": trial.user_attrs["trial"],
            "value": value,
            "composite": trial.value,
        }
        for setting in _settings(trials)
        for trial in trials
        for value in [trial.params.get(setting)]
        if setting in trial.params
    ]
    numbers = pd.DataFrame(rows, columns=["setting", "trial", "value", "composite"])
    return Answer(numbers, _drawn(visualization.plot_slice, rebuilt, _settings(trials)))


def parallel_coordinates(sweep: Sweep, distributions: Distributions = None) -> Answer:
    """Every completed search trial as a line through its settings and its composite.

    The figure has a trace per line; of more than 500 trials it shows every second, third, ... in
    the order of composites, the best one among them. A line has no gaps: it goes through a
    setting's value even if the trial did not read it. `numbers` always has all trials.

    Returns:
        numbers: trial, a column per searched setting, empty where it was not read, composite; lists
        are JSON text.

    Raises:
        ResultsError: no completed trial; or as `study`.

    Example:
        >>> parallel_coordinates(sweep).numbers.nlargest(10, "composite")
    """
    _, trials = _completed(sweep, distributions, 1, "parallel coordinates")
    settings = _settings(trials)
    drawn = study(sweep, distributions, unread=True)
    lines = drawn.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    if len(lines) > MOST_LINES:
        ranked = sorted(lines, key=lambda trial: trial.value or 0.0, reverse=True)
        with quiet():
            drawn = optuna.create_study(direction="maximize")
            drawn.add_trials(ranked[:: math.ceil(len(ranked) / MOST_LINES)])
    chart = _drawn(visualization.plot_parallel_coordinate, drawn, settings)
    return Answer(_wide(trials, settings), chart)


def contour(sweep: Sweep, x: str, y: str, distributions: Distributions = None) -> Answer:
    """The composite over two searched settings, interpolated between completed search trials.

    Args:
        sweep: one sweep.
        x, y: searched settings, such as greedy.steps.
        distributions: as in `study`.

    Returns:
        numbers: trial, a column for each of the two settings, composite; trials that have both.

    Raises:
        ResultsError: no completed trial has both settings, or one of them takes a single value;
            or as `study`.
        ValueError: x or y is not searched, or both are the same.

    Example:
        >>> contour(sweep, "greedy.steps", "greedy.patience").figure.show()
    """
    rebuilt, trials = _completed(sweep, distributions, 1, "contour")
    settings = _settings(trials)
    if x == y or not {x, y} <= {*settings}:
        raise ValueError(
            f"x and y must be two of {', '.join(settings)}, but got (x={x!r}, y={y!r})"
        )
    numbers = _wide([trial for trial in trials if {x, y} <= trial.params.keys()], [x, y])
    single = [key for key in (x, y) if numbers[key].nunique(dropna=False) < 2]
    if single:
        raise ResultsError(
            f"{sweep.path}: contour needs two values of {single[0]} in trials with {x} and {y}"
        )
    chart = _drawn(visualization.plot_contour, rebuilt, [x, y])
    # Optuna puts the setting that comes first in the alphabet on the x axis.
    return Answer(numbers, chart if x < y else _transposed(chart))


def _completed(
    sweep: Sweep, distributions: Distributions, fewest: int, question: str
) -> tuple[optuna.Study, list[FrozenTrial]]:
    rebuilt = study(sweep, distributions)
    trials = rebuilt.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    if len(trials) < fewest:
        raise ResultsError(
            f"{sweep.path}: {question} needs {fewest} completed search trials, but there are "
            f"{len(trials)}"
        )
    if not _settings(trials):
        raise ResultsError(f"{sweep.path}: no completed search trial read what was searched")
    return rebuilt, trials


def _settings(trials: Sequence[FrozenTrial]) -> list[str]:
    return list(dict.fromkeys(setting for trial in trials for setting in trial.params))


def _wide(trials: Sequence[FrozenTrial], settings: Sequence[str]) -> pd.DataFrame:
    rows = [
        {"trial": trial.user_attrs["trial"], **trial.params, "composite": trial.value}
        for trial in trials
    ]
    return pd.DataFrame(rows, columns=["trial", *settings, "composite"])


def _drawn(
    plot: Callable[..., go.Figure], rebuilt: optuna.Study, settings: Sequence[str]
) -> go.Figure:
    with quiet(), warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        chart = plot(rebuilt, params=list(settings), target_name="composite")
    # Optuna's white ground would hide the template's.
    return chart.update_layout(template=TEMPLATE, title=None, plot_bgcolor="rgba(0,0,0,0)")


def _transposed(chart: go.Figure) -> go.Figure:
    for trace in chart.data:
        trace.x, trace.y = trace.y, trace.x
        if trace.type == "contour":
            trace.z = [*zip(*trace.z, strict=True)]
    across, up = chart.layout.xaxis.to_plotly_json(), chart.layout.yaxis.to_plotly_json()
    chart.layout.xaxis, chart.layout.yaxis = up, across
    return chart


def _bars(numbers: pd.DataFrame) -> go.Figure:
    chart = figure()
    chart.add_bar(x=numbers["importance"], y=numbers["setting"], orientation="h")
    chart.update_xaxes(title="share of importance", rangemode="tozero")
    chart.update_yaxes(autorange="reversed")
    return chart
