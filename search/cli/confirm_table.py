"""A confirmation as tables and sentences for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from analysis.judging.confirm_sentences import sentences
from analysis.judging.lead import Finding
from spaces.values import inert

if TYPE_CHECKING:
    from analysis.judging.confirmed import Confirmation

_SHORT = {
    Finding.BETTER: "better",
    Finding.NO_BETTER: "no better",
    Finding.CANNOT_TELL: "cannot tell",
}
"""Verdicts in a narrow column."""


def print_confirmation(found: Confirmation, console: Console) -> None:
    """Print every setting, the winner beside each baseline, and what that means."""
    console.print(_settings(found))
    console.print()
    console.print(_leads(found))
    console.print()
    for sentence in sentences(found):
        console.print(Text(inert(sentence)), soft_wrap=True)
    if found.best_in_sweep != found.winner:
        note = f"By now trial {found.best_in_sweep} is the sweep's best; it is not confirmed here."
        console.print(Text(note), soft_wrap=True)
    for trial, why in found.left_out.items():
        console.print(Text(inert(f"trial {trial} is left out: {why}")), soft_wrap=True)


def _settings(found: Confirmation) -> Table:
    table = _table(f"{len(found.sequences)} x {found.records} records")
    for name in ("composite", "interval", "in sweep", "rank here"):
        table.add_column(name, justify="right")
    for number, each in enumerate(found.settings):
        searched = each.role == "search"
        name = f"best (trial {each.trial})" if number == 0 else f"trial {each.trial}"
        table.add_row(
            Text(name if searched else inert(each.role)),
            f"{each.composite:.3f}",
            f"{each.interval.low:.3f} to {each.interval.high:.3f}" if each.interval else "",
            f"{each.composite_in_sweep:.3f}",
            str(1 + found.order_confirmed.index(each.trial)) if searched else "",
        )
    return table


def _leads(found: Confirmation) -> Table:
    table = _table("best leads over")
    for name in ("in sweep", "here", "interval", "luck", "won", "verdict"):
        table.add_column(name, justify="right")
    for each in found.comparisons.values():
        table.add_row(
            Text(inert(each.baseline)),
            f"{each.lead_in_sweep:+.3f}",
            f"{each.lead:+.3f}",
            f"{each.interval.low:+.3f} to {each.interval.high:+.3f}" if each.interval else "",
            f"{each.luck:+.3f}",
            f"{each.probability * len(each.leads):g}/{len(each.leads)}",
            _SHORT[each.verdict],
        )
    return table


def _table(title: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column(title)
    return table
