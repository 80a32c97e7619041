"""Rows checked against a schema and turned into columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import pyarrow as pa


class RowConverter:
    """Turns the rows of one table into Arrow batches.

    A driver does this for every trial that ends, so that rows go through Arrow in one call, and
    each kind of value (a column and a Python type) is judged only when it is first met.
    """

    def __init__(self, schema: pa.Schema) -> None:
        self._schema = schema
        self._type = pa.struct(list(schema))
        self._required = [i for i, field in enumerate(schema) if not field.nullable]
        self._judged: set[tuple[str, type]] = set()

    def batch(self, rows: Sequence[Mapping[str, Any]]) -> pa.RecordBatch:
        """The rows as columns of the schema; what a row lacks is null.

        Raises:
            ValueError: a column that the schema does not have, a required one without a value, or
                a value that its column cannot hold.
        """
        self._judge({(name, type(value)) for row in rows for name, value in row.items()})
        try:
            array = pa.array(rows, self._type)
        except UnicodeEncodeError:
            # A message may quote bytes that are no text; that must not cost the trial.
            array = pa.array([{k: _text(v) for k, v in row.items()} for row in rows], self._type)
        except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
            raise ValueError(self._culprit(rows) or str(error)) from error
        columns = array.flatten()
        for i in self._required:
            if columns[i].null_count:
                raise ValueError(f"column {self._schema[i].name} must have a value in every row")
        return pa.RecordBatch.from_arrays(columns, schema=self._schema)

    def _judge(self, kinds: set[tuple[str, type]]) -> None:
        for name, kind in kinds - self._judged:
            if name not in self._schema.names:
                raise ValueError(f"no such column: {name}")
            if _changes_silently(kind, self._schema.field(name).type):
                raise ValueError(f"column {name} cannot hold a value of type {kind.__name__}")
            self._judged.add((name, kind))

    def _culprit(self, rows: Sequence[Mapping[str, Any]]) -> str | None:
        for field in self._schema:
            for row in rows:
                try:
                    pa.scalar(row.get(field.name), field.type)
                except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
                    return f"column {field.name} cannot hold {row[field.name]!r}: {error}"
        return None


def _changes_silently(kind: type, column: pa.DataType) -> bool:
    """Whether Arrow would alter such values: 1.5 to 1 among integers, numbers to times."""
    if pa.types.is_integer(column):
        return issubclass(kind, float)
    if pa.types.is_floating(column):
        return kind is bool
    return pa.types.is_timestamp(column) and not issubclass(kind, (datetime, type(None)))


def _text(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    return value
