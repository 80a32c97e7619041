"""Cells of a frame as Python's own values."""

from __future__ import annotations

from typing import Any

import pandas as pd


def plain(cell: Any) -> Any:
    """A cell as Python's own type; None where it is empty or not a number."""
    if pd.isna(cell):
        return None
    return cell.item() if hasattr(cell, "item") else cell
