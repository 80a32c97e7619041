"""A sweep's tables as DataFrames, and its best trial."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
import pyarrow as pa

from analysis.confirm_folder import read_confirm
from analysis.confirm_schema import bare_schemas
from analysis.errors import ResultsError
from analysis.folder import CONFIG, SweepFolder, steady_listing
from analysis.plain_yaml import read_yaml
from analysis.schema import (
    TABLES,
    proposals_schema,
    records_schema,
    steps_schema,
    trials_schema,
)
from analysis.storage import Address
from analysis.tables import read_table, sweep_id_of

_DTYPES = {pa.int64(): pd.Int64Dtype(), pa.bool_(): pd.BooleanDtype()}


@dataclass(frozen=True)
class Sweep:
    """What a sweep wrote; the columns are documented in `analysis.schema`."""

    path: str
    trials: pd.DataFrame
    """One row per ended trial, by number."""
    steps: pd.DataFrame
    """One row per greedy step."""
    records: pd.DataFrame
    """One row per trial, record and rung report."""
    proposals: pd.DataFrame
    """One row per started trial, by number."""
    config: Mapping[str, Any]
    """sweep.yaml; empty if it is absent."""
    confirm: pd.DataFrame = field(default_factory=lambda: _empty("confirm"))
    """One row per walk of `ratchet confirm`; empty before. See `analysis.confirm_schema`."""
    confirm_records: pd.DataFrame = field(default_factory=lambda: _empty("confirm_records"))
    """One row per such walk and record."""


def load(path: Address) -> Sweep:
    """Read a sweep, finished or running.

    Integer and boolean columns that may be empty are nullable (`Int64`, `boolean`); in columns of
    floats, pandas shows "not a number" and "no value" both as NaN. Parquet keeps them apart.

    Args:
        path: the sweep's folder, such as results/my-sweep, or an address such as s3://bucket/it.

    Raises:
        SweepNotFound: there is no sweep.
        StorageError: the store cannot be used: no such bucket, access denied, no answer.
        ResultsError: damaged or foreign files, or files of a later version; all of them are named.

    Example:
        >>> sweep = load("results/my-sweep")
        >>> sweep.trials.groupby("status")["composite"].median()
    """
    folder = SweepFolder.at(path)
    folder.require()
    tables = {**_read(folder), **read_confirm(folder)}
    config = _config(folder)
    _check_owner(folder, config, tables)
    return Sweep(
        path=folder.address,
        config=config,
        **{table: _frame(rows) for table, rows in tables.items()},
    )


def best(trials: pd.DataFrame) -> pd.Series | None:
    """The completed trial with the highest composite; None if there is none.

    Ties go to the higher score, then to fewer steps, then to the lower number. Baselines compete
    like any other row: leave them out before, where only proposals of the search are wanted.
    """
    ended = ranked(trials)
    return None if ended.empty else ended.iloc[0]


def ranked(trials: pd.DataFrame) -> pd.DataFrame:
    """The completed trials, best first, in the order of `best`."""
    ended = trials[(trials["status"] == "completed") & trials["composite"].notna()]
    order = ["composite", "score", "steps", "trial"]
    return ended.sort_values(order, ascending=[False, False, True, True])


def _read(folder: SweepFolder) -> dict[str, pa.Table]:
    empty = {
        "proposals": proposals_schema({}),
        "steps": steps_schema(),
        "records": records_schema(),
        "trials": trials_schema({}, (), 0),
    }
    for _ in range(20):
        parts = steady_listing(folder).committed
        try:
            tables = {table: read_table(folder, table, parts[table]) for table in TABLES}
        except FileNotFoundError:
            continue  # compacted by the running sweep between listing and reading
        return {
            t: empty[t].empty_table() if rows is None else rows.sort_by("trial")
            for t, rows in tables.items()
        }
    raise ResultsError(f"{folder.address}: keeps changing while it is read")


def _check_owner(
    folder: SweepFolder, config: Mapping[str, Any], tables: Mapping[str, pa.Table]
) -> None:
    owner = config.get("sweep_id")
    faults = [
        f"{folder.path(table)}: belongs to sweep {found}, but {CONFIG} to sweep {owner}"
        for table, rows in tables.items()
        if owner is not None and (found := sweep_id_of(rows.schema)) not in (None, owner)
    ]
    if faults:
        raise ResultsError(faults)


def _frame(rows: pa.Table) -> pd.DataFrame:
    frame = rows.to_pandas(types_mapper=_DTYPES.get, ignore_metadata=True)
    whole = {
        field.name: "int64" if pa.types.is_int64(field.type) else "bool"
        for field in rows.schema
        if not field.nullable and field.type in _DTYPES
    }
    return frame.astype(whole)


def _empty(table: str) -> pd.DataFrame:
    return _frame(bare_schemas()[table].empty_table())


def _config(folder: SweepFolder) -> dict[str, Any]:
    text = folder.text(CONFIG)
    try:
        config = read_yaml(text or "{}")
    except ValueError as error:
        raise ResultsError(f"{folder.path(CONFIG)}: {error}") from error
    if not isinstance(config, dict):
        raise ResultsError(f"{folder.path(CONFIG)}: not a mapping")
    return config
