"""What ASHA stopped where, and what that cost."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from analysis.answers.answer import Answer
from analysis.answers.audit import judged, rung_columns, spared
from analysis.answers.drawing import nothing, thinned
from analysis.answers.figure_style import ACCENT, MUTED, figure
from analysis.answers.rows import searched, setting
from analysis.errors import ResultsError
from analysis.tables.sweep import Sweep

STOPPED = ("rung", "reached", "stopped", "went_on", "completed", "median")
COST = (
    *("trial", "composite", "rank", "stopped_at", "value", "threshold"),
    *("share_stopped", "lead_over_kept"),
)


def stopped(sweep: Sweep) -> Answer:
    """How many search trials reached each rung, and how many were stopped there.

    Returns:
        By `rung` (edits, or steps under `search.resource: steps`): how many trials `reached` it,
        were `stopped` there, `went_on`, were `completed` in the end, and the `median` composite of
        those that reached it, in [0, 1].

    Raises:
        ResultsError: the trials' settings do not name the resource.

    Example:
        >>> stopped(sweep).numbers.set_index("rung")[["reached", "stopped"]]
    """
    trials = searched(sweep)
    rungs = rung_columns(trials)
    values = trials[[*rungs.values()]].set_axis([*rungs], axis="columns")
    if values.notna().sum().sum() == 0:
        return nothing(STOPPED, "no search trial that has ended has reached a rung")
    last = values.apply(lambda row: row.last_valid_index(), axis="columns")
    numbers = pd.DataFrame(
        [
            {
                "rung": rung,
                "reached": there.sum(),
                "stopped": ((last == rung) & (trials["status"] == "pruned")).sum(),
                "completed": (there & (trials["status"] == "completed")).sum(),
                "median": values[rung].median(),
            }
            for rung, there in values.notna().items()
        ]
    )
    numbers["went_on"] = numbers["reached"] - numbers["stopped"]
    return Answer(numbers[[*STOPPED]], _drawn_stops(numbers, _resource(sweep, trials)))


def cost_of_stopping(sweep: Sweep) -> Answer:
    """What became of audited trials that ASHA would have stopped.

    Audited trials (`search.audit`) are never stopped, so they show what the others might have
    reached. `analysis.answers.audit.judged` says how the rule is applied to them.

    Returns:
        A row for each audited trial that was completed, best first: `trial`, its final
        `composite`, its `rank` among them from 1; `stopped_at`, the rung where it would have been
        stopped (empty: nowhere), its `value` there and the `threshold`; `share_stopped`, how many
        of the audited ones down to this rank would have been stopped; `lead_over_kept`, its
        composite minus that of the best audited one that would have been kept. In the first row,
        if it is positive, this is what stopping costs.

    Raises:
        ResultsError: the sweep audits no trial, or stops none anyway.

    Example:
        >>> cost_of_stopping(sweep).numbers.loc[0, ["stopped_at", "lead_over_kept"]]
    """
    trials = searched(sweep)
    if (setting(sweep, trials, "search.scheduler") == "none").any():
        raise ResultsError(f"{sweep.path}: nothing was to be stopped: search.scheduler is none")
    if not trials.empty and not (setting(sweep, trials, "search.audit") > 0).any():
        raise ResultsError(
            f"{sweep.path}: what stopping costs can only be told of a sweep with search.audit "
            "above 0: it runs that many trials to their end"
        )
    audited = spared(sweep)
    audited = audited[(audited["status"] == "completed") & audited["composite"].notna()]
    if audited.empty:
        return nothing(COST, "no audited trial has been completed yet")
    verdicts = judged(sweep, {*audited["trial"]})
    first = verdicts[verdicts["stopped"]].drop_duplicates("trial")
    first = first.rename(columns={"rung": "stopped_at"}).astype({"stopped_at": "Int64"})
    numbers = audited.sort_values(["composite", "trial"], ascending=[False, True])
    numbers = numbers[["trial", "composite"]].merge(first, on="trial", how="left")
    gone = numbers["stopped_at"].notna()
    numbers["rank"] = numbers["composite"].rank(method="min", ascending=False).astype(int)
    numbers["share_stopped"] = gone.expanding().mean()
    numbers["lead_over_kept"] = numbers["composite"] - numbers["composite"][~gone].max()
    return Answer(numbers[[*COST]], _drawn_cost(numbers, _resource(sweep, trials)))


def _resource(sweep: Sweep, trials: pd.DataFrame) -> str:
    return str(setting(sweep, trials, "search.resource").iloc[0])


def _drawn_stops(numbers: pd.DataFrame, resource: str) -> go.Figure:
    drawn = figure()
    for column, name, color in (
        ("went_on", "went on", MUTED),
        ("stopped", "stopped here", ACCENT),
    ):
        drawn.add_bar(
            x=numbers["rung"].astype(str),
            y=numbers[column],
            customdata=numbers[["reached", "median"]],
            name=name,
            marker_color=color,
            hovertemplate=f"rung %{{x}}: %{{y}} of %{{customdata[0]}} {name}, "
            "median composite %{customdata[1]:.3f}<extra></extra>",
        )
    if not numbers["stopped"].any():
        why = {"text": "no trial was stopped", "xref": "paper", "yref": "paper"}
        drawn.add_annotation(**why, x=1, y=1, yanchor="bottom", showarrow=False)
    drawn.update_layout(barmode="stack")
    drawn.update_xaxes(title=f"rung ({resource} done)", type="category")
    drawn.update_yaxes(title="search trials (number)")
    return drawn


def _drawn_cost(numbers: pd.DataFrame, resource: str) -> go.Figure:
    drawn = figure()
    places = numbers["stopped_at"].map(lambda rung: f"at {rung}", na_action="ignore")
    numbers = numbers.assign(place=places.astype(object).where(places.notna(), "kept"))
    for gone, name, color in ((False, "kept", MUTED), (True, "would be stopped", ACCENT)):
        rows = thinned(numbers[numbers["stopped_at"].notna() == gone])
        drawn.add_scatter(
            x=rows["place"],
            y=rows["composite"],
            customdata=rows[["trial", "value", "threshold"]],
            mode="markers",
            name=name,
            marker={"color": color, "size": 9, "opacity": 0.8},
            hovertemplate="trial %{customdata[0]}: composite %{y:.4f}, %{x}"
            + ("<br>%{customdata[1]:.4f} there, threshold %{customdata[2]:.4f}" if gone else "")
            + "<extra></extra>",
        )
    levels = sorted(numbers["stopped_at"].dropna().unique())
    order = [*(f"at {rung}" for rung in levels), "kept"]
    drawn.update_xaxes(
        title=f"where the rule would have stopped it ({resource} done)<br>"
        + _sentence(numbers, resource),
        categoryorder="array",
        categoryarray=order,
    )
    drawn.update_yaxes(title="final composite (0 to 1)")
    return drawn


def _sentence(numbers: pd.DataFrame, resource: str) -> str:
    best = numbers.iloc[0]
    if pd.isna(best["stopped_at"]):
        return f"the best of {len(numbers)} audited trials would have been kept"
    where = f"would have been stopped at {best['stopped_at']} {resource}"
    lost = best["lead_over_kept"]
    kept = (
        "none would have been kept" if pd.isna(lost) else f"the best one kept is {lost:.4f} below"
    )
    return f"the best of {len(numbers)} audited trials {where}; {kept}"
