"""ES, PS, NS, composite, score and margin as tables."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from greedy_core.metrics import (
    Metrics,
    RecordValues,
    aggregate,
    composite,
    margin,
    mean,
    success,
)
from greedy_core.model.scoring import RESOLUTION

F = Fraction


@pytest.mark.parametrize(
    ("new", "true", "prefer_new", "expected"),
    [
        (-1.0, -2.0, True, 1),
        (-2.0, -1.0, True, 0),
        (-1.0, -1.0, True, 0),  # a tie is no success
        (-1.0, -2.0, False, 0),
        (-2.0, -1.0, False, 1),
        (-1.0, -1.0, False, 0),
    ],
)
def test_success_is_strict(new: float, true: float, prefer_new: bool, expected: int) -> None:
    assert success(np.array([[new, true]]), prefer_new) == [F(expected)]


@given(new=st.integers(-(2**27), 0), true=st.integers(-(2**27), 0), prefer_new=st.booleans())
def test_margin_exceeds_one_half_exactly_where_the_prompt_succeeds(
    new: int, true: int, prefer_new: bool
) -> None:
    scores = np.array([[new, true]]) * RESOLUTION
    [value] = margin(scores, prefer_new)
    assert 0 <= value <= 1
    assert (value > 0.5) == bool(success(scores, prefer_new)[0])


def test_margin_is_the_preferred_share_of_probability() -> None:
    p_new, p_true = 0.2, 0.05
    scores = np.log([[p_new, p_true]])
    assert margin(scores, True) == [pytest.approx(p_new / (p_new + p_true))]
    assert margin(scores, False) == [pytest.approx(p_true / (p_new + p_true))]


def test_prompts_that_are_not_there_have_no_values() -> None:
    assert success(np.zeros((0, 2)), True) == [] == margin(np.zeros((0, 2)), True)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([F(1), F(0), F(1)], F(2, 3)),
        ([F(1), None], F(1)),
        ([None, None], None),
        ([], None),
        ([0.25, 0.75], 0.5),
    ],
)
def test_mean_leaves_out_what_is_not_there(values: list, expected: object) -> None:
    assert mean(values) == expected
    assert isinstance(mean(values), type(expected))


@pytest.mark.parametrize(
    ("es", "ps", "ns", "weights", "expected"),
    [
        (F(1), F(1), F(0), (1, 1, 1), F(2, 3)),
        (F(1), F(1, 2), F(1, 3), (1, 1, 3), F(5, 10)),
        (F(1), None, F(0), (1, 1, 1), F(1, 2)),
        (F(1), None, None, (1, 1, 1), F(1)),
        (F(1), F(0), F(0), (0.1, 0.2, 0.3), F(1, 6)),  # decimal weights are what they look like
        (F(1), F(0), F(1), (0, 1, 0), F(0)),
        (F(1), None, F(0), (1, 5, 3), F(1, 4)),
        (0.5, 0.25, 0.0, (1, 1, 2), 0.1875),
    ],
)
def test_composite_table(es, ps, ns, weights, expected) -> None:
    value = composite(es, ps, ns, weights)
    assert value == expected
    assert type(value) is type(expected)


def test_composite_of_nothing_that_counts_is_an_error() -> None:
    with pytest.raises(ValueError, match="kind with a weight above 0"):
        composite(F(1), None, F(1), (0, 1, 0))


@pytest.mark.parametrize(
    ("es", "ps", "ns", "expected"),
    [
        (F(1), F(1), F(1), 1.0),
        (F(1), F(1, 2), F(1, 4), 3 / 7),
        (F(1), F(1), F(0), 0.0),
        (F(1), None, F(1, 2), 2 / 3),
        (0.9, 0.8, 0.7, 3 / (1 / 0.9 + 1 / 0.8 + 1 / 0.7)),
    ],
)
def test_score_is_the_harmonic_mean_of_what_is_there(es, ps, ns, expected: float) -> None:
    assert Metrics(es, ps, ns, F(0)).score == pytest.approx(expected)


def test_records_weigh_the_same_however_many_prompts_they_have() -> None:
    """MEMIT's summarize.py: mean over a record's prompts, then over records."""
    many = RecordValues(F(1), mean([F(1)] * 9 + [F(0)]), F(1))
    few = RecordValues(F(0), F(0), None)
    none = RecordValues(F(1), None, F(0))
    metrics = aggregate([many, few, none], (1, 1, 1))
    assert (metrics.es, metrics.ps, metrics.ns) == (F(2, 3), F(9, 20), F(1, 2))
    assert metrics.composite == (F(2, 3) + F(9, 20) + F(1, 2)) / 3


def test_kind_that_no_record_has_drops_out() -> None:
    metrics = aggregate([RecordValues(F(1), None, F(0))], (1, 2, 3))
    assert metrics.ps is None
    assert metrics.composite == F(1, 4)


def test_thresholds_compare_exactly() -> None:
    tenths = [RecordValues(F(n < 3), None, None) for n in range(10)]
    before = aggregate([*tenths[1:], RecordValues(F(0), None, None)], (1, 1, 1)).composite
    after = aggregate(tenths, (1, 1, 1)).composite
    assert after - before == F("0.1")  # as floats 0.3 - 0.2 < 0.1
    assert not math.isclose(0.3 - 0.2, 0.1, rel_tol=0, abs_tol=0)
