"""A sweep as an Optuna study in memory, for everything that Optuna computes or draws from one."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import optuna
import pandas as pd
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    IntDistribution,
    json_to_distribution,
)
from optuna.trial import FrozenTrial, TrialState, create_trial

from analysis.config_columns import PREFIX, list_cell
from analysis.errors import ResultsError
from analysis.folder import CONFIG
from analysis.sweep import Sweep
from analysis.tables import RUNG

ATTRIBUTES = ("trial", "role", "es", "ps", "ns", "score", "probe_prompts", "seconds")
"""Columns of `trials` that become user attributes, where they have a value."""


def study(
    sweep: Sweep, distributions: Mapping[str, BaseDistribution] | None = None
) -> optuna.Study:
    """Rebuild the study of a sweep's search trials; it maximizes the composite.

    Completed trials have their composite as value; pruned ones their composite at each rung as
    intermediate values. Failed ones, and those whose numbers are not finite, are FAIL. A setting
    that is empty in a trial, where null is no choice of it, is absent from that trial. Optuna
    numbers trials from 0; the user attribute `trial` is their number in the sweep. Baselines are no
    part of it, since no sampler proposed them.

    Args:
        sweep: one sweep.
        distributions: by setting; None: those in sweep.yaml, which cover all that was searched.

    Raises:
        ResultsError: sweep.yaml has no distributions, or trials hold values outside them.
        ValueError: several sweeps.

    Example:
        >>> study(sweep).best_trial.user_attrs["trial"]
        17
    """
    sweep.require_one()
    searched = distributions_of(sweep) if distributions is None else dict(distributions)
    columns = [PREFIX + key for key in searched]
    missing = [name for name in columns if name not in sweep.trials]
    if missing:
        raise ResultsError(f"{sweep.path}: trials have no column {', '.join(missing)}")
    rows = sweep.search_trials().to_dict("records")
    trials = [_trial(sweep, {str(k): v for k, v in row.items()}, searched) for row in rows]
    with quiet():
        rebuilt = optuna.create_study(direction="maximize", study_name=None)
        rebuilt.add_trials(trials)
    return rebuilt


def distributions_of(sweep: Sweep) -> dict[str, BaseDistribution]:
    """The distributions that sweep.yaml holds, by setting.

    Raises:
        ResultsError: it has none, or some that cannot be read.

    Example:
        >>> distributions_of(sweep)["greedy.steps"]
        IntDistribution(high=8, log=False, low=1, step=1)
    """
    written = sweep.config.get("distributions")
    if not isinstance(written, Mapping) or not written:
        raise ResultsError(
            f"{sweep.path}/{CONFIG}: has no key `distributions`; pass distributions= instead"
        )
    found = {}
    for key, text in written.items():
        try:
            found[str(key)] = json_to_distribution(text)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise ResultsError(
                f"{sweep.path}/{CONFIG}: distributions: {str(key)!r} is none of Optuna's"
            ) from error
    return found


@contextmanager
def quiet() -> Iterator[None]:
    """Optuna without its log lines on standard error."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)


def _trial(
    sweep: Sweep, row: Mapping[str, Any], searched: Mapping[str, BaseDistribution]
) -> FrozenTrial:
    params = {
        key: _parameter(row[PREFIX + key], distribution)
        for key, distribution in searched.items()
        if not pd.isna(row[PREFIX + key]) or _may_be_null(distribution)
    }
    rungs = {
        int(name.removeprefix(RUNG)): float(value)
        for name, value in row.items()
        if name.startswith(RUNG) and math.isfinite(value)
    }
    state, value = _end(row, rungs)
    try:
        return create_trial(
            state=state,
            value=value,
            params=params,
            distributions={key: searched[key] for key in params},
            intermediate_values=rungs,
            user_attrs={k: _plain(row[k]) for k in ATTRIBUTES if not pd.isna(row[k])},
        )
    except (ValueError, TypeError) as error:
        raise ResultsError(
            f"{sweep.path}: trial {row['trial']} has settings outside the distributions: {error}"
        ) from error


def _end(row: Mapping[str, Any], rungs: Mapping[int, float]) -> tuple[TrialState, float | None]:
    if row["status"] == "completed" and math.isfinite(row["composite"]):
        return TrialState.COMPLETE, float(row["composite"])
    if row["status"] == "pruned" and rungs:
        return TrialState.PRUNED, None
    return TrialState.FAIL, None


def _parameter(cell: Any, distribution: BaseDistribution) -> Any:
    """A cell as Optuna knows it; a list is a choice by its JSON text."""
    if not isinstance(distribution, CategoricalDistribution):
        return int(cell) if isinstance(distribution, IntDistribution) else float(cell)
    if pd.isna(cell):
        return None
    cell = _plain(cell)
    if isinstance(cell, str) and cell not in distribution.choices:
        try:
            return json.dumps(list_cell(cell))
        except ValueError:
            return cell
    # 10.0 in a column of floats was proposed as 10; True is not 1.
    same = [each for each in distribution.choices if each == cell and _is_bool(each, cell)]
    return same[0] if same else cell


def _is_bool(choice: object, cell: object) -> bool:
    return isinstance(choice, bool) == isinstance(cell, bool)


def _may_be_null(distribution: BaseDistribution) -> bool:
    return isinstance(distribution, CategoricalDistribution) and None in distribution.choices


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value
