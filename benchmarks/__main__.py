"""Runs the benchmark: `python -m benchmarks`, with ROWS=edit,score in the environment for some.

Writes benchmarks/results.json, a list of {row, ratio, target, reached, unit, note}, and prints one
table. Rows that are not selected keep what an earlier run has measured.
"""

from __future__ import annotations

import json
import os
import sys
from importlib import import_module
from pathlib import Path

from rich.console import Console

from benchmarks.rows import Row, print_table

RESULTS = Path(__file__).with_name("results.json")

ROWS = {
    "edit": "benchmarks.edit",
    "score": "benchmarks.score",
    "suffix": "benchmarks.suffix",
    "sharing": "benchmarks.sharing",
    "floor": "benchmarks.floor",
    "memory": "benchmarks.memory",
    "workers": "benchmarks.workers",
    "resume": "benchmarks.resume",
}
"""Name -> module whose `measure()` returns its rows; imported only if it is selected."""


def main() -> int:
    """Measure the selected rows; 1 if one misses its target."""
    console = Console(width=None if sys.stdout.isatty() else 120)
    selected = [name for name in os.environ.get("ROWS", "").split(",") if name] or list(ROWS)
    if unknown := sorted(set(selected) - set(ROWS)):
        console.print(f"ROWS must name some of {', '.join(ROWS)}, but got {', '.join(unknown)}")
        return 2
    measured: list[Row] = []
    for name in selected:
        console.print(f"measuring {name}")
        measured += import_module(ROWS[name]).measure()
        _write(measured)
    print_table(measured, console)
    return int(any(row.reached is False for row in measured))


def _write(measured: list[Row]) -> None:
    """Put the rows into the results; those of an earlier run stay where they were not repeated."""
    known = json.loads(RESULTS.read_text()) if RESULTS.exists() else []
    rows = {row["row"]: row for row in known} | {row.row: row.to_dict() for row in measured}
    RESULTS.write_text(json.dumps(list(rows.values()), indent=2) + "\n")


if __name__ == "__main__":
    sys.exit(main())
