"""The rows that answers start from: search trials, their settings, and the order they ended in."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

import pandas as pd

from analysis.errors import ResultsError
from analysis.tables.config_columns import PREFIX
from analysis.tables.sweep import Sweep


def searched(sweep: Sweep) -> pd.DataFrame:
    """The search trials that have ended."""
    return sweep.trials[sweep.trials["role"] == "search"]


def setting(sweep: Sweep, trials: pd.DataFrame, key: str, filled: bool = False) -> pd.Series:
    """What a setting was in each of some trials; nothing where there are none.

    Raises:
        ResultsError: trials have no such setting, or one has no value that must be `filled`.
    """
    if PREFIX + key in trials.columns:
        values = trials[PREFIX + key]
        if filled and values.isna().any():
            raise ResultsError(f"{sweep.path}: trials without a value of {key}")
        return values
    if trials.empty:
        return pd.Series(index=trials.index, dtype=object)
    known = [name.removeprefix(PREFIX) for name in trials.columns if name.startswith(PREFIX)]
    near = get_close_matches(key, known, n=1)
    hint = f"; did you mean {near[0]}?" if near else ""
    raise ResultsError(f"{sweep.path}: trials have no setting {key!r}{hint}")


def steps_of(
    sweep: Sweep, trials: pd.DataFrame, columns: Sequence[str] = ("role",)
) -> pd.DataFrame:
    """The steps of some trials, with columns of theirs."""
    return sweep.steps.merge(trials[["trial", *columns]], on="trial")


def in_order_of_ending(trials: pd.DataFrame) -> pd.DataFrame:
    """Trials by their end, with `ended` from 1, and `elapsed`: seconds from the first one's start.

    The time in which no driver ran, between an interruption and `resume`, is part of `elapsed`.
    """
    ends = trials["started"] + pd.to_timedelta(trials["seconds"], unit="s")
    elapsed = (ends - trials["started"].min()).dt.total_seconds()
    ordered = trials.assign(elapsed=elapsed).sort_values(["elapsed", "trial"])
    return ordered.assign(ended=range(1, len(ordered) + 1))
