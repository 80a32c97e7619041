"""What sweep.yaml says about judging a confirmation: the margin, and how much is reserved."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from analysis.errors import ResultsError
from analysis.tables.folder import CONFIG
from analysis.tables.sweep import Sweep

MARGIN = 0.01
"""That of sweeps that were made before there was a setting for it."""
BY_DEFAULT = 5
"""Sequences that records are reserved for where `confirm_records` is null."""


def margin_of(sweep: Sweep) -> float:
    """`verdict.margin`: the lead up to which two settings are equally good in practice.

    Raises:
        ResultsError: it is not a number from 0 to 1.
    """
    group = _config(sweep).get("verdict", {})
    margin = group.get("margin", MARGIN) if isinstance(group, Mapping) else group
    if not isinstance(margin, int | float) or isinstance(margin, bool) or not 0 <= margin <= 1:
        raise ResultsError(
            f"{sweep.path}/{CONFIG}: `0 <= verdict.margin <= 1` must hold, but got {margin!r:.80}"
        )
    return float(margin)


def possible_sequences(sweep: Sweep) -> int:
    """Sequences that the reserved records suffice for; fewer where the dataset has too few records.

    Raises:
        ResultsError: `edits` or `confirm_records` is not a whole number.
    """
    config = _config(sweep)
    edits, reserved = config.get("edits"), config.get("confirm_records")
    if not _is_count(edits, 1) or not (reserved is None or _is_count(reserved, 0)):
        raise ResultsError(
            f"{sweep.path}/{CONFIG}: edits and confirm_records must be whole numbers, "
            f"but got {edits!r:.80} and {reserved!r:.80}"
        )
    return BY_DEFAULT if reserved is None else int(reserved // edits)


def _config(sweep: Sweep) -> Mapping[str, Any]:
    config = sweep.config.get("config")
    return config if isinstance(config, Mapping) else {}


def _is_count(value: Any, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least
