"""A verdict as a table for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from search.cli.measures import measure
from spaces.values import inert

if TYPE_CHECKING:
    from analysis.judging.verdict import Verdict

_MOST_SHOWN = 8
"""Trials that are listed."""
_COLUMNS = ("composite", "es", "ps", "ns", "score")


def print_verdict(verdict: Verdict, console: Console) -> None:
    """Print the best setting, and every baseline with the lead over it."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("held-out")
    for name in _COLUMNS:
        table.add_column(name, justify="right")
    table.add_column("best leads by", justify="right")
    rows = {f"best (trial {verdict.trial})": verdict.metrics, **verdict.baselines}
    for name, values in {**rows, "unedited": verdict.unedited}.items():
        lead = values.get("lead")
        cells = [_cell(values.get(column)) for column in _COLUMNS]
        table.add_row(Text(inert(name)), *cells, "" if lead is None else f"{lead:+.3f}")
    console.print(table)
    for key, value in verdict.settings.items():
        console.print(Text(inert(f"  {key}: {value}")))
    console.print(Text(_walks(verdict)), soft_wrap=True)
    for role, why in verdict.missing.items():
        line = f"{role} failed ({why}); `ratchet resume` runs it again"
        console.print(Text(inert(line)), soft_wrap=True)


def _walks(verdict: Verdict) -> str:
    """How many of the settings that were tried walked differently, and which are the best one's."""
    completed = verdict.trials.get("completed", 0)
    told = f"{verdict.walks} different walks in {completed} completed trials"
    if not verdict.same_walk:
        return told
    others = [str(number) for number in verdict.same_walk]
    shown = ", ".join(others[:_MOST_SHOWN]) + (", ..." if len(others) > _MOST_SHOWN else "")
    return f"{told}; walked like the best: trial {shown}"


def _cell(value: float | None) -> str:
    return "" if value is None else measure(value)
