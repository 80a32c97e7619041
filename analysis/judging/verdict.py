"""The best setting of a sweep beside its baselines, from Parquet alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from analysis.errors import ResultsError
from analysis.tables.config_columns import PREFIX
from analysis.tables.folder import CONFIG
from analysis.tables.rows import plain_rows, rows_where
from analysis.tables.stored import StoredSweep, best_row

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
    """Those of the unedited model."""
    baselines: dict[str, dict[str, float | None]]
    """Those of each baseline, and `lead`: by how much the best composite is above it."""
    trials: dict[str, int]
    """Search trials by status."""
    walks: int
    """How many different walks the completed ones are; settings may differ and walk alike."""
    same_walk: tuple[int, ...]
    """Other search trials that walked as the best one did."""
    missing: dict[str, str] = field(default_factory=dict)
    """Baselines that failed, and why; `ratchet resume` runs them again."""

    def to_dict(self) -> dict[str, Any]:
        """All fields by name."""
        return dict(vars(self))


def verdict(sweep: StoredSweep) -> Verdict | None:
    """Find the best search trial; None while no trial has been completed."""
    winner = best_row(sweep.searched)
    if winner is None:
        return None
    number, walks = winner["trial"], _walks(sweep.searched)
    return Verdict(
        trial=number,
        settings=settings_of(sweep.path, sweep.config, winner),
        metrics=_metrics(winner),
        unedited={name: _number(winner[f"{name}_unedited"]) for name in MEASURES[:4]},
        baselines={
            row["role"]: {**_metrics(row), "lead": _lead(winner, row)}
            for row in _baselines(sweep.trials)
            if row["status"] == "completed"
        },
        trials=counted(sweep.searched, "status"),
        walks=len({*walks.values()}),
        same_walk=tuple(n for n, w in walks.items() if n != number and w == walks[number]),
        missing={
            row["role"]: row["error"] or "no cause is known"
            for row in _baselines(sweep.trials)
            if row["status"] == "failed"
        },
    )


def _walks(searched: pa.Table) -> dict[int, str | int]:
    """The walk of each completed trial; one whose walk is not recorded has its own."""
    ended = rows_where(searched, "status", lambda status: status == "completed")
    numbers = ended["trial"].to_pylist()
    recorded = ended["walk"].to_pylist() if "walk" in ended.column_names else numbers
    return {n: n if walk is None else walk for n, walk in zip(numbers, recorded, strict=True)}


def counted(trials: pa.Table, column: str) -> dict[str, int]:
    """How many rows have each value of a column, the commonest first."""
    return dict(Counter(trials[column].drop_null().to_pylist()).most_common())


def settings_of(path: str, config: Mapping[str, Any], row: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that a sweep's space chose or fixed for a trial, searched ones first.

    Args:
        path: what messages call the sweep.
        config: its sweep.yaml.
        row: the trial's, by column of `trials`.

    Raises:
        ResultsError: sweep.yaml has no space, or the trials have no column for a setting.
    """
    keys = _searched(path, config)
    missing = [key for key in keys if PREFIX + key not in row]
    if missing:
        raise ResultsError(f"{path}: trials have no column for {', '.join(missing)}")
    return {key: _number(row[PREFIX + key]) for key in keys}


def _baselines(trials: pa.Table) -> list[dict[str, Any]]:
    return plain_rows(rows_where(trials, "role", lambda role: role != "search"))


def _metrics(row: Mapping[str, Any]) -> dict[str, float | None]:
    return {name: _number(row[name]) for name in MEASURES}


def _lead(winner: Mapping[str, Any], row: Mapping[str, Any]) -> float | None:
    composite = _number(row["composite"])
    return None if composite is None else _number(winner["composite"] - composite)


def _searched(path: str, config: Mapping[str, Any]) -> list[str]:
    """The settings that the sweep's spaces hold, searched ones first."""
    space: Any = config
    for name in ("config", "search", "space"):
        space = space.get(name) if isinstance(space, Mapping) else None
    fixed = space.get("fixed", {}) if isinstance(space, Mapping) else None
    if not isinstance(space, Mapping) or not isinstance(fixed, Mapping):
        raise ResultsError(f"{path}/{CONFIG}: has no search space written out")
    earlier = config.get("distributions", {})
    own = [key for key in space if key not in ("name", "fixed", "preset")]
    return list(dict.fromkeys(map(str, [*own, *earlier, *fixed])))


def _number(value: Any) -> Any:
    """A cell's value; None for what is not a number."""
    return None if value != value else value
