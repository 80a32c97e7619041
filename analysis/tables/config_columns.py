"""Settings as columns: `greedy.steps` becomes `config/greedy.steps`.

A column's type is fixed by the setting's type hint, never by the values met, because a setting
that is None in the first trial and 0.02 in the second would otherwise split the column. Lists
are stored as YAML text ("[0, 1]"), which every tool can group by; the field's metadata remembers
that, so that reading gives the list back.
"""

from __future__ import annotations

import types
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Literal, Union, get_args, get_origin

import pyarrow as pa
import yaml

from analysis.tables.plain_yaml import read_yaml

PREFIX = "config/"
LIST_MARK = {b"stored_as": b"yaml"}

_SCALARS = {
    str: pa.string(),
    bool: pa.bool_(),
    int: pa.int64(),
    float: pa.float64(),
}


def config_types(hints: Mapping[str, Any]) -> dict[str, pa.DataType]:
    """Arrow types for dotted keys, from the type hints of the settings.

    Example:
        >>> config_types({"greedy.steps": int, "mu": float | None})
        {'greedy.steps': DataType(int64), 'mu': DataType(double)}
    """
    return {key: _arrow_type(key, hint) for key, hint in hints.items()}


def config_fields(config: Mapping[str, pa.DataType]) -> list[pa.Field]:
    """The columns of a configuration, in the order of its keys."""
    return [
        pa.field(PREFIX + key, pa.string(), metadata=LIST_MARK)
        if pa.types.is_list(kind)
        else pa.field(PREFIX + key, kind)
        for key, kind in config.items()
    ]


def config_cell(value: object) -> object:
    """What stands in the column for a setting of this value."""
    if isinstance(value, (list, tuple)):
        # JSON would do but for numbers such as 1e-05, which YAML reads as text.
        return yaml.safe_dump(list(value), default_flow_style=True, width=2**30).strip()
    return value


def configs_of(rows: pa.Table) -> list[dict[str, Any]]:
    """The configuration of each row read back: dotted keys, lists as tuples."""
    fields = [field for field in rows.schema if field.name.startswith(PREFIX)]
    keys = [field.name.removeprefix(PREFIX) for field in fields]
    columns = [_read_back(rows[field.name].to_pylist(), field) for field in fields]
    return [dict(zip(keys, cells, strict=True)) for cells in zip(*columns, strict=True)]


def _read_back(cells: list[Any], field: pa.Field) -> list[Any]:
    if not holds_lists(field):
        return cells
    return [None if cell is None else list_cell(cell) for cell in cells]


def holds_lists(field: pa.Field) -> bool:
    """Whether the cells of a column are lists as YAML text."""
    return (field.metadata or {}).items() >= LIST_MARK.items()


@lru_cache(maxsize=1024)  # a column has a few texts in thousands of rows
def list_cell(text: str) -> tuple[Any, ...]:
    """The list that a cell holds.

    Raises:
        ValueError: it holds none.
    """
    value = read_yaml(text)
    if not isinstance(value, list):
        raise ValueError("not a list")
    return tuple(value)


def _arrow_type(key: str, hint: Any) -> pa.DataType:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        kinds = {_arrow_type(key, each) for each in arguments if each is not type(None)}
    elif origin is Literal:
        kinds = {_arrow_type(key, type(each)) for each in arguments if each is not None}
    elif origin in (tuple, list):
        kinds = {pa.list_(_arrow_type(key, each)) for each in arguments if each is not Ellipsis}
    else:
        kinds = {_SCALARS[hint]} if hint in _SCALARS else set()
    if kinds == {pa.int64(), pa.float64()}:
        return pa.float64()
    if len(kinds) != 1:
        raise TypeError(f"a column must have one type, but got ({key}: {hint})")
    return kinds.pop()
