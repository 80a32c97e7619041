"""What the verdict says, and when it says that tuning did not pay."""

from __future__ import annotations

from dataclasses import replace

import pytest

from analysis.judging.confirmation import confirmation
from analysis.judging.intervals import Interval
from analysis.report.conclusion import Conclusion, Lead, conclude
from analysis.report.sentences import headline, sentences
from tests.analysis.confirmed import confirmed

SEQUENCE = [1.0, 1.0, 1.0, 1.0]
WORSE = [1.0, 0.5, 1.0, 0.5]
WORST = [0.5, 0.5, 0.5, 0.5]

CONFIRMED = {
    # Batches are of two: in each, the winner is right twice, the best baseline once and a half.
    "better": (
        {0: WORST, 1: WORST, 2: WORSE, 3: SEQUENCE},
        "Tuning paid.",
        "by +0.250 (95% interval +0.250 to +0.250).",
        "In the sweep the lead was +0.400, so +0.150 of it was luck.",
    ),
    "equal": (
        {0: WORSE, 1: WORSE, 2: SEQUENCE, 3: SEQUENCE},
        "Tuning did not pay.",
        "its lead is +0.000 (95% interval +0.000 to +0.000).",
        "so +0.400 of it was luck; keep the rule as first published, or search elsewhere.",
    ),
    "worse": (
        {0: WORSE, 1: WORSE, 2: SEQUENCE, 3: WORSE},
        "Tuning did not pay.",
        "is worse than the best baseline, the rule as first published: its lead is \u22120.250",
        "so +0.650 of it was luck; keep the rule as first published",
    ),
}


@pytest.mark.parametrize("case", CONFIRMED)
def test_a_confirmation_decides(case: str) -> None:
    values, said, first, second = CONFIRMED[case]
    sweep = confirmed(
        {0: 0.3, 1: 0.4, 2: 0.5, 3: 0.9}, {t: {0: v, 1: v, 2: v} for t, v in values.items()}
    )
    sweep = replace(sweep, trials=sweep.trials.assign(composite_unedited=1 / 3))
    found = conclude(sweep)
    assert found is not None
    assert found.confirmed == confirmation(sweep)
    assert headline(found) == said
    one, two = sentences(found)
    assert one.startswith("On 3 sequences of 4 records that the sweep never edited, the best")
    assert first in one
    assert second in two


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
