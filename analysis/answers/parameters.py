"""Where the good values of the searched settings lie; Optuna computes and draws."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping, Sequence

import optuna
import pandas as pd
import plotly.graph_objects as go
from optuna import visualization
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial, TrialState

from analysis.answers.answer import Answer
from analysis.answers.figure_style import TEMPLATE
from analysis.errors import ResultsError
from analysis.judging.study import quiet, study
from analysis.tables.sweep import Sweep

MOST_LINES = 500
"""Trials that parallel coordinates draw at most."""

Distributions = Mapping[str, BaseDistribution] | None


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
    rebuilt, trials = completed(sweep, distributions, 1, "slices")
    rows = [
        {
            "setting": setting,
            "trial": trial.user_attrs["trial"],
            "value": value,
            "composite": trial.value,
        }
        for setting in settings_of(trials)
        for trial in trials
        for value in [trial.params.get(setting)]
        if setting in trial.params
    ]
    numbers = pd.DataFrame(rows, columns=["setting", "trial", "value", "composite"])
    return Answer(numbers, _drawn(visualization.plot_slice, rebuilt, settings_of(trials)))


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
    _, trials = completed(sweep, distributions, 1, "parallel coordinates")
    settings = settings_of(trials)
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
    rebuilt, trials = completed(sweep, distributions, 1, "contour")
    settings = settings_of(trials)
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


def completed(
    sweep: Sweep, distributions: Distributions, fewest: int, question: str
) -> tuple[optuna.Study, list[FrozenTrial]]:
    """A sweep's study, and its completed search trials.

    Raises:
        ResultsError: there are fewer than the question needs; or as `study`.
    """
    rebuilt = study(sweep, distributions)
    trials = rebuilt.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    if len(trials) < fewest:
        raise ResultsError(
            f"{sweep.path}: {question} needs {fewest} completed search trials, but there are "
            f"{len(trials)}"
        )
    if not settings_of(trials):
        raise ResultsError(f"{sweep.path}: no completed search trial read what was searched")
    return rebuilt, trials


def settings_of(trials: Sequence[FrozenTrial]) -> list[str]:
    """The searched settings that some of the trials read."""
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
