"""Tables made by hand, written as a sweep writes them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa

from search.results.commits import Commits, NewPart
from search.results.parts import LocalFolder


def write_tables(path: Path, tables: Mapping[str, pa.Table]) -> None:
    """Commit a part of each table to a sweep's folder."""
    folder = LocalFolder(path)
    folder.create()
    commits = Commits(folder)
    name = commits.name()
    commits.write({table: NewPart.of(name, rows) for table, rows in tables.items()})
