"""Which trials and walks are whole: their own row, all of their steps and all of their records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import pyarrow as pa

from analysis.tables.joined import ROWS_OF_TRIAL

Walk = tuple[int, int]
"""A walk of a confirmation: trial and sequence."""


def whole_trials(tables: Mapping[str, pa.Table], complete: Mapping[str, bool]) -> set[int]:
    """Trials that have as many rows elsewhere as their own row says.

    Args:
        tables: the rows of all sound parts, by table.
        complete: whether no part of a table is damaged; it decides where a row does not say how
            many there were, as in the first format.
    """
    if "trials" not in tables:
        return set()
    trials = tables["trials"]
    whole = set(trials["trial"].to_pylist())
    for table, column in ROWS_OF_TRIAL.items():
        found = _counts(tables, table, ["trial"])
        told = _told(trials, ["trial"], column)
        whole &= {
            key[0]
            for key, rows in told.items()
            if (complete[table] if rows is None else found[key] == rows)
        }
    return whole


def whole_walks(tables: Mapping[str, pa.Table], complete: Mapping[str, bool]) -> set[Walk]:
    """The same for the walks of a confirmation."""
    if "confirm" not in tables:
        return set()
    keys = ["trial", "sequence"]
    found = _counts(tables, "confirm_records", keys)
    told = _told(tables["confirm"], keys, "record_rows")
    return {
        (key[0], key[1])
        for key, rows in told.items()
        if (complete["confirm_records"] if rows is None else found[key] == rows)
    }


def walk_of(part: str) -> Walk:
    """The walk in the name of a confirmation's part."""
    _, trial, sequence, *_ = part.removesuffix(".parquet").split("-")
    return int(trial), int(sequence)


def _counts(
    tables: Mapping[str, pa.Table], table: str, keys: list[str]
) -> Counter[tuple[int, ...]]:
    return Counter(_keys(tables[table], keys)) if table in tables else Counter()


def _told(rows: pa.Table, keys: list[str], column: str) -> dict[tuple[int, ...], int | None]:
    known = column in rows.column_names
    numbers = rows[column].to_pylist() if known else [None] * len(rows)
    return dict(zip(_keys(rows, keys), numbers, strict=True))


def _keys(rows: pa.Table, keys: list[str]) -> list[tuple[int, ...]]:
    return list(zip(*(rows[key].to_pylist() for key in keys), strict=True))
