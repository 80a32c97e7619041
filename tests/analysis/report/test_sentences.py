"""What the verdict says, and when it says that tuning did not pay."""

from __future__ import annotations

from dataclasses import replace

import pytest

from analysis.judging.confirmation import confirmation
from analysis.judging.intervals import Interval
from analysis.report.conclusion import Conclusion, Lead, conclude
from analysis.report.sentences import headline, sentences
from tests.analysis.confirmed import Values, confirmed

CONFIRMED: dict[str, tuple[tuple[float, ...], str, str, str]] = {
    "better": (
        (0.04, 0.05, 0.06),
        "Tuning paid.",
        "is better than every baseline; its smallest lead, over the rule as first published, is "
        "+0.050 (95% interval +0.006 to +0.094).",
        "sweep, +0.400, +0.350 was luck (95% interval +0.306 to +0.394).",
    ),
    "equal": (
        (0.0, 0.0, 0.0),
        "Whether tuning paid cannot be told.",
        "is better than the rule as first published cannot be told: its lead is +0.000 (no "
        "interval).",
        "It came to exactly the same as the rule as first published on all 3 sequences. Keep the "
        "rule as first published, or search elsewhere.",
    ),
    "open": (
        (-0.04, 0.05, 0.06),
        "Whether tuning paid cannot be told.",
        "cannot be told: its lead is +0.023 (95% interval \u22120.220 to +0.267).",
        "sequences would call a lead of +0.023 over the rule as first published better in 80% of",
    ),
    "no better": (
        (-0.002, 0.001, 0.001),
        "Tuning did not pay.",
        "is no better than the rule as first published by more than 0.01: its lead is +0.000",
        "Keep the rule as first published, or search elsewhere.",
    ),
    "worse": (
        (-0.04, -0.05, -0.06),
        "Tuning did not pay.",
        "is worse than the rule as first published: its lead is \u22120.050",
        "Keep the rule as first published, or search elsewhere.",
    ),
}
"""Leads over the best of three baselines on three sequences."""


@pytest.mark.parametrize("case", CONFIRMED)
def test_a_confirmation_decides(case: str) -> None:
    leads, said, first, later = CONFIRMED[case]
    values: Values = {
        0: {n: [0.3 - n / 100] * 4 for n in range(3)},
        1: {n: [0.4 + n / 100] * 4 for n in range(3)},
        2: {n: [0.8 - lead] * 4 for n, lead in enumerate(leads)},
        3: {n: [0.8] * 4 for n in range(3)},
    }
    sweep = confirmed({0: 0.3, 1: 0.4, 2: 0.5, 3: 0.9}, values)
    sweep = replace(sweep, trials=sweep.trials.assign(composite_unedited=1 / 3))
    found = conclude(sweep)
    assert found is not None
    assert found.confirmed == confirmation(sweep)
    assert headline(found) == said
    one, *others = sentences(found)
    assert one.startswith("On 3 sequences of 4 unseen records, ")
    assert first in one
    assert later in " ".join(others)


def test_one_sequence_is_shown_without_intervals() -> None:
    sweep = confirmed({0: 0.3, 3: 0.9}, {0: {0: [0.3] * 4}, 3: {0: [0.8] * 4}})
    found = conclude(replace(sweep, trials=sweep.trials.assign(composite_unedited=1 / 3)))
    assert found is not None and found.lead is not None
    assert (found.interval, found.lead.interval) == (None, None)
    assert headline(found) == "Whether tuning paid cannot be told."
    assert "its lead is +0.500 (no interval)" in sentences(found)[0]


def in_sweep(low: float, high: float, value: float = 0.05) -> Conclusion:
    lead = Lead("baseline_full", 0.85, value, Interval(low, high, 0.95), value)
    interval = Interval(0.8, 0.95, 0.95)
    metrics: dict[str, float | None] = {"es": 0.9, "ps": 0.9, "ns": 0.9}
    return Conclusion(12, 40, 0.9, interval, metrics, 0.333, lead, None)


@pytest.mark.parametrize(
    ("low", "high", "said", "does"),
    [
        (0.001, 0.1, "Tuning looks worth it, but is not confirmed.", "beats"),
        (0.0, 0.1, "Tuning did not pay.", "does not clearly beat"),
        (-0.02, 0.1, "Tuning did not pay.", "does not clearly beat"),
        (-0.1, -0.01, "Tuning did not pay.", "is worse than"),
    ],
)
def test_before_a_confirmation_the_interval_is_called_optimistic(
    low: float, high: float, said: str, does: str
) -> None:
    found = in_sweep(low, high)
    one, _ = sentences(found)
    assert headline(found) == said
    assert f"trial 12, {does} the best baseline, plain EMMET" in one
    assert "selected, optimistic" in one


def test_without_a_baseline_or_a_setting_nothing_is_decided() -> None:
    alone = replace(in_sweep(0.01, 0.1), lead=None)
    assert headline(alone) == "There is no baseline to compare with."
    assert "nothing says whether tuning is worth it" in sentences(alone)[1]
    assert headline(None) == "Nothing to decide yet."
    assert sentences(None)[0] == "No search trial has been completed."
