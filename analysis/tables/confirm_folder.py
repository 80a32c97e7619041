"""What a confirmation holds: the walks that have a row, and the records of those completed."""

from __future__ import annotations

from collections import Counter

import pyarrow as pa

from analysis.errors import ResultsError
from analysis.tables.confirm_schema import bare_schemas
from analysis.tables.folder import SweepFolder, way_out
from analysis.tables.rows import rows_at, rows_where
from analysis.tables.schema import no_rows

_KEYS = ["trial", "sequence"]


def confirm_tables(
    folder: SweepFolder, tables: dict[str, pa.Table], verify: bool = True
) -> dict[str, pa.Table]:
    """Both tables in the order of trials and sequences; empty where there are none.

    Args:
        folder: the sweep's folder.
        tables: what was read of them.
        verify: compare the records of each walk with their number.

    Raises:
        ResultsError: a walk with two rows, or with more or fewer records than its row says.
    """
    read = {
        table: tables.get(table, no_rows(schema)).sort_by([(k, "ascending") for k in _KEYS])
        for table, schema in bare_schemas().items()
    }
    walks, records = read["confirm"], read["confirm_records"]
    if not len(walks) and not len(records):
        return read
    _check_single(folder.path("confirm"), walks)
    completed = {*_keys(rows_where(walks, "status", lambda status: status == "completed"))}
    if verify and "record_rows" in walks.column_names:
        _check_counts(folder, walks, records)
    kept = (number for number, key in enumerate(_keys(records)) if key in completed)
    return {"confirm": walks, "confirm_records": rows_at(records, kept)}


def _keys(walks: pa.Table) -> list[tuple[int, int]]:
    return list(zip(*(walks[key].to_pylist() for key in _KEYS), strict=True))


def _check_single(where: str, walks: pa.Table) -> None:
    double = sorted(key for key, count in Counter(_keys(walks)).items() if count > 1)
    if double:
        text = ", ".join(f"{trial} on sequence {sequence}" for trial, sequence in double[:5])
        raise ResultsError(f"{where}: more than one row for trial {text}")


def _check_counts(folder: SweepFolder, walks: pa.Table, records: pa.Table) -> None:
    found = Counter(_keys(records))
    told = dict(zip(_keys(walks), walks["record_rows"].to_pylist(), strict=True))
    wrong = [key for key, rows in told.items() if rows is not None and found[key] != rows]
    if wrong:
        trial, sequence = wrong[0]
        fault = f"not the rows that {folder.path('confirm')} tells of"
        raise ResultsError(
            [
                f"{folder.path('confirm_records')}: {fault}, for trial {trial} on sequence "
                f"{sequence}",
                way_out(folder.address),
            ]
        )
