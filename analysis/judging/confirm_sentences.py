"""A confirmation in words, for the command line and for reports."""

from __future__ import annotations

from collections.abc import Iterator

from analysis.judging.confirmed import Comparison, Confirmation

BASELINES = {
    "baseline_full": "plain EMMET",
    "baseline_default": "the default settings",
    "baseline_literal": "the rule as first published",
}
"""What people call the baselines."""

_ASKED = ("baseline_full", "baseline_default")


def sentences(found: Confirmation) -> tuple[str, str]:
    """Whether the winner beats plain EMMET and the default settings, and how much was luck.

    Example:
        >>> from analysis.judging.confirmation import confirmation
        >>> sentences(confirmation(ratchet.load("results/my-sweep")))[1]
        'Of its lead over plain EMMET in the sweep, +0.095, +0.037 was luck.'
    """
    asked = [found.comparisons[role] for role in _ASKED if role in found.comparisons]
    if not asked:
        return (
            "There is no baseline to compare with.",
            "So it cannot be told how much of the lead was luck.",
        )
    count = len(found.sequences)
    sequences = "1 sequence" if count == 1 else f"{count} sequences"
    where = f"On {sequences} of {found.records} unseen records"
    verdicts = ", and ".join(_verdict(each) for each in asked)
    first = f"{where}, the best setting (trial {found.winner}) {verdicts}."
    return first, ", and ".join(_shares(asked)) + "."


def _verdict(each: Comparison) -> str:
    name, interval = BASELINES[each.baseline], each.interval
    numbers = (
        f"{each.lead:+.3f} ({interval.level:.0%} interval "
        f"{interval.low:+.3f} to {interval.high:+.3f})"
    )
    if each.beats:
        return f"beats {name} by {numbers}"
    if interval.high < 0:
        return f"is worse than {name}: {numbers}"
    return f"does not clearly beat {name}: {numbers}"


def _shares(asked: list[Comparison]) -> Iterator[str]:
    for number, each in enumerate(asked):
        name, lead = BASELINES[each.baseline], f"{each.lead_in_sweep:+.3f}"
        begins = "Of" if number == 0 else "of"
        if each.lead_in_sweep <= 0:
            yield f"{'It' if number == 0 else 'it'} had no lead over {name} in the sweep ({lead})"
        elif each.luck > 0:
            yield f"{begins} its lead over {name} in the sweep, {lead}, {each.luck:+.3f} was luck"
        else:
            yield f"{begins} its lead over {name} in the sweep, {lead}, nothing was luck"
