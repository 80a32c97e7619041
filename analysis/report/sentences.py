"""The verdict in words: a headline, and two sentences."""

from __future__ import annotations

from analysis.judging.confirm_sentences import BASELINES
from analysis.judging.intervals import Interval
from analysis.report.conclusion import Conclusion, Lead

OPTIMISTIC = "selected, optimistic"
"""The heading of all figures of the best setting that come from the sweep that selected it."""


def headline(found: Conclusion | None) -> str:
    """Whether tuning paid, in a few words."""
    if found is None:
        return "Nothing to decide yet."
    if found.lead is None:
        return "There is no baseline to compare with."
    if not found.pays:
        return "Tuning did not pay."
    return "Tuning paid." if found.confirmed else "Tuning looks worth it, but is not confirmed."


def sentences(found: Conclusion | None) -> tuple[str, str]:
    """What was found, with its interval, and how far to trust it.

    Example:
        >>> from analysis.report.conclusion import conclude
        >>> sentences(conclude(ratchet.load("results/my-sweep")))[1]
        'In the sweep the lead was +0.095, so +0.037 of it was luck.'
    """
    if found is None:
        return (
            "No search trial has been completed.",
            "What follows is about those that have ended so far.",
        )
    if found.lead is None:
        return (
            f"The best setting, trial {found.trial}, has a composite of {found.composite:.3f} "
            f"({interval_text(found.interval)}).",
            "No baseline has been completed, so nothing says whether tuning is worth it.",
        )
    return _finding(found, found.lead), _trust(found, found.lead)


def baseline_name(role: str) -> str:
    """What people call a baseline."""
    return BASELINES.get(role, role)


def interval_text(interval: Interval, sign: str = "") -> str:
    """An interval with its level; `sign` is "+" for differences."""
    low, high = (number(bound, sign) for bound in (interval.low, interval.high))
    return f"{interval.level:.0%} interval {low} to {high}"


def number(value: float, sign: str = "") -> str:
    """Three digits, and a minus sign that is as wide as a plus."""
    return f"{value:{sign}.3f}".replace("-", "\u2212")


def _finding(found: Conclusion, lead: Lead) -> str:
    interval = interval_text(lead.interval, "+")
    if found.confirmed is None:
        who = f"The best of {found.searched:,} completed settings, trial {found.trial},"
        interval += f"; {OPTIMISTIC}"
    else:
        count = len(found.confirmed.sequences)
        sequences = "1 sequence" if count == 1 else f"{count} sequences"
        records = f"{sequences} of {found.confirmed.records} records that the sweep never edited"
        who = f"On {records}, the best setting, trial {found.trial},"
    name = baseline_name(lead.baseline)
    if found.pays:
        return f"{who} beats the best baseline, {name}, by {number(lead.value, '+')} ({interval})."
    does = "is worse than" if lead.interval.high < 0 else "does not clearly beat"
    return (
        f"{who} {does} the best baseline, {name}: its lead is {number(lead.value, '+')} "
        f"({interval})."
    )


def _trust(found: Conclusion, lead: Lead) -> str:
    keep = "" if found.pays else f"; keep {baseline_name(lead.baseline)}, or search elsewhere"
    if found.confirmed is None:
        if not found.pays:
            return (
                "The setting was selected by the very records that it is measured on, and even "
                f"so its lead is not clear{keep}."
            )
        return (
            "The setting was selected by the very records that it is measured on, so a part of "
            "this lead is luck; a confirmation on other records says how much remains."
        )
    before = f"In the sweep the lead was {number(lead.in_sweep, '+')}"
    luck = lead.in_sweep - lead.value
    if lead.in_sweep <= 0:
        return f"{before}, so there was none to lose{keep}."
    if luck <= 0:
        return f"{before}, so none of it was luck{keep}."
    return f"{before}, so {number(luck, '+')} of it was luck{keep}."
