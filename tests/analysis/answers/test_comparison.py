"""Settings and sweeps against each other, against numbers by hand and by scipy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from analysis import ResultsError, Sweep
from analysis.answers.comparison import compare, compare_sweeps
from tests.analysis.made_sweep import made_sweep, record

LEFT, RIGHT = [0.9, 0.8, 0.7, 0.9, 0.6, 0.5], [0.7, 0.7, 0.7, 0.8, 0.7, 0.2]


def walked(trial: int, means: list[float], edits: int = 12, first: int = 0, size: int = 2) -> list:
    """Records of batches of `size`, a tenth above and below their batch's mean."""
    return [
        record(trial, first + size * batch + k, batch, edits, *[mean + (0.1 if k else -0.1)] * 3)
        for batch, mean in enumerate(means)
        for k in range(size)
    ]


def test_batches_are_paired() -> None:
    sweep = made_sweep(records=[*walked(0, LEFT), *walked(5, RIGHT)])
    row = compare(sweep, [0, 5]).numbers.iloc[0]
    differences = np.subtract(LEFT, RIGHT)
    expected = stats.ttest_1samp(differences, 0).confidence_interval(0.95)
    assert (row["left"], row["right"], row["edits"], row["batches"]) == (0, 5, 12, 6)
    assert row["mean_difference"] == pytest.approx(differences.mean())
    assert (row["low"], row["high"]) == pytest.approx((expected.low, expected.high))
    # Ranks of .2 .1 .1 -.1 .3 are 4, 2, 2, 2, 5: the negative ones sum to 2. Of the 32 patterns of
    # signs, 4 have a negative sum of at most 2 and as many one of at least 13.
    assert row["wilcoxon_p"] == pytest.approx(8 / 32)
    assert row["probability_of_improvement"] == pytest.approx((4 + 0.5) / 6)


def test_holm_corrects_over_all_pairs() -> None:
    third = [0.1, 0.2, 0.25, 0.3, 0.15, 0.05]
    sweep = made_sweep(records=[*walked(0, LEFT), *walked(1, RIGHT), *walked(2, third)])
    numbers, figure = compare(sweep, [0, 1, 2])
    p = numbers["wilcoxon_p"].to_numpy()
    order = np.argsort(p)
    by_hand = np.empty(3)
    by_hand[order] = np.minimum(np.maximum.accumulate(p[order] * [3, 2, 1]), 1)
    assert [*numbers["holm_p"]] == pytest.approx([*by_hand])
    assert [*figure.data[0].y] == ["0 - 1", "0 - 2", "1 - 2"]


def test_a_stopped_trial_is_compared_where_both_have_been_measured() -> None:
    early = [*walked(0, LEFT[:2], edits=4), *walked(0, LEFT)]
    sweep = made_sweep(records=[*early, *walked(1, RIGHT[:2], edits=4)])
    row = compare(sweep, [0, 1]).numbers.iloc[0]
    assert (row["edits"], row["batches"]) == (4, 2)
    assert row["mean_difference"] == pytest.approx(0.15)


def test_a_trial_against_its_like_is_no_difference() -> None:
    row = compare(made_sweep(records=[*walked(0, LEFT), *walked(1, LEFT)]), [0, 1]).numbers.iloc[0]
    assert (row["low"], row["high"], row["wilcoxon_p"]) == (0, 0, 1)
    assert row["probability_of_improvement"] == 0.5


@pytest.mark.parametrize(
    ("trials", "message"),
    [
        ([0], "two different trials or more"),
        ([0, 0], "two different trials or more"),
        ([0, 9], r"must have records, but got \(trial=9, records=0\)"),
        ([0, 2], "same batches"),
        ([0, 3], "measured after the same edits"),
    ],
)
def test_what_cannot_be_paired_is_refused(trials: list[int], message: str) -> None:
    rows = [*walked(0, LEFT), *walked(2, LEFT[:4], size=3), *walked(3, LEFT, edits=8)]
    with pytest.raises(ValueError, match=message):
        compare(made_sweep(records=rows), trials)


def searched(path: str, composites: list[float], records: list, dataset: str = "d1") -> Sweep:
    trials = [{"composite": value, "score": value} for value in composites]
    return made_sweep(trials, records, path=path, digests={"dataset": dataset})


def test_the_best_trials_of_sweeps_are_paired_over_common_records() -> None:
    a = searched("results/a", [0.5, 0.9, 0.7], walked(1, LEFT))
    b = searched("results/b<i>", [0.8, 0.6], walked(0, RIGHT, first=4))
    numbers, figure = compare_sweeps([a, b])
    row = numbers.iloc[0]
    assert (row["left_trial"], row["right_trial"], row["records"], row["groups"]) == (1, 0, 8, 4)
    assert row["mean_difference"] == pytest.approx(np.mean(np.subtract(LEFT[2:], RIGHT[:4])))
    # .9 > .8, .6; .7 > .6: three of six pairs.
    assert row["probability_over_trials"] == pytest.approx(3 / 6)
    assert row["right"] == "b<i>" and [*figure.data[0].y] == ["a - b&lt;i&gt;"]


def test_records_that_share_a_batch_in_either_sweep_are_one_group() -> None:
    a = searched("results/a", [0.9], walked(0, LEFT, size=2))
    b = searched("results/b", [0.8], walked(0, RIGHT[:3], size=4))
    assert compare_sweeps([a, b]).numbers["groups"].item() == 3
    shifted = searched("results/c", [0.8], walked(0, RIGHT, first=-1, size=2))
    row = compare_sweeps([a, shifted]).numbers.iloc[0]
    assert row["groups"] == 1 and row["records"] == 11
    assert row[["low", "high", "wilcoxon_p", "holm_p"]].isna().all()


def test_sweeps_without_common_records_or_of_other_data_are_refused() -> None:
    a = searched("results/a", [0.9], walked(0, LEFT))
    for other, message in (
        (searched("results/b", [0.9], walked(0, LEFT, first=50)), "records in common"),
        (searched("results/b", [0.9], walked(0, LEFT), dataset="d2"), "one dataset"),
    ):
        with pytest.raises(ValueError, match=message):
            compare_sweeps([a, other])
    for sweeps in ([a], [a, a], a):
        with pytest.raises(ValueError, match="two different sweeps or more"):
            compare_sweeps(sweeps)
    with pytest.raises(ResultsError, match="no search trial has been completed"):
        compare_sweeps([a, searched("results/b", [], [])])
