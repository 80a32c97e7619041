"""Verdicts on a lead are wrong as rarely as they say, also where most sequences come out equal.

python -m tests.analysis.test_lead prints the shares.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product

import numpy as np
import pytest
from scipy import stats

from analysis.judging.intervals import Interval
from analysis.judging.lead import Finding, finding, lead_interval, sequences_needed

Draw = Callable[[np.random.Generator, tuple[int, ...], float], np.ndarray]
"""Leads of one setting over another, by experiment and sequence."""

EXPERIMENTS = 2000
ERROR = 3 * (0.025 * 0.975 / EXPERIMENTS) ** 0.5
"""Three standard errors of a share of 2.5 %."""
BATCHES, PROMPTS = 5, 60


def spread(rng: np.random.Generator, shape: tuple[int, ...], lead: float) -> np.ndarray:
    """Normal leads, as where settings are far from the ceiling."""
    return lead + 0.02 * rng.standard_normal(shape)


def graded(rng: np.random.Generator, shape: tuple[int, ...], lead: float) -> np.ndarray:
    """Shares of prompts that succeed, near 0.85 and in steps of 1/60, on sequences that differ."""
    hard = rng.normal(0.0, 0.03, shape)
    left, right = (np.clip(0.85 + add + hard, 0, 1) for add in (lead, 0.0))
    return (rng.binomial(PROMPTS, left) - rng.binomial(PROMPTS, right)) / PROMPTS


def ceiling(damaged: float, flips: float) -> Draw:
    """Settings that are right everywhere but in damaged batches, one of them more often.

    Args:
        damaged: how often a batch of the worse one is damaged; of the better one, less by the lead.
        flips: prompts that are lost in such a batch, on average.
    """

    def draw(rng: np.random.Generator, shape: tuple[int, ...], lead: float) -> np.ndarray:
        less = lead * PROMPTS / BATCHES / flips
        return (lost(rng, shape, damaged) - lost(rng, shape, damaged - less)) / PROMPTS

    def lost(rng: np.random.Generator, shape: tuple[int, ...], often: float) -> np.ndarray:
        hit = rng.random((*shape, BATCHES)) < often
        found: np.ndarray = (hit * rng.geometric(1 / flips, hit.shape)).sum(axis=-1)
        return found

    return draw


CEILINGS: dict[str, tuple[Draw, float]] = {
    "rare and small": (ceiling(0.02, 1.5), 0.02 * 1.5 / 12),
    "small": (ceiling(0.1, 1.5), 0.1 * 1.5 / 12),
    "rare and large": (ceiling(0.05, 3.0), 0.05 * 3 / 12),
    "large": (ceiling(0.1, 3.0), 0.1 * 3 / 12),
}
"""The second number is the largest lead: the better setting is never wrong, leads are skewed."""
DISTRIBUTIONS: dict[str, tuple[Draw, float]] = {
    "spread": (spread, 0.02),
    "graded": (graded, 0.05),
    **CEILINGS,
}
COUNTS = [5, *(pytest.param(count, marks=pytest.mark.nightly) for count in (2, 3, 10))]


def experiments(draw: Draw, lead: float, count: int, number: int = EXPERIMENTS) -> np.ndarray:
    return draw(np.random.default_rng(1), (number, count), lead).round(12)


def intervals(leads: np.ndarray, together: int = 1) -> list[Interval | None]:
    return [lead_interval(each.tolist(), together) for each in leads]


def coverage(draw: Draw, lead: float, count: int) -> float:
    """How often the truth is not outside of the interval."""
    found = intervals(experiments(draw, lead, count))
    truth = float(experiments(draw, lead, 100, 2_000).mean())  # clipping moves it a little
    return float(np.mean([each is None or each.low <= truth <= each.high for each in found]))


def better(draw: Draw, count: int) -> float:
    """How often a setting that is as good as the other is called better."""
    found = intervals(experiments(draw, 0.0, count))
    return float(np.mean([finding(each, 0.01) is Finding.BETTER for each in found]))


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("case", DISTRIBUTIONS)
def test_a_setting_that_is_as_good_is_rarely_called_better(case: str, count: int) -> None:
    assert better(DISTRIBUTIONS[case][0], count) <= 0.025 + ERROR


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("case", ["spread", "graded"])
def test_intervals_cover_93_to_97_percent_where_leads_are_spread(case: str, count: int) -> None:
    draw, largest = DISTRIBUTIONS[case]
    shares = [coverage(draw, part * largest, count) for part in (0.0, 1.0)]
    assert min(shares) >= 0.93
    # Steps of 1/60 are often equal on one of two or three sequences.
    assert max(shares) <= (1.0 if case == "graded" and count < 5 else 0.97)


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("case", CEILINGS)
def test_intervals_never_cover_less_than_93_percent_at_the_ceiling(case: str, count: int) -> None:
    draw, largest = CEILINGS[case]
    assert np.mean(experiments(draw, largest, 100) == 0) > 0.4
    for part in (0.0, 0.5, 1.0):
        assert coverage(draw, part * largest, count) >= 0.93


@pytest.mark.parametrize("case", ["rare and large", "large"])
def test_with_all_degrees_of_freedom_intervals_at_the_ceiling_would_be_too_short(case: str) -> None:
    draw, largest = CEILINGS[case]
    leads = experiments(draw, largest, 10)
    error = 2.262 * stats.sem(leads, axis=1)
    far = np.abs(leads.mean(axis=1) - largest) > error
    assert np.mean(far & (error > 0)) > 0.1


def beside_three(true_leads: tuple[float, ...], count: int, together: int) -> Iterator[Finding]:
    """The verdict on the best of three baselines, which all share the winner's own luck."""
    rng = np.random.default_rng(2)
    for _ in range(EXPERIMENTS):
        winner = rng.normal(0.0, 0.02, count)
        found = [winner + lead - rng.normal(0.0, 0.02, count) for lead in true_leads]
        each = [finding(lead_interval(by.tolist(), together), 0.01) for by in found]
        if Finding.NO_BETTER in each:
            yield Finding.NO_BETTER
        else:
            yield Finding.BETTER if {*each} == {Finding.BETTER} else Finding.CANNOT_TELL


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize(
    ("true_leads", "wrong"),
    [
        ((0.0, 0.0, 0.0), Finding.BETTER),
        ((0.0, 0.2, 0.2), Finding.BETTER),
        ((0.01, 0.01, 0.01), Finding.NO_BETTER),
    ],
)
def test_the_best_of_three_baselines_is_rarely_misjudged(
    true_leads: tuple[float, ...], wrong: Finding, count: int
) -> None:
    verdicts = list(beside_three(true_leads, count, 3))
    assert verdicts.count(wrong) / EXPERIMENTS <= 0.025 + ERROR


def test_without_a_correction_three_baselines_would_be_misjudged_twice_as_often() -> None:
    verdicts = list(beside_three((0.01, 0.01, 0.01), 5, 1))
    assert verdicts.count(Finding.NO_BETTER) / EXPERIMENTS > 0.04


@pytest.mark.parametrize("together", [1, 3])
def test_as_many_sequences_as_are_asked_for_tell_in_80_of_100_cases(together: int) -> None:
    # The standard deviation of these is that of all sequences.
    needed = sequences_needed([-0.02, 0.0, 0.02], 0.015, together)
    assert needed is not None
    found = intervals(experiments(spread, 0.015, needed), together)
    share = np.mean([finding(each, 0.01) is Finding.BETTER for each in found])
    assert share == pytest.approx(0.8, abs=0.04)


@pytest.mark.parametrize(
    ("leads", "known"),
    [
        ([], False),
        ([0.1], False),
        ([0.0] * 5, False),
        ([0.1] * 5, False),
        ([0.0, 0.0, 0.0, 0.0, 0.1], False),
        ([0.0, 0.0, 0.0, 0.1, 0.1], True),
        ([0.1, 0.2], True),
    ],
)
def test_an_interval_needs_two_sequences_that_differ_and_not_by_the_same(
    leads: list[float], known: bool
) -> None:
    interval = lead_interval(leads)
    assert (interval is not None) == known
    assert known or finding(interval, 1.0) is Finding.CANNOT_TELL
    assert (sequences_needed(leads, 0.01) is not None) == known


@pytest.mark.parametrize("together", [1, 3])
def test_where_all_sequences_differ_it_is_the_paired_t_test(together: int) -> None:
    leads = [0.01, 0.03, -0.01, 0.02]
    interval = lead_interval(leads, together)
    expected = stats.ttest_1samp(leads, 0.0).confidence_interval(1 - 0.05 / together)
    assert interval is not None
    assert interval[:2] == pytest.approx((expected.low, expected.high))


@pytest.mark.parametrize(
    ("low", "high", "margin", "said"),
    [
        (0.001, 0.5, 0.01, Finding.BETTER),
        (0.001, 0.005, 0.01, Finding.BETTER),
        (0.0, 0.005, 0.01, Finding.NO_BETTER),
        (-0.3, 0.0099, 0.01, Finding.NO_BETTER),
        (-0.3, 0.01, 0.01, Finding.CANNOT_TELL),
        (-0.3, -0.1, 0.0, Finding.NO_BETTER),
        (-0.3, 0.0, 0.0, Finding.CANNOT_TELL),
    ],
)
def test_an_interval_tells_one_of_three_ways(
    low: float, high: float, margin: float, said: Finding
) -> None:
    assert finding(Interval(low, high, 0.95), margin) is said


@pytest.mark.parametrize("effect", [0.0, -0.01, 1e-9])
def test_leads_that_nobody_could_tell_have_no_number_of_sequences(effect: float) -> None:
    assert sequences_needed([0.01, -0.02, 0.03], effect) is None


def test_at_least_one_more_sequence_is_asked_for() -> None:
    assert sequences_needed([0.01, 0.011, 0.012], 1.0) == 4


def test_intervals_of_no_comparison_are_refused() -> None:
    with pytest.raises(ValueError, match=r"`together >= 1` must hold, but got \(together=0\)"):
        lead_interval([0.1, 0.2], together=0)


if __name__ == "__main__":
    for (name, (draws, most)), sequences in product(DISTRIBUTIONS.items(), (2, 3, 5, 10)):
        shares = [coverage(draws, part * most, sequences) for part in (0.0, 0.5, 1.0)]
        covered = ", ".join(f"{share:.3f}" for share in shares)
        print(f"{name}, {sequences}: better {better(draws, sequences):.4f}, cover {covered}")
