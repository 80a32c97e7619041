"""Thresholds: exact comparisons, and the largest float that an improvement reaches."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greedy_core.metrics import Value
from greedy_core.walk.threshold import largest_reached, reaches

IMPROVEMENTS = st.one_of(
    st.floats(-1, 1),
    st.floats(-1e100, 1e100),
    st.fractions(-1, 1),
    st.fractions(-1, 1, max_denominator=200),
    st.decimals(-1, 1, allow_nan=False, places=3).map(Fraction),
)


@given(IMPROVEMENTS, st.floats(0, 1))
def test_a_threshold_is_the_decimal_that_is_written(improvement: Value, threshold: float) -> None:
    assert reaches(improvement, threshold) == (
        Fraction(improvement) >= Fraction(Decimal(repr(threshold)))
    )


@given(IMPROVEMENTS)
def test_the_largest_threshold_is_reached_and_the_next_one_is_not(improvement: Value) -> None:
    largest = largest_reached(improvement)
    assert reaches(improvement, largest)
    assert not reaches(improvement, math.nextafter(largest, math.inf))


@given(IMPROVEMENTS, st.floats(0, 1))
def test_all_smaller_thresholds_are_reached_and_no_larger_one(
    improvement: Value, threshold: float
) -> None:
    assert reaches(improvement, threshold) == (threshold <= largest_reached(improvement))


@pytest.mark.parametrize(
    ("improvement", "expected"),
    [
        (Fraction(1, 20), 0.05),
        (Fraction(1, 3), 0.3333333333333333),
        # The float 0.1 is a little more than 1/10, and the sum a little more than 3/10.
        (0.1, 0.1),
        (0.1 + 0.2, 0.30000000000000004),
        # The float 0.3 is a little less than 3/10, so as a threshold it is larger than itself.
        (0.3, math.nextafter(0.3, 0)),
        (Fraction(0), 0.0),
    ],
)
def test_largest_thresholds(improvement: Value, expected: float) -> None:
    assert largest_reached(improvement) == expected
