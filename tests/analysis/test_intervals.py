"""Intervals hold the truth as often as they say, although batches and sequences hang together."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from analysis.judging.intervals import (
    Interval,
    difference_interval,
    mean_interval,
    selected_interval,
)
from tests.analysis.made_sweep import made_sweep, record

BATCHES, RECORDS = 5, 4
EXPERIMENTS = 1000


def drawn(kind: str, rng: np.random.Generator, experiments: int, sequences: int) -> np.ndarray:
    """Records' values, of shape (experiments, sequences, batches, records), and skewed near 0.9."""
    each = (experiments, sequences, BATCHES, RECORDS)
    effect = 0.6 * rng.standard_normal((*each[:2], 1, 1)) + 0.8 * rng.standard_normal(
        (*each[:3], 1)
    )
    if kind == "clipped means":
        return np.clip(0.93 + 0.07 * effect + 0.1 * rng.standard_normal(each), 0, 1)

    def successes(log_odds: float, prompts: int = 1) -> np.ndarray:
        chance = np.broadcast_to(1 / (1 + np.exp(-log_odds - effect)), each)
        return rng.binomial(prompts, chance) / prompts

    if kind == "successes":
        return successes(2.5)
    return (successes(3.5) + successes(2.2) + successes(2.2, prompts=2)) / 3


def frame(values: np.ndarray) -> pd.DataFrame:
    return places(values.shape).assign(value=values.ravel())


@cache
def places(shape: tuple[int, int, int]) -> pd.DataFrame:
    sequence, batch, place = np.indices(shape).reshape(3, -1)
    case = (sequence * BATCHES + batch) * RECORDS + place
    return pd.DataFrame({"sequence": sequence, "batch": batch, "case_id": case})


def covered(interval: Interval, truth: float) -> bool:
    return interval.low <= truth <= interval.high


def naive(values: np.ndarray) -> Interval:
    """A bootstrap's limit for many records that are taken as independent."""
    mean, error = values.mean(), values.std(ddof=1) / values.size**0.5
    return Interval(mean - 1.96 * error, mean + 1.96 * error, 0.95)


NUMBERS = [5, *(pytest.param(number, marks=pytest.mark.nightly) for number in (3, 10))]


@pytest.mark.parametrize("sequences", NUMBERS)
@pytest.mark.parametrize("kind", ["successes", "composites", "clipped means"])
def test_intervals_cover_93_to_97_percent_and_independent_records_fewer(
    kind: str, sequences: int
) -> None:
    truth = float(drawn(kind, np.random.default_rng(1), 20_000, 2).mean())
    experiments = drawn(kind, np.random.default_rng(2), EXPERIMENTS, sequences)
    share = np.mean([covered(mean_interval(frame(values)), truth) for values in experiments])
    # Three sequences of 20 successes have equal means so often that intervals are a bit too wide.
    assert 0.93 <= share <= (0.985 if (kind, sequences) == ("successes", 3) else 0.97)
    assert np.mean([covered(naive(values), truth) for values in experiments]) < 0.90


@pytest.mark.parametrize("sequences", NUMBERS)
def test_intervals_of_differences_cover_93_to_97_percent(sequences: int) -> None:
    rng = np.random.default_rng(3)
    truth = float(
        drawn("composites", np.random.default_rng(1), 20_000, 2).mean()
        - drawn("clipped means", np.random.default_rng(1), 20_000, 2).mean()
    )
    left = drawn("composites", rng, EXPERIMENTS // 2, sequences)
    right = drawn("clipped means", rng, EXPERIMENTS // 2, sequences)
    share = np.mean(
        [
            covered(difference_interval(frame(a), frame(b)), truth)
            for a, b in zip(left, right, strict=True)
        ]
    )
    assert 0.93 <= share <= 0.97


def test_batches_of_one_sequence_cover_its_own_mean_but_not_that_of_all_sequences() -> None:
    rng = np.random.default_rng(4)
    own = 0.85 + 0.06 * rng.standard_normal(EXPERIMENTS)
    shape = (EXPERIMENTS, 1, BATCHES, RECORDS)
    noise = 0.03 * rng.standard_normal((*shape[:3], 1)) + 0.03 * rng.standard_normal(shape)
    intervals = [
        mean_interval(frame(np.clip(m + n, 0, 1))) for m, n in zip(own, noise, strict=True)
    ]
    assert 0.93 <= np.mean([covered(i, m) for i, m in zip(intervals, own, strict=True)]) <= 0.97
    assert np.mean([covered(i, 0.85) for i in intervals]) < 0.75


def test_it_is_wilsons_interval_where_sequences_vary_as_single_successes() -> None:
    # 100 sequences of one value, 80 successes: the variance is 100 / 99 of the binomial one.
    values = pd.DataFrame({"sequence": range(100), "batch": 0, "value": [1.0] * 80 + [0.0] * 20})
    t = stats.t.ppf(0.95, 99) * math.sqrt(100 / 99)
    wilson = stats.binomtest(80, 100).proportion_ci(2 * stats.norm.cdf(t) - 1, "wilson")
    low, high, level = mean_interval(values, level=0.9)
    assert (low, high) == pytest.approx((wilson.low, wilson.high), abs=1e-12)
    assert level == 0.9


def test_ends_solve_the_equation_that_defines_them() -> None:
    values = pd.DataFrame(
        {"sequence": [0, 0, 1, 1, 2], "batch": [0, 1, 0, 1, 0], "value": [1, 0.8, 0.7, 0.9, 0.95]}
    )
    means = np.array([0.9, 0.8, 0.95])
    mean = means.mean()
    for end in mean_interval(values)[:2]:
        error = np.sqrt(means.var(ddof=1) / 3 * end * (1 - end) / (mean * (1 - mean)))
        assert abs(mean - end) / error == pytest.approx(stats.t.ppf(0.975, 2))


def test_a_difference_is_scipys_paired_t_interval_of_sequences() -> None:
    left = pd.DataFrame({"case_id": [1, 2, 3, 4], "sequence": [0, 0, 1, 2], "batch": 0})
    left["value"] = [1.0, 0.6, 0.9, 0.8]
    right = left.assign(value=[0.5, 0.5, 0.8, 0.75]).iloc[::-1]
    expected = stats.ttest_rel([0.8, 0.9, 0.8], [0.5, 0.8, 0.75]).confidence_interval(0.9)
    assert difference_interval(left, right, 0.9)[:2] == pytest.approx((expected.low, expected.high))


def test_rows_without_a_value_or_a_partner_are_left_out() -> None:
    values = pd.DataFrame({"sequence": [0, 0, 1, 1], "batch": 0, "case_id": range(4)})
    values["value"] = [0.9, math.nan, 0.8, 0.6]
    assert mean_interval(values) == mean_interval(values.dropna())
    zero = values.assign(value=0.0)
    assert difference_interval(values, zero.iloc[:3]) == difference_interval(
        values.iloc[[0, 2]], zero
    )


def test_equal_sequences_leave_the_batches_and_equal_batches_the_widest() -> None:
    values = pd.DataFrame(
        {"sequence": [0, 0, 1, 1], "batch": [0, 1, 0, 1], "value": [1, 0.8, 0.8, 1]}
    )
    as_one = values.assign(sequence=0, batch=range(4))
    assert mean_interval(values) == mean_interval(as_one)
    # All right in n batches: the lower end is n / (n + t^2), as Wilson's is for n single successes.
    perfect = mean_interval(values.assign(value=1.0))
    assert perfect[:2] == pytest.approx((4 / (4 + stats.t.ppf(0.975, 3) ** 2), 1.0))
    same = values.assign(case_id=range(4))
    assert difference_interval(same, same)[:2] == (0.0, 0.0)


ONE = pd.DataFrame({"sequence": [0, 0], "batch": [0, 1], "case_id": [1, 2], "value": [0.5, 0.6]})


@pytest.mark.parametrize(
    ("values", "level", "message"),
    [
        (ONE.assign(value=[0.5, 1.5]), 0.95, r"`0 <= value <= 1` must hold.*largest=1\.5"),
        (ONE.assign(batch=0), 0.95, r"`batches >= 2` must hold, but got \(batches=1\)"),
        (ONE.iloc[:0], 0.95, r"`batches >= 2` must hold, but got \(batches=0\)"),
        (ONE.drop(columns="batch"), 0.95, "must have columns sequence, batch, value, but got no"),
        (ONE, 1.0, r"`0 < level < 1` must hold, but got \(level=1\.0\)"),
    ],
)
def test_what_has_no_interval_is_refused(values: pd.DataFrame, level: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        mean_interval(values, level)


def test_a_difference_needs_common_records_each_once() -> None:
    with pytest.raises(ValueError, match="records in common"):
        difference_interval(ONE, ONE.assign(case_id=[3, 4]))
    with pytest.raises(ValueError, match=r"\(right: twice\)"):
        difference_interval(ONE, ONE.assign(case_id=1))


def test_a_selected_trials_interval_is_that_of_its_batches_at_the_last_report() -> None:
    rows = [
        record(7, case, case // 2, 4, es=1.0, ps=value, ns=value)
        for case, value in enumerate([1.0, 0.4, 0.7, 0.1])
    ]
    early = [record(7, 0, 0, 2, es=0.0, ps=0.0, ns=0.0)]
    sweep = made_sweep(records=[*early, *rows], weights=[2.0, 1.0, 1.0])
    values = pd.DataFrame({"sequence": 0, "batch": [0, 0, 1, 1], "value": [1.0, 0.7, 0.85, 0.55]})
    assert selected_interval(sweep, 7, 0.8) == pytest.approx(mean_interval(values, 0.8))
