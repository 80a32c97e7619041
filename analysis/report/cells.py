"""Numbers as text, alike in every form of a report."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

MOST_ROWS = 40
"""Rows that a table of a report shows; the caption says how many there are."""


@dataclass(frozen=True)
class Table:
    """A table as text."""

    columns: tuple[str, ...]
    """Headings."""
    numeric: tuple[bool, ...]
    """Which columns hold numbers."""
    rows: tuple[tuple[str, ...], ...]
    """Cells, at most `MOST_ROWS` rows of them."""
    total: int
    """How many rows there are."""

    @property
    def shown(self) -> str:
        """How many of its rows it has, for a caption."""
        if self.total <= len(self.rows):
            return "1 row" if self.total == 1 else f"{self.total:,} rows"
        return f"the first {len(self.rows)} of {self.total:,} rows"


def table(numbers: pd.DataFrame) -> Table:
    """The first rows of an answer's numbers; columns without any value are left out."""
    head = numbers.head(MOST_ROWS)
    head = head[[name for name in head.columns if head[name].notna().any()]]
    numeric = tuple(pd.api.types.is_numeric_dtype(kind) for kind in head.dtypes)
    columns = [[*_texts(head[name])] for name in head.columns]
    rows = tuple(zip(*columns, strict=True)) if columns else ()
    return Table(tuple(map(visible, head.columns)), numeric, rows, len(numbers))


def visible(value: object) -> str:
    """Text from data on one line: what does not print, or turns text around, is spelled out."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in str(value))


def _texts(values: pd.Series) -> Iterable[str]:
    if not pd.api.types.is_float_dtype(values):
        return ("" if pd.isna(value) else visible(value) for value in values)
    numbers = values.dropna().astype("float64")
    whole = bool((numbers == numbers.round()).all())
    form = ",.0f" if whole and numbers.abs().max() > 1 else ".4f"
    if not whole and (numbers.abs().max() >= 100):
        form = ",.1f"
    return ("" if pd.isna(value) else f"{value:{form}}" for value in values)
