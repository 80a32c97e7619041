"""Which files of a confirmation count, and what they hold.

Each walk has a part in either table, `walk-<trial>-<sequence>.parquet`; a walk that is run again
replaces its own. The part of `confirm` is written last, so a part of `confirm_records` counts only
where that exists and says that the walk was completed. There is nothing to recover or compact.
"""

from __future__ import annotations

import re

import pyarrow as pa
import pyarrow.compute as pc

from analysis.confirm_schema import bare_schemas
from analysis.errors import ResultsError
from analysis.folder import SweepFolder
from analysis.tables import read_table

_WALK = re.compile(r"walk-\d{6,}-\d{3,}\.parquet")
_IGNORED = (".", "_")  # the first characters of names that Parquet readers skip
_KEYS = ["trial", "sequence"]


def walk_name(trial: int, sequence: int) -> str:
    """File name of a walk's parts."""
    return f"walk-{trial:06d}-{sequence:03d}.parquet"


def read_confirm(folder: SweepFolder) -> dict[str, pa.Table]:
    """Both tables by name, in the order of trials and sequences; empty where there are none.

    Raises:
        ResultsError: damaged, foreign or future parts, or a walk with two rows.
    """
    names = [name for name in folder.entries("confirm") if not name.startswith(_IGNORED)]
    faults = [
        f"{folder.path('confirm', name)}: not a part of a confirmation"
        for name in names
        if not _WALK.fullmatch(name)
    ]
    if faults:
        raise ResultsError(faults)
    empty = {table: schema.empty_table() for table, schema in bare_schemas().items()}
    walks = _read(folder, "confirm", names)
    if walks is None:
        return empty
    _check_single(folder.path("confirm"), walks)
    completed = walks.filter(pc.equal(walks["status"], "completed"))
    records = _read(folder, "confirm_records", [walk_name(*key) for key in _keys(completed)])
    if records is None:
        records = empty["confirm_records"]
    return {"confirm": walks, "confirm_records": records}


def _read(folder: SweepFolder, table: str, names: list[str]) -> pa.Table | None:
    try:
        rows = read_table(folder, table, names)
    except FileNotFoundError as error:
        raise ResultsError(f"{folder.path(table)}: a part is missing: {error}") from error
    return None if rows is None else rows.sort_by([(key, "ascending") for key in _KEYS])


def _keys(walks: pa.Table) -> list[tuple[int, int]]:
    return [(row["trial"], row["sequence"]) for row in walks.select(_KEYS).to_pylist()]


def _check_single(where: str, walks: pa.Table) -> None:
    keys = _keys(walks)
    double = sorted({key for key in keys if keys.count(key) > 1})
    if double:
        text = ", ".join(f"{trial} on sequence {sequence}" for trial, sequence in double[:5])
        raise ResultsError(f"{where}: more than one row for trial {text}")
