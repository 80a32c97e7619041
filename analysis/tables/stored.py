"""The tables of one sweep as they are stored, without pandas; and the best trial's row."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from math import isnan
from typing import Any

import pyarrow as pa

from analysis.errors import ResultsError
from analysis.tables.commits import Commit
from analysis.tables.committed import read_tables
from analysis.tables.confirm_folder import confirm_tables
from analysis.tables.confirm_schema import CONFIRM_TABLES
from analysis.tables.folder import CONFIG, SweepFolder
from analysis.tables.parts import sweep_id_of
from analysis.tables.plain_yaml import read_yaml
from analysis.tables.rows import plain_rows, rows_where
from analysis.tables.schema import (
    TABLES,
    no_rows,
    proposals_schema,
    records_schema,
    steps_schema,
    trials_schema,
)

_BARE = {
    "proposals": proposals_schema({}),
    "steps": steps_schema(),
    "records": records_schema(),
    "trials": trials_schema({}, (), 0),
}
"""The columns of a table that nothing was written to yet."""

BEST_FIRST = {
    "composite": "descending",
    "score": "descending",
    "steps": "ascending",
    "trial": "ascending",
}
"""How completed trials are ranked: a tie is broken by the next column."""

Rank = tuple[tuple[bool, float], ...]


@dataclass(frozen=True)
class StoredSweep:
    """What one sweep has written, as of one moment."""

    path: str
    """The folder, for people."""
    tables: Mapping[str, pa.Table]
    """Every table by name, its rows by trial; those that were not asked for are empty."""
    config: Mapping[str, Any]
    """sweep.yaml; empty if it is absent."""
    invalid: str | None
    """Why the results must not be used; None if they may be."""
    unchecked: tuple[int, ...]
    """Trials after which nobody has looked whether the shared weights were still the same."""

    @property
    def trials(self) -> pa.Table:
        """One row per ended trial."""
        return self.tables["trials"]

    @property
    def searched(self) -> pa.Table:
        """The rows of `trials` that the search proposed."""
        return rows_where(self.trials, "role", lambda role: role == "search")


def read_stored(
    folder: SweepFolder, wanted: Collection[str] = TABLES, verify: bool = True
) -> StoredSweep:
    """Read a sweep, finished or running.

    Args:
        folder: the sweep's.
        wanted: which of proposals, steps, records and trials to read.
        verify: compare every part with the digest that was committed, and the rows of each trial
            with their number.

    Raises:
        SweepNotFound: there is no sweep.
        StorageError: the store cannot be used.
        ResultsError: damaged or foreign files, or files of a later version; all of them are named.
    """
    folder.require()
    commit, read = read_tables(folder, (*wanted, *CONFIRM_TABLES), verify)
    tables = {
        table: read.get(table, no_rows(schema)).sort_by("trial") for table, schema in _BARE.items()
    }
    tables |= confirm_tables(folder, read, verify)
    config = _config(folder, commit)
    _check_owner(folder, config, tables)
    return StoredSweep(folder.address, tables, config, commit.invalid, commit.unchecked)


def best_row(trials: pa.Table) -> dict[str, Any] | None:
    """The completed trial with the highest composite, by column; None if there is none."""
    ended = rows_where(trials, "status", lambda status: status == "completed")
    ranks = [rank(row) for row in ended.select([*BEST_FIRST]).to_pylist()]
    first = min(range(len(ended)), key=ranks.__getitem__, default=None)
    if first is None or not is_ranked(ranks[first]):
        return None
    return plain_rows(ended.slice(first, 1))[0]


def rank(row: Mapping[str, Any]) -> Rank:
    """A sort key, smaller for a better completed trial; values that are no number come last."""
    return tuple(_rank(order, row[name]) for name, order in BEST_FIRST.items())


def is_ranked(rank: Rank) -> bool:
    """Whether a trial's composite is a number; no other trial is ever the best."""
    return not rank[0][0]


def _rank(order: str, value: float | None) -> tuple[bool, float]:
    if value is None or isnan(value):
        return True, 0.0
    return False, value if order == "ascending" else -value


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


def _config(folder: SweepFolder, commit: Commit) -> dict[str, Any]:
    """What the sweep has written; `verdict` is what the file says now.

    No row depends on that group, so a hand that changes it need not wait for another session.
    """
    if commit.sweep is None:
        return _parsed(folder, folder.text(CONFIG))
    written = _parsed(folder, commit.sweep)
    try:
        text = folder.text(CONFIG)
        now = written if text == commit.sweep else _parsed(folder, text)
    except ResultsError:  # a file that is damaged is named by `check`, and by all that goes on
        return written
    before, after = written.get("config"), now.get("config")
    if not isinstance(before, Mapping) or not isinstance(after, Mapping) or "verdict" not in after:
        return written
    return {**written, "config": {**before, "verdict": after["verdict"]}}


def _parsed(folder: SweepFolder, text: str | None) -> dict[str, Any]:
    try:
        config = read_yaml(text or "{}")
    except ValueError as error:
        raise ResultsError(f"{folder.path(CONFIG)}: {error}") from error
    if not isinstance(config, dict):
        raise ResultsError(f"{folder.path(CONFIG)}: not a mapping")
    return config
