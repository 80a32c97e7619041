"""Which steps are kept, why the others are not, and where batches end up."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from analysis.answers.answer import Answer
from analysis.answers.distribution import SPREAD, binned, box, spread
from analysis.answers.drawing import ROLE_COLORS, SUCCESS_RANGE, nothing, shown, thinned
from analysis.answers.figure_style import COLORS, figure
from analysis.answers.rows import searched, setting, steps_of
from analysis.tables.sweep import Sweep

BY_STEP = ("role", "layer", "step", "attempted", "accepted", "rate")
BY_SETTING = ("setting", "value", "low", "high", "trials", "attempted", "accepted", "rate")
REASONS = ("role", "reason", "accepted", "count", "share")
IMPROVEMENT = ("signal", "layer", "step", "accepted", *SPREAD)
FRACTIONS = ("role", "layer", "fraction", "batches", "share")

NO_STEPS = "no trial has taken a step yet"


def accept_rate_by_step(sweep: Sweep) -> Answer:
    """How often a step is kept, by its position in the greedy loop.

    Each step counts once: long walks weigh more than they would in a mean of trials' rates.

    Returns:
        By `role` (search, or a baseline), `layer` and `step` (positions from 0): `attempted`,
        `accepted`, `rate` in [0, 1].

    Example:
        >>> accept_rate_by_step(sweep).numbers.query("role == 'search'").set_index("step")["rate"]
    """
    steps = steps_of(sweep, sweep.trials)
    if steps.empty:
        return nothing(BY_STEP, NO_STEPS)
    numbers = _rates(steps, ["role", "layer", "step"])[[*BY_STEP]]
    drawn = figure()
    for name, color, rows in _series(numbers, ["role", "layer"]):
        drawn.add_scatter(
            x=rows["step"],
            y=rows["rate"],
            customdata=rows[["accepted", "attempted"]],
            mode="lines+markers",
            name=name,
            line_color=color,
            hovertemplate="step %{x}: %{y:.3f} (%{customdata[0]} of %{customdata[1]} kept)",
        )
    drawn.update_xaxes(title="position of the step in its batch (from 0)", dtick=1)
    drawn.update_yaxes(title="accepted / attempted", range=SUCCESS_RANGE)
    return Answer(numbers, drawn)


def accept_rate_by_setting(sweep: Sweep, key: str) -> Answer:
    """How often search trials keep a step, by what one setting was.

    A setting of more than 8 different numbers is put into 8 bins of about as many trials each
    (`pandas.qcut`).

    Args:
        sweep: the sweep.
        key: the setting's dotted key.

    Returns:
        By `value` (the setting's, or the bin's ends): `setting`, `low` and `high` (ends of the
        numbers in the bin; empty for text), `trials`, `attempted`, `accepted`, `rate` in [0, 1].

    Raises:
        ResultsError: trials have no such setting.

    Example:
        >>> accept_rate_by_setting(sweep, "greedy.min_improvement").numbers
    """
    trials = searched(sweep)
    trials = binned(trials.assign(setting=setting(sweep, trials, key)), "setting")
    of_bin = ["bin", "value", "low", "high"]
    steps = steps_of(sweep, trials, of_bin)
    if steps.empty:
        return nothing(BY_SETTING, "no search trial has taken a step yet")
    rates = _rates(steps, of_bin)
    counts = steps.groupby("bin")["trial"].nunique()
    numbers = rates.assign(setting=key, trials=rates["bin"].map(counts))[[*BY_SETTING]]
    drawn = figure()
    drawn.add_bar(
        x=[shown(value) for value in numbers["value"]],
        y=numbers["rate"],
        customdata=numbers[["accepted", "attempted", "trials"]],
        marker_color=COLORS[0],
        hovertemplate="%{x}: %{y:.3f} (%{customdata[0]} of %{customdata[1]} steps kept, "
        "%{customdata[2]} trials)<extra></extra>",
    )
    drawn.update_xaxes(title=shown(key), type="category")
    drawn.update_yaxes(title="accepted / attempted", range=SUCCESS_RANGE)
    return Answer(numbers, drawn)


def reasons(sweep: Sweep) -> Answer:
    """Why steps were kept or not.

    Returns:
        By `role` and `reason`: `accepted` (whether such steps are kept), `count`, and `share` of
        the role's steps, in [0, 1].

    Example:
        >>> reasons(sweep).numbers.query("role == 'search'").set_index("reason")["share"]
    """
    steps = steps_of(sweep, sweep.trials)
    if steps.empty:
        return nothing(REASONS, NO_STEPS)
    groups = steps.groupby(["role", "reason", "accepted"], as_index=False)
    numbers = groups.size().rename(columns={"size": "count"})
    numbers["share"] = numbers["count"] / numbers.groupby("role")["count"].transform("sum")
    numbers = numbers.sort_values(["role", "count"], ascending=[True, False], ignore_index=True)
    drawn = figure()
    for name, color, rows in _series(numbers, ["role"]):
        drawn.add_bar(
            x=rows["share"],
            y=[shown(reason) for reason in rows["reason"]],
            customdata=rows[["count"]],
            orientation="h",
            name=name,
            marker_color=color,
            hovertemplate="%{y}: %{x:.1%} (%{customdata[0]} steps)",
        )
    drawn.update_xaxes(title="share of the steps", tickformat=".0%")
    drawn.update_yaxes(title={"text": "reason", "standoff": 10})
    return Answer(numbers[[*REASONS]], drawn)


def improvement_per_step(sweep: Sweep) -> Answer:
    """By how much steps of search trials change the probes' composite, kept and not kept.

    Returns:
        By `signal` (margins and successes are different units), `layer`, `step` (from 0) and
        `accepted`: `count`, `mean`, `min`, `q25`, `median`, `q75`, `max` of `improvement`, in the
        signal's units.

    Raises:
        ResultsError: trials have no setting greedy.signal.

    Example:
        >>> improvement_per_step(sweep).numbers.query("accepted").set_index("step")["median"]
    """
    trials = searched(sweep)
    trials = trials.assign(signal=setting(sweep, trials, "greedy.signal"))
    steps = steps_of(sweep, trials, ["signal"]).dropna(subset=["improvement"])
    if steps.empty:
        return nothing(IMPROVEMENT, "no search trial has taken a step yet")
    numbers = spread(steps, ["signal", "layer", "step", "accepted"], "improvement")
    verdicts = numbers["accepted"].map({True: "accepted", False: "rejected"})
    drawn = figure()
    by = ["verdict", "signal", "layer"]
    for name, color, rows in _series(numbers.assign(verdict=verdicts), by):
        drawn.add_trace(box(rows, "step", name, color))
    drawn.update_layout(boxmode="group")
    drawn.update_xaxes(title="position of the step in its batch (from 0)", type="category")
    drawn.update_yaxes(title="improvement (signal's units)")
    return Answer(numbers, drawn)


def final_fractions(sweep: Sweep) -> Answer:
    """How much of its update each batch ends with.

    Returns:
        By `role`, `layer` and `fraction` (that of the last step of a trial's batch, in [0, 1]):
        `batches`, how many ended there, and `share` of the role's batches at the layer.

    Example:
        >>> final_fractions(sweep).numbers.query("role == 'search' and fraction == 0")
    """
    steps = steps_of(sweep, sweep.trials).dropna(subset=["fraction_after"])
    if steps.empty:
        return nothing(FRACTIONS, NO_STEPS)
    batch = ["trial", "sequence", "batch", "layer"]
    last = steps.sort_values("step").drop_duplicates(batch, keep="last")
    groups = last.groupby(["role", "layer", "fraction_after"], as_index=False, dropna=False)
    numbers = groups.size().rename(columns={"fraction_after": "fraction", "size": "batches"})
    of_layer = numbers.groupby(["role", "layer"], dropna=False)["batches"]
    numbers["share"] = numbers["batches"] / of_layer.transform("sum")
    drawn = figure()
    for name, color, rows in _series(numbers, ["role", "layer"]):
        rows = thinned(rows)
        drawn.add_scatter(
            x=rows["fraction"],
            y=rows["share"],
            customdata=rows[["batches"]],
            mode="markers",
            name=name,
            marker={"color": color, "size": 10, "opacity": 0.8},
            hovertemplate="fraction %{x:.3f}: %{y:.1%} (%{customdata[0]} batches)",
        )
    drawn.update_xaxes(title="fraction of the batch's update in the model", range=SUCCESS_RANGE)
    drawn.update_yaxes(title="share of the batches", tickformat=".0%", rangemode="tozero")
    return Answer(numbers[[*FRACTIONS]], drawn)


def _rates(steps: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    groups = steps.groupby([*by], dropna=False)["accepted"]
    counts = groups.agg(attempted="count", accepted="sum").reset_index()
    return counts.assign(rate=counts["accepted"] / counts["attempted"])


def _series(numbers: pd.DataFrame, by: Sequence[str]) -> list[tuple[str, str, pd.DataFrame]]:
    """Name, color and rows of each trace; names say what differs between them."""
    varying = [name for name in by if numbers[name].nunique(dropna=False) > 1] or [by[0]]
    groups = [*numbers.groupby(varying, dropna=False, sort=True)]
    colors = [COLORS[number % len(COLORS)] for number in range(len(groups))]
    if varying == ["role"]:
        colors = [ROLE_COLORS[role] for (role,), _ in groups]
    return [
        (", ".join(map(_named, varying, values)), color, rows)
        for color, (values, rows) in zip(colors, groups, strict=True)
    ]


def _named(column: str, value: object) -> str:
    return f"layer {value}" if column == "layer" else shown(value)
