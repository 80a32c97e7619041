"""A confirmation in words, for the command line and for reports."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from analysis.judging.comparison import Comparison
from analysis.judging.confirmed import Confirmation
from analysis.judging.intervals import Interval
from analysis.judging.lead import POWER, Finding

BASELINES = {
    "baseline_full": "plain EMMET",
    "baseline_default": "the default settings",
    "baseline_literal": "the rule as first published",
}
"""What people call the baselines."""


def sentences(found: Confirmation) -> list[str]:
    """Whether the winner beats the best baseline, how much was luck, and what more would tell.

    Example:
        >>> from analysis.judging.confirmation import confirmation
        >>> sentences(confirmation(ratchet.load("results/my-sweep")))[1]
        'Of its lead over plain EMMET in the sweep, +0.095, +0.037 was luck.'
    """
    return [verdict(found), *map(luck, found.comparisons.values()), *remarks(found)]


def verdict(found: Confirmation) -> str:
    """Whether the winner is better than the best baseline."""
    if found.decisive is None:
        return "There is no baseline to compare with."
    where = f"On {counted(found)} of {found.records} unseen records"
    each, winner = found.decisive, f"the best setting (trial {found.winner})"
    name = baseline_name(each.baseline)
    numbers = f"{signed(each.lead)} ({_interval(each.interval)})"
    if each.verdict is Finding.BETTER:
        only = len(found.comparisons) == 1
        smallest = f"{name} by" if only else f"every baseline; its smallest lead, over {name}, is"
        return f"{where}, {winner} is better than {smallest} {numbers}."
    if each.verdict is Finding.NO_BETTER:
        worse = each.interval is not None and each.interval.high < 0
        more = f"is no better than {name} by more than {found.margin:g}"
        more = f"is worse than {name}" if worse else more
        return f"{where}, {winner} {more}: its lead is {numbers}."
    return f"{where}, whether {winner} is better than {name} cannot be told: its lead is {numbers}."


def luck(each: Comparison) -> str:
    """How much of the lead in the sweep over a baseline is gone."""
    name, lead = baseline_name(each.baseline), signed(each.lead_in_sweep)
    if each.lead_in_sweep <= 0:
        return f"It had no lead over {name} in the sweep ({lead})."
    beside = f" ({_interval(each.luck_interval)})" if each.luck_interval else ""
    was = (
        f"{signed(each.luck)} was luck" if each.luck > 0 else f"nothing was luck, {each.luck:+.3f}"
    )
    return f"Of its lead over {name} in the sweep, {lead}, {was}{beside}."


def remarks(found: Confirmation) -> Iterator[str]:
    """What qualifies the verdict, and what would tell where it cannot be told."""
    comparisons = found.comparisons.values()
    if len(found.sequences) == 1:
        yield _one_sequence(found)
        return
    if (together := max((each.together for each in comparisons), default=1)) > 1:
        yield f"The intervals of its {together} comparisons hold together (Bonferroni)."
    for each in comparisons:
        name = baseline_name(each.baseline)
        if each.is_small:
            yield f"It is better than {name} by less than the margin, {found.margin:g}."
        elif each.is_equal:
            yield f"It came to exactly the same as {name} on all {len(found.sequences)} sequences."
        elif each.interval is None:
            yield f"Too few sequences differ to say how its lead over {name} varies."
        elif each.needed is not None:
            yield _would_tell(found, each, each.needed)


def counted(found: Confirmation) -> str:
    """How many sequences there are."""
    count = len(found.sequences)
    return "1 sequence" if count == 1 else f"{count} sequences"


def baseline_name(role: str) -> str:
    """What people call a baseline."""
    return BASELINES.get(role, role)


def signed(value: float) -> str:
    """A lead with three digits."""
    return f"{value:+.3f}"


def command(found: Confirmation, sequences: int) -> str:
    """What confirms the same settings on so many sequences."""
    top = len(found.searched)
    return f"ratchet confirm {shlex.quote(found.path)} --top {top} --sequences {sequences}"


def _one_sequence(found: Confirmation) -> str:
    says = "One sequence cannot tell how others would differ, so there is no interval"
    if found.possible > 1:
        return f"{says}; several can: {command(found, found.possible)}"
    edits = found.records
    return f"{says}; a new sweep with confirm_records={5 * edits} could be confirmed on several."


def _would_tell(found: Confirmation, each: Comparison, needed: int) -> str:
    effect = signed(max(each.lead, found.margin))
    says = (
        f"{needed:,} sequences would call a lead of {effect} over {baseline_name(each.baseline)} "
        f"better in {POWER:.0%} of cases"
    )
    if needed <= found.possible:
        return f"{says}: {command(found, needed)}"
    return (
        f"{says}, but records are reserved for {found.possible}: a new sweep needs "
        f"confirm_records={needed * found.records}, of a dataset with as many to spare."
    )


def _interval(interval: Interval | None) -> str:
    if interval is None:
        return "no interval"
    return f"{interval.level:.0%} interval {signed(interval.low)} to {signed(interval.high)}"
