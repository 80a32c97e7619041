"""What a sweep cost: states, seconds, and how soon it found its best."""

from __future__ import annotations

from plotly.subplots import make_subplots

from analysis.answers.answer import Answer
from analysis.answers.drawing import add_trials, nothing, thinned
from analysis.answers.figure_style import ACCENT, COLORS, MUTED, figure
from analysis.answers.rows import in_order_of_ending, searched
from analysis.tables.sweep import Sweep

STATES = (
    *("ended", "trial", "role", "elapsed", "states_computed", "states_read"),
    *("computed_so_far", "visited_so_far", "share_computed"),
)
REGRET = ("ended", "trial", "status", "elapsed", "composite", "best_so_far", "regret")


def states(sweep: Sweep) -> Answer:
    """How many states trials visited, and how many of them had to be computed.

    A sweep costs the states that it computes: what a trial shares with an earlier one is read, and
    so is what an earlier sweep left in the same store. Failed trials do not say what they visited.

    Returns:
        A row for each trial that says it, in the order of ending: `ended` (its place, from 1),
        `trial`, `role`, `elapsed` (seconds from the sweep's start to its end), `states_computed`,
        `states_read`; `computed_so_far` and `visited_so_far` (computed and read), summed over it
        and those before, and `share_computed`, the first divided by the second, in [0, 1].

    Example:
        >>> states(sweep).numbers["share_computed"].iloc[-1]
    """
    trials = sweep.trials.dropna(subset=["states_computed", "states_read"])
    if trials.empty:
        return nothing(STATES, "no trial has ended yet that says what states it visited")
    numbers = in_order_of_ending(trials)
    visited = numbers["states_computed"] + numbers["states_read"]
    numbers = numbers.assign(
        computed_so_far=numbers["states_computed"].cumsum(), visited_so_far=visited.cumsum()
    )
    shares = numbers["computed_so_far"] / numbers["visited_so_far"].replace(0, None)
    numbers = numbers.assign(share_computed=shares.astype("float64"))
    numbers = numbers[[*STATES]].reset_index(drop=True)
    drawn = figure()
    rows = thinned(numbers)
    for column, name, color in (
        ("visited_so_far", "visited", MUTED),
        ("computed_so_far", "computed", ACCENT),
    ):
        drawn.add_scatter(
            x=rows["ended"],
            y=rows[column],
            customdata=rows[["trial", "share_computed"]],
            mode="lines",
            name=name,
            line_color=color,
            hovertemplate=f"after %{{x}} trials: %{{y}} {name}, %{{customdata[1]:.0%}} of the "
            "visited were computed<extra></extra>",
        )
    drawn.update_xaxes(title="trials ended (number)")
    drawn.update_yaxes(title="states so far (number)", rangemode="tozero")
    return Answer(numbers, drawn)


def regret(sweep: Sweep) -> Answer:
    """How soon the search found its best: the best composite so far, by trials and by seconds.

    Returns:
        A row for each search trial in the order of ending: `ended` (its place, from 1), `trial`,
        `status`, `elapsed` (seconds from the first search trial's start to its end, pauses
        included), `composite` (empty unless completed), `best_so_far`, and `regret`: by how much
        that is below the best of all, in [0, 1]. Both are empty until one has been completed.

    Example:
        >>> numbers = regret(sweep).numbers
        >>> numbers.loc[numbers["regret"] <= 0.01, "elapsed"].min()
    """
    trials = searched(sweep)
    composites = trials["composite"].where(trials["status"] == "completed")
    if composites.isna().all():
        return nothing(REGRET, "no search trial has been completed yet")
    numbers = in_order_of_ending(trials.assign(composite=composites))
    best = numbers["composite"].cummax().ffill()
    numbers = numbers.assign(best_so_far=best, regret=best.max() - best)[[*REGRET]]
    numbers = numbers.reset_index(drop=True)
    drawn = make_subplots(rows=1, cols=2, shared_yaxes=True, figure=figure())
    points, steps = thinned(numbers), thinned(numbers.dropna(subset=["best_so_far"]))
    for column, (name, title) in enumerate(
        (("ended", "search trials ended (number)"), ("elapsed", "time since the start (s)")),
        start=1,
    ):
        add_trials(drawn, points, name, column, "trial %{customdata[0]}: %{y:.4f}")
        drawn.add_scatter(
            x=steps[name],
            y=steps["best_so_far"],
            customdata=steps[["regret"]],
            mode="lines",
            name="best so far",
            showlegend=column == 1,
            line={"color": COLORS[0], "shape": "hv"},
            hovertemplate="%{x}: best %{y:.4f}, %{customdata[0]:.4f} to go<extra></extra>",
            row=1,
            col=column,
        )
        drawn.update_xaxes(title=title, row=1, col=column)
    drawn.update_yaxes(title="held-out composite (0 to 1)", col=1)
    return Answer(numbers, drawn)
