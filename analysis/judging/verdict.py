"""The best setting of a sweep beside its baselines, from Parquet alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from analysis.errors import ResultsError
from analysis.tables.config_columns import PREFIX
from analysis.tables.folder import CONFIG
from analysis.tables.sweep import Sweep, best

MEASURES = ("composite", "es", "ps", "ns", "score", "composite_all")


@dataclass(frozen=True)
class Verdict:
    """What `ratchet best` says; plain values, ready for JSON."""

    trial: int
    """The best search trial."""
    settings: dict[str, Any]
    """The settings that the search chose for it."""
    metrics: dict[str, float | None]
    """Its held-out metrics."""
    unedited: dict[str, float | None]
    """Those of the model before."""
    baselines: dict[str, dict[str, float | None]]
    """Those of each baseline, and `lead`: by how much the best composite is above it."""
    trials: dict[str, int]
    """Search trials by status."""

    def to_dict(self) -> dict[str, Any]:
        """All of it, with names."""
        return dict(vars(self))


def verdict(sweep: Sweep) -> Verdict | None:
    """Find the best search trial; None while no trial has been completed."""
    searched = sweep.trials[sweep.trials["role"] == "search"]
    winner = best(searched)
    if winner is None:
        return None
    others = sweep.trials[
        (sweep.trials["role"] != "search") & (sweep.trials["status"] == "completed")
    ]
    return Verdict(
        trial=int(winner["trial"]),
        settings=settings_of(sweep, winner),
        metrics=_metrics(winner),
        unedited={name: _plain(winner[f"{name}_unedited"]) for name in MEASURES[:4]},
        baselines={
            row["role"]: {
                **_metrics(row),
                "lead": _plain(winner["composite"] - row["composite"]),
            }
            for _, row in others.iterrows()
        },
        trials={str(k): int(n) for k, n in searched["status"].value_counts().items()},
    )


def _metrics(row: pd.Series) -> dict[str, float | None]:
    return {name: _plain(row[name]) for name in MEASURES}


def settings_of(sweep: Sweep, winner: pd.Series) -> dict[str, Any]:
    """The settings that the sweep's space chose or fixed for a trial, searched ones first.

    Raises:
        ResultsError: sweep.yaml has no space, or the trials have no column for a setting.
    """
    keys = _searched(sweep)
    missing = [key for key in keys if PREFIX + key not in winner.index]
    if missing:
        raise ResultsError(f"{sweep.path}: trials have no column for {', '.join(missing)}")
    return {key: _plain(winner[PREFIX + key]) for key in keys}


def _searched(sweep: Sweep) -> list[str]:
    """The settings that the sweep's spaces hold, searched ones first."""
    space: Any = sweep.config
    for name in ("config", "search", "space"):
        space = space.get(name) if isinstance(space, Mapping) else None
    fixed = space.get("fixed", {}) if isinstance(space, Mapping) else None
    if not isinstance(space, Mapping) or not isinstance(fixed, Mapping):
        raise ResultsError(f"{sweep.path}/{CONFIG}: has no search space written out")
    earlier = sweep.config.get("distributions", {})
    own = [key for key in space if key not in ("name", "fixed", "preset")]
    return list(dict.fromkeys(map(str, [*own, *earlier, *fixed])))


def _plain(value: Any) -> Any:
    """A cell as Python's own type; None where it is empty."""
    if pd.isna(value):
        return None
    return value.item() if hasattr(value, "item") else value
