"""Rows of the benchmark: a ratio, its target, and how both sides are measured in turn."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Work:
    """What a row has run in all, so that a ratio can be judged."""

    trials: int = 0
    """Trials of the faster side; 0 where no sweep ran."""
    distinct_states: int = 0
    """States whose scores were computed."""
    states_read: int = 0
    """States whose scores were read from the store or from the trial's own memory."""


@dataclass(frozen=True)
class Row:
    """One measured ratio."""

    row: str
    """Name of the row."""
    ratio: float
    """What was measured."""
    target: float
    """What it is held against."""
    better: Literal["more", "less"]
    """Whether the ratio should be at least the target, or at most."""
    unit: str
    """What the ratio is a ratio of."""
    note: str
    """Both sides in absolute figures, and what else a reader must know."""
    work: Work = Work()
    """What was run."""
    applies: bool = True
    """False where this machine cannot show it; then it counts as neither reached nor missed."""

    @property
    def reached(self) -> bool | None:
        """Whether the target is met; None where the row does not apply."""
        if not self.applies:
            return None
        return self.ratio >= self.target if self.better == "more" else self.ratio <= self.target

    def to_dict(self) -> dict[str, object]:
        """The row as results.json holds it."""
        return {
            "row": self.row,
            "ratio": round(self.ratio, 3),
            "target": self.target,
            "reached": self.reached,
            "unit": self.unit,
            "note": f"{self.note}; {_work(self.work)}",
        }


def in_turn(
    first: Callable[[], object], second: Callable[[], object], rounds: int = 5
) -> tuple[list[float], list[float]]:
    """Seconds of two things that are run in turn, A B A B ..., after one round that warms both."""
    seconds: tuple[list[float], list[float]] = ([], [])
    for number in range(rounds + 1):
        for times, run in zip(seconds, (first, second), strict=True):
            started = time.perf_counter()
            run()
            if number:
                times.append(time.perf_counter() - started)
    return seconds


def median_ratio(slow: Sequence[float], fast: Sequence[float]) -> float:
    """Median over the rounds of how many times longer the first took."""
    return median(a / b for a, b in zip(slow, fast, strict=True))


def print_table(rows: Sequence[Row], console: Console) -> None:
    """Print what was measured."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("row", "ratio", "target", "reached", "unit", "trials", "distinct", "read"):
        table.add_column(column, justify="left" if column in ("row", "unit") else "right")
    for row in rows:
        sign = "≥" if row.better == "more" else "≤"
        reached = {True: "yes", False: "NO", None: "n/a"}[row.reached]
        counts = (row.work.trials, row.work.distinct_states, row.work.states_read)
        target = f"{sign} {row.target:g}"
        table.add_row(row.row, f"{row.ratio:.2f}", target, reached, row.unit, *map(str, counts))
    console.print(table)
    for row in rows:
        console.print(f"{row.row}: {row.note}", markup=False, highlight=False, soft_wrap=True)


def _work(work: Work) -> str:
    return (
        f"{work.trials} trials, {work.distinct_states} distinct states, "
        f"{work.states_read} states read"
    )
