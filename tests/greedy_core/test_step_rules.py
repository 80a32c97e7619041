"""Step rules: which fractions are proposed after which verdicts."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greedy_core.settings import StepRule
from greedy_core.walk.step_rules import Proposals


def proposed(rule: StepRule, steps: int, patience: int, verdicts: str) -> str:
    """The fractions that are proposed, while `+` accepts and `-` rejects."""
    loop = Proposals(rule, steps, patience)
    fractions = []
    for verdict in verdicts:
        if loop.done:
            break
        fractions.append(loop.fraction)
        loop.record(loop.fraction if verdict == "+" else None)
    if not loop.done:
        fractions.append(loop.fraction)
    return " ".join(map(str, fractions)) + (" end" if loop.done else "")


@pytest.mark.parametrize(
    ("rule", "steps", "patience", "verdicts", "expected"),
    [
        ("advance", 1, 0, "+", "1 end"),
        ("advance", 1, 1, "-", "1 end"),
        ("advance", 4, 0, "++++", "1/4 1/2 3/4 1 end"),
        ("advance", 4, 0, "----", "1/4 1/2 3/4 1 end"),
        ("advance", 4, 0, "-+-+", "1/4 1/2 3/4 1 end"),
        ("advance", 4, 1, "-", "1/4 end"),
        ("advance", 4, 1, "+-", "1/4 1/2 end"),
        ("advance", 4, 2, "-+--", "1/4 1/2 3/4 1 end"),
        ("advance", 4, 2, "--", "1/4 1/2 end"),
        ("advance", 5, 2, "-+-+-", "1/5 2/5 3/5 4/5 1 end"),
        ("backtrack", 1, 0, "-", "1 end"),
        ("backtrack", 4, 0, "++++", "1/4 1/2 3/4 1 end"),
        ("backtrack", 4, 0, "-+++", "1/4 1/8 1/4 3/8 end"),
        ("backtrack", 4, 0, "----", "1/4 1/8 1/16 1/32 end"),
        ("backtrack", 4, 2, "+--", "1/4 1/2 3/8 end"),
        ("backtrack", 4, 2, "-+-+", "1/4 1/8 1/4 3/16 end"),
        ("backtrack", 2, 0, "-+", "1/2 1/4 end"),
        ("repeat", 1, 0, "-", "1 end"),
        ("repeat", 4, 0, "++++", "1/4 1/2 3/4 1 end"),
        ("repeat", 4, 0, "----", "1/4 1/4 1/4 1/4 end"),
        ("repeat", 4, 1, "-", "1/4 end"),
        ("repeat", 4, 2, "-+-", "1/4 1/4 1/2 end"),
        ("repeat", 4, 3, "-+-", "1/4 1/4 1/2 1/2"),
        ("repeat", 8, 3, "+-+--", "1/8 1/4 1/4 3/8 3/8 end"),
    ],
)
def test_proposals(rule: StepRule, steps: int, patience: int, verdicts: str, expected: str) -> None:
    assert proposed(rule, steps, patience, verdicts) == expected


@given(
    rule=st.sampled_from(["advance", "backtrack", "repeat"]),
    steps=st.integers(1, 8),
    patience=st.integers(0, 4),
    verdicts=st.lists(st.booleans(), min_size=8, max_size=8),
)
def test_every_loop_stays_within_its_limits(
    rule: StepRule, steps: int, patience: int, verdicts: list[bool]
) -> None:
    loop = Proposals(rule, steps, patience)
    rejected = in_a_row = 0
    while not loop.done:
        accept = verdicts[loop.step]
        assert 0 < loop.fraction <= 1
        assert loop.fraction > loop.accepted
        loop.record(loop.fraction if accept else None)
        rejected += not accept
        in_a_row = 0 if accept else in_a_row + 1
    assert loop.step <= steps
    if patience:
        assert in_a_row <= patience
        assert rule != "repeat" or rejected <= patience


def test_scaled_verdict_sets_what_is_in_force() -> None:
    loop = Proposals("backtrack", 2, 0)
    loop.record(Fraction(1, 4))
    assert (loop.accepted, loop.fraction) == (Fraction(1, 4), Fraction(3, 4))


MARGIN = [
    (0.334, 0.345, 0.502, 0.633, 0.791, 0.883, 0.925, 0.942, 0.945),
    (0.333, 0.336, 0.382, 0.632, 0.849, 0.936, 0.971, 0.984, 0.988),
    (0.332, 0.339, 0.391, 0.486, 0.677, 0.807, 0.836, 0.845, 0.847),
]
SUCCESS = [
    (0.333, 0.333, 0.500, 0.583, 0.833, 0.917, 1.0, 1.0, 0.972),
    (0.333, 0.333, 0.333, 0.583, 0.833, 1.0, 1.0, 1.0, 1.0),
    (0.333, 0.333, 0.417, 0.417, 0.750, 0.833, 0.833, 0.833, 0.917),
]
"""Probe composites of real batches at fractions 0, 1/8 .. 1."""


def reached(rule: StepRule, curve: tuple[float, ...], patience: int) -> Fraction:
    """Where 8 steps with min_improvement 0.02 end on a curve of composites."""
    loop = Proposals(rule, 8, patience)
    here = curve[0]
    while not loop.done:
        there = curve[int(loop.fraction * 8)]
        accept = there - here >= 0.02
        here = there if accept else here
        loop.record(loop.fraction if accept else None)
    return loop.accepted


@pytest.mark.parametrize("curve", SUCCESS + MARGIN)
def test_literal_rule_stalls_at_the_first_step_that_flips_nothing(
    curve: tuple[float, ...],
) -> None:
    assert reached("repeat", curve, patience=0) == 0


@pytest.mark.parametrize("curve", SUCCESS + MARGIN)
def test_advance_looks_further_along_and_edits(curve: tuple[float, ...]) -> None:
    assert reached("advance", curve, patience=3) >= Fraction(5, 8)
