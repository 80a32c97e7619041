"""Rows of a table taken without pandas, which pyarrow imports for its own filters and for times."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable
from typing import Any

import pyarrow as pa


def rows_at(rows: pa.Table, positions: Iterable[int]) -> pa.Table:
    """The rows at some positions, in that order."""
    chosen = array("q", positions)
    return rows.take(pa.Array.from_buffers(pa.int64(), len(chosen), [None, pa.py_buffer(chosen)]))


def rows_where(rows: pa.Table, column: str, holds: Callable[[Any], bool]) -> pa.Table:
    """The rows whose value in a column satisfies `holds`."""
    values = rows[column].to_pylist()
    return rows_at(rows, (number for number, value in enumerate(values) if holds(value)))


def plain_rows(rows: pa.Table) -> list[dict[str, Any]]:
    """The rows as plain values by column, without columns of times."""
    columns = [field.name for field in rows.schema if not pa.types.is_timestamp(field.type)]
    plain: list[dict[str, Any]] = rows.select(columns).to_pylist()
    return plain
