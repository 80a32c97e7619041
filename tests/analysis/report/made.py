"""Sweeps of any size, drawn at random and written as Parquet, without a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pandas as pd
import pyarrow as pa
import yaml

from analysis.tables.config_columns import config_cell, config_types
from analysis.tables.schema import TABLES, sweep_schemas
from search.config.settings import KEYS, SweepConfig
from tests.analysis.written import write_tables

BASELINES = ("baseline_full", "baseline_default", "baseline_literal")
BATCHES, BATCH = 5, 4
EDITS = BATCHES * BATCH
RUNGS = (4, 8, 16)

DISTRIBUTIONS: Mapping[str, optuna.distributions.BaseDistribution] = {
    "greedy.steps": optuna.distributions.IntDistribution(1, 8),
    "greedy.min_improvement": optuna.distributions.FloatDistribution(0.0, 0.05),
    "greedy.patience": optuna.distributions.IntDistribution(1, 4),
    "mu": optuna.distributions.CategoricalDistribution([1.0, 10.0]),
}


def write_sweep(
    folder: Path,
    trials: int,
    *,
    lead: float = 0.2,
    pruned: float = 0.3,
    name: str = "made",
    more: Mapping[str, Sequence[str]] | None = None,
    error: str | None = None,
) -> Path:
    """Write a sweep of three baselines and so many search trials.

    Args:
        folder: where; it must not exist.
        trials: search trials.
        lead: by how much a setting's chance of success may be above a baseline's.
        pruned: share of the search trials that were stopped.
        name: the sweep's name.
        more: further searched settings, and the values that trials take in turn.
        error: what the last search trial failed with.
    """
    rng = np.random.default_rng(7)
    more = more or {}
    rows = _trials(rng, trials, pruned, more)
    records = _records(rng, rows, lead)
    _measure(rng, rows, records)
    if error is not None:
        rows.loc[rows.index[-1], ["status", "error", "composite"]] = ["failed", error, None]
    steps = _steps(rng, rows)
    hints = {k: h for k, h in KEYS.items() if k != "search.space"} | dict.fromkeys(more, str)
    schemas = sweep_schemas(
        config_types(hints), RUNGS, 8, sweep_id="m1", sweep_name=name, facts={"git_sha": "0a"}
    )
    tables = {"proposals": rows, "steps": steps, "records": records, "trials": rows}
    frames = {table: tables[table].reindex(columns=schemas[table].names) for table in TABLES}
    write_tables(
        folder,
        {
            table: pa.Table.from_pandas(frame, schemas[table], preserve_index=False)
            for table, frame in frames.items()
        },
    )
    distributions = {**DISTRIBUTIONS} | {
        key: optuna.distributions.CategoricalDistribution([*values]) for key, values in more.items()
    }
    (folder / "sweep.yaml").write_text(_sweep_yaml(name, distributions), encoding="utf-8")
    return folder


def _trials(
    rng: np.random.Generator, trials: int, pruned: float, more: Mapping[str, Sequence[str]]
) -> pd.DataFrame:
    defaults = {
        f"config/{k}": config_cell(v)
        for k, v in SweepConfig().flat().items()
        if k != "search.space"
    }
    count = len(BASELINES) + trials
    rows = pd.DataFrame([defaults] * count)
    search = np.arange(count) >= len(BASELINES)
    rows["trial"] = np.arange(count)
    rows["role"] = [*BASELINES, *["search"] * trials]
    stopped = search & (rng.random(count) < pruned)
    rows["status"] = np.where(stopped, "pruned", "completed")
    rows["generation"] = rows["attempt"] = 0
    rows["edits"] = np.where(stopped, 8, EDITS)
    rows["config/greedy.steps"] = np.where(search, rng.integers(1, 9, count), 4)
    rows["config/greedy.min_improvement"] = np.where(search, rng.random(count) * 0.05, 0.0)
    rows["config/greedy.patience"] = np.where(search, rng.integers(1, 5, count), 2)
    rows["config/mu"] = np.where(search, rng.choice([1.0, 10.0], count), 10.0)
    for key, values in more.items():
        rows[f"config/{key}"] = np.resize(np.array(values, dtype=object), count)
    rows["started"] = [datetime.fromtimestamp(1.7e9 + 0.1 * n, UTC) for n in range(count)]
    rows["seconds"] = 0.5 + rng.random(count)
    rows["states_computed"], rows["states_read"] = rng.integers(0, 9, count), 20
    rows["probe_prompts"] = 40 * rows["config/greedy.steps"]
    return rows


def _records(rng: np.random.Generator, trials: pd.DataFrame, lead: float) -> pd.DataFrame:
    """The final report of each trial; a setting of many steps has the higher chances."""
    case, batch = np.arange(EDITS), np.arange(EDITS) // BATCH
    frames = trials[["trial", "edits"]].merge(
        pd.DataFrame({"sequence": 0, "case_id": case, "batch": batch}), how="cross"
    )
    frames = frames[frames["case_id"] < frames["edits"]].rename(columns={"edits": "edits_done"})
    steps = trials.set_index("trial")["config/greedy.steps"]
    search = trials.set_index("trial")["role"] == "search"
    gain = frames["trial"].map(lead * search * steps / 8).to_numpy(float)
    for kind, chance in (("es", 0.7), ("ps", 0.6), ("ns", 0.7)):
        frames[kind] = (rng.random(len(frames)) < chance + gain).astype(float)
    return frames


def _measure(rng: np.random.Generator, trials: pd.DataFrame, records: pd.DataFrame) -> None:
    means = records.groupby("trial")[["es", "ps", "ns"]].mean()
    for kind in means:
        trials[kind] = means[kind].to_numpy()
        trials[f"{kind}_unedited"] = 1.0 if kind == "ns" else 0.0
    trials["composite"] = means.mean(axis=1).to_numpy()
    trials["composite_all"] = trials["composite"]
    trials["composite_unedited"] = 1 / 3
    trials["score"] = (3 / (1 / means.clip(lower=0.01)).sum(axis=1)).to_numpy()
    for rung in RUNGS:
        noise = rng.normal(0, 0.02, len(trials))
        value = (trials["composite"] + noise).clip(0, 1)
        trials[f"rung_{rung}"] = value.where(trials["edits"] >= rung)


def _steps(rng: np.random.Generator, trials: pd.DataFrame) -> pd.DataFrame:
    taken = trials[["trial", "config/greedy.steps"]].merge(
        pd.DataFrame({"sequence": 0, "batch": range(BATCHES)}), how="cross"
    )
    taken = taken.loc[taken.index.repeat(taken.pop("config/greedy.steps"))].reset_index(drop=True)
    taken["step"] = taken.groupby(["trial", "batch"]).cumcount()
    count = len(taken)
    taken["layer"] = 0
    taken["improvement"] = rng.normal(0.2, 0.1, count) - 0.06 * taken["step"]
    taken["accepted"] = taken["improvement"] > 0
    taken["reason"] = np.where(taken["accepted"], "improved", "no_improvement")
    taken["fraction_after"] = (taken["step"] + 1) / 8
    for name in ("trust", "gain", "harm"):
        taken[name] = rng.random(count)
    trials["steps"] = taken.groupby("trial").size().reindex(trials["trial"]).to_numpy()
    return taken


def _sweep_yaml(
    name: str, distributions: Mapping[str, optuna.distributions.BaseDistribution]
) -> str:
    space: dict[str, Any] = {"name": "made", **{key: {"choices": [1]} for key in distributions}}
    config = {"composite_weights": [1.0, 1.0, 1.0], "search": {"space": space}}
    texts = {k: optuna.distributions.distribution_to_json(d) for k, d in distributions.items()}
    content = {"sweep_id": "m1", "name": name, "config": config, "distributions": texts}
    return yaml.safe_dump(content, sort_keys=False)
