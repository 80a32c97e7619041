"""One completed trial as a sweep's tables hold it: its settings, its steps, its metrics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from analysis.errors import ResultsError
from analysis.tables.cells import plain
from analysis.tables.config_columns import PREFIX, list_cell
from analysis.tables.sweep import Sweep, best
from greedy_core.errors import InputError, SettingsError
from greedy_core.settings import EditSettings
from greedy_core.typed_values import shown
from search.config.later_settings import LATER, with_later
from search.config.settings import EDIT_KEYS, edit_settings
from spaces.values import lists

METRICS = ("composite", "es", "ps", "ns", "score", "composite_all")
"""Held-out metrics of a completed trial, by their columns; composite_all is over all prompts."""

STEP_KEY = ("sequence", "batch", "layer", "step")
"""What tells a trial's steps apart."""

DECISION = ("fraction_before", "fraction_proposed", "fraction_after", "accepted", "reason")
"""What a step came to; exact values, which another walk with the same settings repeats."""

Values = dict[str, Any]


@dataclass(frozen=True)
class RecordedTrial:
    """A completed trial; its values are plain, None where a cell is empty."""

    number: int
    """Its number in the sweep."""
    role: str
    """search, or which baseline."""
    generation: int
    """The sweep's generation that it ran in."""
    settings: EditSettings
    """What it ran with, resolved."""
    metrics: Values
    """Its values of METRICS."""
    unedited: Values
    """The same of the unedited model, as far as they are recorded."""
    steps: Mapping[tuple[int, ...], Values]
    """DECISION by STEP_KEY, in the order of the walk."""

    @property
    def kept_steps(self) -> int:
        """Steps that were accepted; where there are none, the model is the unedited one."""
        return sum(bool(step["accepted"]) for step in self.steps.values())


def find_trial(sweep: Sweep, wanted: str) -> RecordedTrial:
    """Look a completed trial up.

    Args:
        sweep: its tables.
        wanted: `best`, for the best of the search, or a trial's number; baselines have one, too.

    Raises:
        InputError: there is no such trial, or it was not completed.
        ResultsError: its row lacks a setting, or holds one that cannot be.
    """
    row = _best_row(sweep) if wanted == "best" else _numbered_row(sweep, wanted)
    number = int(row["trial"])
    steps = sweep.steps[sweep.steps["trial"] == number].sort_values(list(STEP_KEY))
    return RecordedTrial(
        number=number,
        role=str(row["role"]),
        generation=int(row["generation"]),
        settings=_settings(row, sweep.path),
        metrics={name: plain(row[name]) for name in METRICS},
        unedited={name: plain(row.get(f"{name}_unedited")) for name in METRICS},
        steps={
            tuple(int(step[name]) for name in STEP_KEY): {
                name: plain(step[name]) for name in DECISION
            }
            for _, step in steps.iterrows()
        },
    )


def baseline_metrics(sweep: Sweep) -> dict[str, Values]:
    """METRICS of each completed baseline by its role."""
    rows = sweep.trials[
        (sweep.trials["role"] != "search") & (sweep.trials["status"] == "completed")
    ]
    return {
        str(row["role"]): {name: plain(row[name]) for name in METRICS} for _, row in rows.iterrows()
    }


def _best_row(sweep: Sweep) -> pd.Series:
    row = best(sweep.trials[sweep.trials["role"] == "search"])
    if row is None:
        raise InputError(f"{sweep.path}: no search trial has been completed")
    return row


def _numbered_row(sweep: Sweep, wanted: str) -> pd.Series:
    if not (wanted.isascii() and wanted.isdigit() and len(wanted) < 10):
        raise InputError(f"trial must be best or a trial's number, but got {shown(wanted)}")
    number = int(wanted)
    rows = sweep.trials[sweep.trials["trial"] == number]
    if rows.empty:
        if (sweep.proposals["trial"] == number).any():
            raise InputError(f"{sweep.path}: trial {number} has not ended")
        last = int(sweep.trials["trial"].max()) if len(sweep.trials) else None
        known = "none has ended" if last is None else f"the highest that has ended is {last}"
        raise InputError(f"{sweep.path}: there is no trial {number}; {known}")
    row = rows.iloc[0]
    if row["status"] == "pruned":
        whole = row[PREFIX + "edits"] * row.get(f"{PREFIX}search.sequences", 1)
        raise InputError(
            f"{sweep.path}: trial {number} was stopped after {row['edits']} of {whole} edits; only "
            "completed trials can be exported"
        )
    if row["status"] != "completed":
        raise InputError(f"{sweep.path}: trial {number} failed: {row['error']}")
    return row


def _settings(row: pd.Series, path: str) -> EditSettings:
    missing = [key for key in EDIT_KEYS if PREFIX + key not in row.index and key not in LATER]
    if missing:
        raise ResultsError(f"{path}: trials have no column for {', '.join(missing)}")
    values = {}
    for key, hint in EDIT_KEYS.items():
        value = plain(row.get(PREFIX + key))
        values[key] = list_cell(value) if lists(hint) and value is not None else value
    try:
        return edit_settings(with_later(values))
    except SettingsError as error:
        faults = [f"{path}: trial {row['trial']}: {fault}" for fault in error.faults]
        raise ResultsError(faults) from None
