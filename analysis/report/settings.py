"""The best setting as YAML that `ratchet edit` and `ratchet run` read."""

from __future__ import annotations

from typing import Any

import pandas as pd
import yaml

from analysis.judging.verdict import settings_of
from analysis.tables.config_columns import list_cell
from analysis.tables.sweep import Sweep


def settings_yaml(sweep: Sweep, trial: int) -> str:
    """What the sweep's space chose and fixed for a trial, as a configuration file.

    Raises:
        ResultsError: sweep.yaml has no space, or the trials have no column for a setting.

    Example:
        >>> print(settings_yaml(sweep, 12))
        greedy.steps: 5
        greedy.patience: 2
    """
    found = sweep.trials[sweep.trials["trial"] == trial].iloc[0].items()
    row = {str(column): _cell(value) for column, value in found}
    settings = {k: _value(v) for k, v in settings_of(sweep.path, sweep.config, row).items()}
    return yaml.safe_dump(settings, sort_keys=False, default_flow_style=False, width=2**30)


def _cell(value: Any) -> Any:
    """A cell as Python's own type; None where it is empty."""
    if pd.isna(value):
        return None
    return value.item() if hasattr(value, "item") else value


def _value(value: Any) -> Any:
    """Lists are stored as YAML text; everything else is what it is."""
    if not isinstance(value, str) or not value.startswith("["):
        return value
    try:
        return [*list_cell(value)]
    except ValueError:
        return value
