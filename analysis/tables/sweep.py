"""The tables of one sweep, or of several, as DataFrames; and the best trial."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
import pyarrow as pa

from analysis.tables.address import Address
from analysis.tables.arguments import addresses, checked, flag, some_of
from analysis.tables.config_columns import PREFIX
from analysis.tables.confirm_schema import CONFIRM_TABLES, bare_schemas
from analysis.tables.folder import SweepFolder
from analysis.tables.joined import under, united
from analysis.tables.schema import TABLES
from analysis.tables.stored import BEST_FIRST, StoredSweep, read_stored
from greedy_core.errors import SettingsError

_DTYPES = {pa.int64(): pd.Int64Dtype(), pa.bool_(): pd.BooleanDtype()}


@dataclass(frozen=True)
class Sweep:
    """What a sweep wrote, or several; the columns are documented in `analysis.tables.schema`.

    Of several sweeps, each table has a leading column `sweep` with the sweep's name, and the
    columns of all; a trial is then told by `sweep` and `trial`.

    Example:
        >>> sweep = load("results/first")
        >>> sweep.completed().nlargest(5, "composite")[["trial", *sweep.setting_columns()]]
    """

    path: str
    """Where it lies; of several sweeps, their places with commas between."""
    trials: pd.DataFrame
    """One row per ended trial, by number."""
    steps: pd.DataFrame
    """One row per greedy step."""
    records: pd.DataFrame
    """One row per trial, record and rung report."""
    proposals: pd.DataFrame
    """One row per started trial, by number."""
    config: Mapping[str, Any]
    """sweep.yaml; empty if it is absent, and of several sweeps."""
    confirm: pd.DataFrame = field(default_factory=lambda: _empty("confirm"))
    """One row per walk of `ratchet confirm`; empty before. See `analysis.tables.confirm_schema`."""
    confirm_records: pd.DataFrame = field(default_factory=lambda: _empty("confirm_records"))
    """One row per such walk and record."""
    sweeps: Mapping[str, Sweep] = field(default_factory=dict, repr=False)
    """Of several sweeps, each one by name; else empty."""
    invalid: str | None = None
    """Why the results must not be used; None if they may be, and of several sweeps."""
    unchecked: tuple[int, ...] = ()
    """Trials after which nobody has looked whether the shared weights were still the same, because
    their driver was killed before; empty of several sweeps."""

    def completed(self) -> pd.DataFrame:
        """The rows of `trials` that were not stopped and did not fail, baselines among them.

        Example:
            >>> sweep.completed().groupby("role")["composite"].max()
        """
        return self.trials[self.trials["status"] == "completed"]

    def search_trials(self) -> pd.DataFrame:
        """The rows of `trials` that the search proposed, however they ended.

        Example:
            >>> sweep.search_trials()["status"].value_counts()
        """
        return self.trials[self.trials["role"] == "search"]

    def setting_columns(self) -> list[str]:
        """The columns `config/<key>` in which search trials differ from each other.

        Example:
            >>> sweep.setting_columns()
            ['config/greedy.steps', 'config/greedy.patience']
        """
        columns = [str(name) for name in self.trials if str(name).startswith(PREFIX)]
        several = self.search_trials()[columns].nunique(dropna=False) > 1
        return [name for name in columns if several[name]]

    def require_one(self) -> None:
        """Raise a SettingsError if this is several sweeps, for questions that are about one.

        Example:
            >>> load("results/a").require_one()
            SettingsError: one sweep must be given, but got (sweeps=a, b)
        """
        if self.sweeps:
            raise SettingsError(
                f"one sweep must be given, but got (sweeps={', '.join(self.sweeps)})"
            )


@checked({"path": addresses, "tables": some_of(TABLES), "verify": flag})
def load(
    path: Address | Sequence[Address], tables: Collection[str] = TABLES, *, verify: bool = True
) -> Sweep:
    """Read a sweep, or several at once, finished or running.

    Integer and boolean columns that may be empty are nullable (`Int64`, `boolean`); in columns of
    floats, pandas shows "not a number" and "no value" both as NaN. Parquet keeps them apart.

    Args:
        path: the sweep's folder, such as results/my-sweep, or an address such as s3://bucket/it;
            or a list of them. Of a list, every table has a leading column `sweep`: the folder's
            name, or the whole path where two folders have the same name.
        tables: which of proposals, steps, records and trials to read; the others come empty.
        verify: compare every part with the digest that was committed, and the rows of each trial
            with their number. Without it, damage may come as wrong values.

    Raises:
        SweepNotFound: there is no sweep.
        StorageError: the store cannot be used: no such bucket, access denied, no answer.
        ResultsError: damaged or foreign files, or files of a later version; all of them are named.
            Of a list also: sweeps whose columns contradict each other.
        SettingsError: an empty list; a table that does not exist. It is a ValueError, too.
        ValueError: a list that names a sweep twice.

    Example:
        >>> sweep = load("results/my-sweep")
        >>> sweep.trials.groupby("status")["composite"].median()
        >>> load(["results/a", "s3://bucket/b"]).completed().groupby("sweep")["composite"].max()
    """
    if isinstance(path, str | os.PathLike):
        return _load_one(SweepFolder.at(path), tables, verify)[0]
    return _load_several([SweepFolder.at(each) for each in path], tables, verify)


def _load_one(
    folder: SweepFolder, wanted: Collection[str], verify: bool
) -> tuple[Sweep, Mapping[str, pa.Table]]:
    stored = read_stored(folder, wanted, verify)
    return framed(stored), stored.tables


def framed(stored: StoredSweep) -> Sweep:
    """What a sweep has written, as DataFrames."""
    frames: Any = {table: _frame(rows) for table, rows in stored.tables.items()}
    marks: Any = {"invalid": stored.invalid, "unchecked": stored.unchecked}
    return Sweep(path=stored.path, config=stored.config, **frames, **marks)


def _load_several(folders: Sequence[SweepFolder], wanted: Collection[str], verify: bool) -> Sweep:
    places = [folder.address for folder in folders]
    if len({*places}) < len(places):
        raise SettingsError(f"different sweeps must be given, but got (paths={places})")
    names = [folder.name for folder in folders]
    names = [f.address if names.count(f.name) > 1 else f.name for f in folders]
    read = {
        name: _load_one(folder, wanted, verify) for name, folder in zip(names, folders, strict=True)
    }
    where = ", ".join(places)
    frames: dict[str, Any] = {}
    for table in (*TABLES, *CONFIRM_TABLES):
        named = [_named(name, tables[table]) for name, (_, tables) in read.items()]
        frames[table] = _frame(under(united([rows.schema for rows in named], where), named))
    sweeps = {name: sweep for name, (sweep, _) in read.items()}
    return Sweep(path=where, config={}, sweeps=sweeps, **frames)


def _named(name: str, rows: pa.Table) -> pa.Table:
    column = pa.array([name] * len(rows), pa.string())
    return rows.add_column(0, pa.field("sweep", pa.string(), nullable=False), column)


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
    ascending = [order == "ascending" for order in BEST_FIRST.values()]
    return ended.sort_values([*BEST_FIRST], ascending=ascending)


def _frame(rows: pa.Table) -> pd.DataFrame:
    frame: pd.DataFrame = rows.to_pandas(types_mapper=_DTYPES.get, ignore_metadata=True)
    whole = {
        field.name: "int64" if pa.types.is_int64(field.type) else "bool"
        for field in rows.schema
        if not field.nullable and field.type in _DTYPES
    }
    return frame.astype(whole)


def _empty(table: str) -> pd.DataFrame:
    return _frame(bare_schemas()[table].empty_table())
