"""The verdict in words: a headline, and some sentences."""

from __future__ import annotations

import re

from analysis.judging.confirm_sentences import baseline_name, luck, remarks, verdict
from analysis.judging.intervals import Interval
from analysis.judging.lead import Finding
from analysis.report.conclusion import Conclusion, Lead

OPTIMISTIC = "selected, optimistic"
"""The heading of all figures of the best setting that come from the sweep that selected it."""


def headline(found: Conclusion | None) -> str:
    """Whether tuning paid, in a few words."""
    if found is None:
        return "Nothing to decide yet."
    if found.lead is None:
        return "There is no baseline to compare with."
    if found.confirmed is None:
        clear = found.verdict is Finding.BETTER
        return "Tuning looks worth it, but is not confirmed." if clear else "Tuning did not pay."
    if found.verdict is Finding.CANNOT_TELL:
        return "Whether tuning paid cannot be told."
    return "Tuning paid." if found.verdict is Finding.BETTER else "Tuning did not pay."


def sentences(found: Conclusion | None) -> list[str]:
    """What was found, with its interval, how far to trust it, and what more would tell.

    Example:
        >>> from analysis.report.conclusion import conclude
        >>> sentences(conclude(ratchet.load("results/my-sweep")))[1]
        'Of its lead over plain EMMET in the sweep, +0.095, +0.037 was luck.'
    """
    if found is None:
        return [
            "No search trial has been completed.",
            "What follows is about those that have ended so far.",
        ]
    if found.lead is None:
        return [
            f"The best setting, trial {found.trial}, has a composite of {found.composite:.3f} "
            f"({interval_text(found.interval)}).",
            "No baseline has been completed, so nothing says whether tuning is worth it.",
        ]
    if found.confirmed is None or found.confirmed.decisive is None:
        return [_finding(found, found.lead), _trust(found, found.lead)]
    better = found.verdict is Finding.BETTER
    keep = f"Keep {baseline_name(found.lead.baseline)}, or search elsewhere."
    return [
        _readable(each)
        for each in (
            verdict(found.confirmed),
            luck(found.confirmed.decisive),
            *remarks(found.confirmed),
            *(() if better else (keep,)),
        )
    ]


def interval_text(interval: Interval | None, sign: str = "") -> str:
    """An interval with its level; `sign` is "+" for differences."""
    if interval is None:
        return "no interval"
    low, high = (number(bound, sign) for bound in (interval.low, interval.high))
    return f"{interval.level:.0%} interval {low} to {high}"


def number(value: float, sign: str = "") -> str:
    """Three digits, and a minus sign that is as wide as a plus."""
    return f"{value:{sign}.3f}".replace("-", "\u2212")


def _readable(sentence: str) -> str:
    """The same with minus signs that are as wide as a plus."""
    return re.sub(r"(?<=[ (])-(?=\d\.\d{3})", "\u2212", sentence)


def _finding(found: Conclusion, lead: Lead) -> str:
    interval = f"{interval_text(lead.interval, '+')}; {OPTIMISTIC}"
    who = f"The best of {found.searched:,} completed settings, trial {found.trial},"
    name = baseline_name(lead.baseline)
    if found.verdict is Finding.BETTER:
        return f"{who} beats the best baseline, {name}, by {number(lead.value, '+')} ({interval})."
    worse = lead.interval is not None and lead.interval.high < 0
    does = "is worse than" if worse else "does not clearly beat"
    return (
        f"{who} {does} the best baseline, {name}: its lead is {number(lead.value, '+')} "
        f"({interval})."
    )


def _trust(found: Conclusion, lead: Lead) -> str:
    if found.verdict is Finding.BETTER:
        return (
            "The setting was selected by the very records that it is measured on, so a part of "
            "this lead is luck; a confirmation on other records says how much remains."
        )
    return (
        "The setting was selected by the very records that it is measured on, and even so its "
        f"lead is not clear; keep {baseline_name(lead.baseline)}, or search elsewhere."
    )
