"""How metrics move as edits arrive, and what becomes of the early ones."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from itertools import cycle

import pandas as pd
from plotly.subplots import make_subplots

from analysis.answers.answer import Answer
from analysis.answers.drawing import ROLE_COLORS, SUCCESS_RANGE, nothing, thinned
from analysis.answers.figure_style import ACCENT, COLORS, figure
from analysis.answers.rows import searched, setting
from analysis.errors import ResultsError
from analysis.tables.config_columns import list_cell
from analysis.tables.sweep import Sweep, best

KINDS = ("es", "ps", "ns")
CURVE = ("trial", "role", "edits_done", "records", *KINDS, "composite")
RETENTION = ("trial", "role", "batch", "edited_at", "edits_done", "records", *KINDS)

MOST_PROMPTS = 10_000
"""More prompts than a record has: the largest denominator of its share of successes."""

NO_RECORDS = "none of these trials has reported records yet"


def learning_curve(sweep: Sweep, trials: Sequence[int] | None = None) -> Answer:
    """Held-out metrics of some trials after each report's edits, over all edits done by then.

    Means over records that have prompts of the kind, weighed into the composite as the search did
    it, in fractions: under `search.resource: edits` the composites are exactly the columns
    `rung_<edits>` and `composite` of the trials. Under `steps` the means are over all records of
    the plan, and several reports may lie within one batch; the last of them counts.

    Args:
        sweep: the sweep.
        trials: their numbers; None: the best search trial and the baselines.

    Returns:
        By `trial`, `role` and `edits_done`: `records`, `es`, `ps`, `ns`, `composite`, in [0, 1];
        empty where no record has prompts of the kind.

    Raises:
        ResultsError: a trial that has not ended, or composite_weights that are not weights.

    Example:
        >>> learning_curve(sweep, trials=[12]).numbers.set_index("edits_done")["composite"]
    """
    chosen = _chosen(sweep, trials)
    records = _records(sweep, chosen)
    if records.empty:
        return nothing(CURVE, NO_RECORDS)
    weights = dict(zip(chosen["trial"], _weights(sweep, chosen), strict=True))
    rows = []
    for (trial, role, edits), group in records.groupby(["trial", "role", "edits_done"], sort=False):
        means = {kind: _mean(group[kind]) for kind in KINDS}
        composite = _composite([*means.values()], weights[trial])
        values = {name: _float(value) for name, value in {**means, "composite": composite}.items()}
        rows.append([trial, role, edits, len(group), *values.values()])
    numbers = pd.DataFrame(rows, columns=[*CURVE])
    drawn = figure()
    others = cycle((ACCENT, *COLORS[4:]))
    for (trial, role), curve in numbers.groupby(["trial", "role"], sort=False):
        curve = thinned(curve)
        drawn.add_scatter(
            x=curve["edits_done"],
            y=curve["composite"],
            customdata=curve[[*KINDS]],
            mode="lines+markers",
            name=_name(trial, role),
            line_color=next(others) if role == "search" else ROLE_COLORS[str(role)],
            hovertemplate="%{x} edits: composite %{y:.4f}<br>ES %{customdata[0]:.3f} "
            "PS %{customdata[1]:.3f} NS %{customdata[2]:.3f}",
        )
    drawn.update_xaxes(title="edits done (requests)")
    drawn.update_yaxes(title="held-out composite (0 to 1)", range=SUCCESS_RANGE)
    return Answer(numbers, drawn)


def retention(sweep: Sweep, trials: Sequence[int] | None = None) -> Answer:
    """What becomes of early edits as later ones arrive: metrics by the batch of the edit.

    The figure shows the first of the trials, at most 8 of its batches, evenly spaced.

    Args:
        sweep: the sweep.
        trials: their numbers; None: the best search trial and the baselines.

    Returns:
        By `trial`, `role`, `batch` and `edits_done` (in one sequence), from the batch's own edit
        on: `edited_at` (edits done when the batch was through), `records` (of all sequences), and
        the means `es`, `ps`, `ns`, in
        [0, 1]; empty where no record of the batch has prompts of the kind.

    Raises:
        ResultsError: a trial that has not ended, or without batch_size.

    Example:
        >>> retention(sweep).numbers.query("batch == 0").set_index("edits_done")["es"]
    """
    chosen = _chosen(sweep, trials)
    settings = {key: setting(sweep, chosen, key, filled=True) for key in ("batch_size", "edits")}
    chosen = chosen.assign(batch_size=settings["batch_size"], length=settings["edits"])
    records = _records(sweep, chosen)
    records = records.merge(chosen[["trial", "batch_size", "length"]], on="trial")
    before = records["sequence"] * records["length"]
    edited_at = ((records["batch"] + 1) * records["batch_size"]).clip(upper=records["length"])
    # Later sequences are edited into other models, which say nothing of this one.
    records = records.assign(edits_done=records["edits_done"] - before, edited_at=edited_at)
    own = (records["edited_at"] <= records["edits_done"]) & (
        records["edits_done"] <= records["length"]
    )
    records = records[own]
    if records.empty:
        return nothing(RETENTION, NO_RECORDS)
    groups = records.groupby([*RETENTION[:5]], sort=False)
    numbers = groups[[*KINDS]].mean().assign(records=groups.size()).reset_index()[[*RETENTION]]
    drawn = make_subplots(rows=1, cols=3, shared_yaxes=True, figure=figure())
    first = numbers[numbers["trial"] == numbers["trial"].iloc[0]]
    batches = thinned(first[["batch"]].drop_duplicates().sort_values("batch"), len(COLORS))
    for color, batch in zip(COLORS, batches["batch"], strict=False):
        curve = thinned(first[first["batch"] == batch])
        for column, kind in enumerate(KINDS, start=1):
            drawn.add_scatter(
                x=curve["edits_done"],
                y=curve[kind],
                mode="lines+markers",
                name=f"batch {batch}",
                legendgroup=f"batch {batch}",
                showlegend=column == 1,
                line_color=color,
                hovertemplate=f"batch {batch}, after %{{x}} edits: "
                f"{kind.upper()} %{{y:.3f}}<extra></extra>",
                row=1,
                col=column,
            )
    for column, kind in enumerate(KINDS, start=1):
        drawn.update_xaxes(title=f"edits done (requests)<br>{kind.upper()}", col=column)
    drawn.update_yaxes(range=SUCCESS_RANGE)
    drawn.update_yaxes(title="held-out success (0 to 1)", col=1)
    return Answer(numbers, drawn)


def _chosen(sweep: Sweep, trials: Sequence[int] | None) -> pd.DataFrame:
    """Rows of the asked trials, in their order."""
    if trials is None:
        baselines = sweep.trials[sweep.trials["role"] != "search"]
        winner = best(searched(sweep))
        numbers = [] if winner is None else [int(winner["trial"])]
        trials = [*numbers, *baselines["trial"].sort_values()]
    missing = [str(number) for number in trials if number not in {*sweep.trials["trial"]}]
    if missing:
        raise ResultsError(f"{sweep.path}: no trial {', '.join(missing)} has ended")
    return (
        sweep.trials.set_index("trial", drop=False).loc[[*dict.fromkeys(trials)]].rename_axis(None)
    )


def _records(sweep: Sweep, chosen: pd.DataFrame) -> pd.DataFrame:
    """Their records, trials in the order of `chosen`, the last report of each number of edits."""
    records = sweep.records.drop_duplicates(["trial", "case_id", "edits_done"], keep="last")
    return chosen[["trial", "role"]].merge(records, on="trial")


def _weights(sweep: Sweep, chosen: pd.DataFrame) -> list[tuple[Fraction, ...]]:
    """Weights of ES, PS and NS in each trial."""
    try:
        lists = [list_cell(text) for text in setting(sweep, chosen, "composite_weights")]
        weights = [tuple(Fraction(str(weight)) for weight in each) for each in lists]
    except (TypeError, ValueError, AttributeError):
        weights = []
    if len(weights) != len(chosen) or any(len(each) != len(KINDS) for each in weights):
        raise ResultsError(f"{sweep.path}: composite_weights of the trials are not three numbers")
    return weights


def _mean(values: pd.Series) -> Fraction | None:
    """Mean of the values that are there; a share of successes is taken as the fraction it was."""
    found = [_exact(value) for value in values.dropna()]
    return sum(found, Fraction(0)) / len(found) if found else None


def _exact(value: float) -> Fraction:
    share = Fraction(value).limit_denominator(MOST_PROMPTS)
    return share if float(share) == value else Fraction(value)


def _composite(means: Sequence[Fraction | None], weights: Sequence[Fraction]) -> Fraction | None:
    pairs = [(m, w) for m, w in zip(means, weights, strict=True) if m is not None]
    total = sum((weight for _, weight in pairs), Fraction(0))
    return sum((m * w for m, w in pairs), Fraction(0)) / total if total else None


def _float(value: Fraction | None) -> float:
    return math.nan if value is None else float(value)


def _name(trial: object, role: object) -> str:
    return f"trial {trial}" if role == "search" else str(role)
