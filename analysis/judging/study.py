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

from analysis.errors import ResultsError
from analysis.tables.cells import plain
from analysis.tables.config_columns import PREFIX, list_cell
from analysis.tables.folder import CONFIG
from analysis.tables.parts import RUNG
from analysis.tables.sweep import Sweep
from spaces.conditions import unread as unread_by

ATTRIBUTES = ("trial", "role", "es", "ps", "ns", "score", "probe_prompts", "seconds")
"""Columns of `trials` that become user attributes, where they have a value."""


def study(
    sweep: Sweep,
    distributions: Mapping[str, BaseDistribution] | None = None,
    *,
    unread: bool = False,
) -> optuna.Study:
    """Rebuild the study of a sweep's search trials; it maximizes the composite.

    Completed trials have their composite as value; pruned ones their composite at each rung as
    intermediate values. Failed ones, and those whose numbers are not finite, are FAIL. Optuna
    numbers trials from 0; the user attribute `trial` is their number in the sweep. Baselines are no
    part of it, since no sampler proposed them.

    A setting is absent from a trial that did not read it, such as the trust gate's threshold where
    the gate was off: what its value was means nothing there. It is also absent where its value is
    outside of the distribution, because another generation had another space, and where it is
    empty and null is no choice.

    Args:
        sweep: one sweep.
        distributions: by setting; None: those in sweep.yaml, which cover all that was searched.
        unread: keep the values of settings that trials had but did not read.

    Raises:
        ResultsError: sweep.yaml has no distributions, or the tables lack one of its settings.
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
    trials = [_trial({str(k): v for k, v in row.items()}, searched, unread) for row in rows]
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
    row: Mapping[str, Any], searched: Mapping[str, BaseDistribution], unread: bool
) -> FrozenTrial:
    params: dict[str, Any] = {}
    passed_over = frozenset() if unread else _unread(row)
    for key, distribution in searched.items():
        if key not in passed_over:
            params |= _parameter(key, row[PREFIX + key], distribution)
    rungs = {
        int(name.removeprefix(RUNG)): float(value)
        for name, value in row.items()
        if name.startswith(RUNG) and math.isfinite(value)
    }
    state, value = _end(row, rungs)
    return create_trial(
        state=state,
        value=value,
        params=params,
        distributions={key: searched[key] for key in params},
        intermediate_values=rungs,
        user_attrs={k: plain(row[k]) for k in ATTRIBUTES if not pd.isna(row[k])},
    )


def _end(row: Mapping[str, Any], rungs: Mapping[int, float]) -> tuple[TrialState, float | None]:
    if row["status"] == "completed" and math.isfinite(row["composite"]):
        return TrialState.COMPLETE, float(row["composite"])
    if row["status"] == "pruned" and rungs:
        return TrialState.PRUNED, None
    return TrialState.FAIL, None


def _unread(row: Mapping[str, Any]) -> frozenset[str]:
    """Settings that a trial did not use at all; where a column is missing, it may have used all."""

    def of(name: str, otherwise: object) -> Any:
        cell = row.get(PREFIX + name)
        return otherwise if cell is None or pd.isna(cell) else cell

    reading = {"greedy.accept_by": "probes", "trust.enabled": True, "trust.action": "scale"}
    deciding = {name: of(name, otherwise) for name, otherwise in reading.items()}
    return unread_by({**deciding, "greedy.max_norm_ratio": of("greedy.max_norm_ratio", None)})


def _parameter(key: str, cell: Any, distribution: BaseDistribution) -> dict[str, Any]:
    """A cell as Optuna knows it, by its setting; empty where the distribution has no such value."""
    if isinstance(distribution, CategoricalDistribution):
        same = [choice for choice in distribution.choices if _is_choice(choice, plain(cell))]
        return {key: same[0]} if same else {}
    if isinstance(cell, str) or pd.isna(cell) or not math.isfinite(cell):
        return {}
    value = int(cell) if isinstance(distribution, IntDistribution) else float(cell)
    try:
        create_trial(params={key: value}, distributions={key: distribution}, value=0.0)
    except ValueError:
        return {}
    return {key: value} if value == cell else {}


def _is_choice(choice: Any, cell: Any) -> bool:
    """Whether a cell holds a choice; a list is a choice by its JSON text."""
    if choice is None or pd.isna(cell):
        return choice is None and pd.isna(cell)
    if isinstance(choice, str) and isinstance(cell, str) and choice != cell:
        try:
            return json.dumps(list_cell(cell)) == choice
        except ValueError:
            return False
    # 10.0 in a column of floats was proposed as 10; True is not 1.
    return bool(choice == cell) and isinstance(choice, bool) == isinstance(cell, bool)
