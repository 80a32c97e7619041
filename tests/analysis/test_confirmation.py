"""What a confirmation says, against planted effects, planted luck, and sums by hand."""

from __future__ import annotations

import json
from itertools import product
from random import Random
from typing import Any

import pandas as pd
import pytest

from analysis.errors import ResultsError
from analysis.judging.confirm_sentences import sentences
from analysis.judging.confirm_values import batch_differences, walk_values
from analysis.judging.confirmation import confirmation
from analysis.judging.confirmed import Confirmation
from analysis.tables.sweep import Sweep
from tests.analysis.confirmed import Values, confirmed, with_records


def judged(*arguments: Any, **more: Any) -> Confirmation:
    found = confirmation(confirmed(*arguments, **more))
    assert found is not None
    return found


def simulated(effects: dict[int, float], seed: int, sequences: int = 5) -> Values:
    """Values that all settings share but for their effect, noise by batch and noise by record."""
    random = Random(seed)
    found: dict[int, dict[int, list[float]]] = {trial: {} for trial in effects}
    for sequence in range(sequences):
        hard = [random.uniform(0.4, 0.7) for _ in range(20)]
        for trial, effect in effects.items():
            batches = [random.gauss(0.0, 0.03) for _ in range(10)]
            noise = [random.gauss(batches[n // 2], 0.03) for n in range(20)]
            found[trial][sequence] = [h + effect + e for h, e in zip(hard, noise, strict=True)]
    return found


@pytest.mark.parametrize("seed", range(5))
def test_a_setting_that_is_truly_better_is_confirmed(seed: int) -> None:
    in_sweep = {0: 0.60, 1: 0.70, 2: 0.55, 3: 0.82, 4: 0.80}
    effects = {0: 0.0, 1: 0.1, 2: -0.05, 3: 0.2, 4: 0.15}
    found = judged(in_sweep, simulated(effects, seed))
    assert (found.winner, found.best_in_sweep) == (3, 3)
    assert found.beats == dict.fromkeys(found.beats, True) and len(found.beats) == 3
    for role, trial in (("baseline_full", 0), ("baseline_default", 1)):
        interval = found.comparisons[role].interval
        assert interval.low < effects[3] - effects[trial] < interval.high
        assert found.luck[role] == pytest.approx(
            in_sweep[3] - in_sweep[trial] - (effects[3] - effects[trial]), abs=0.04
        )
    assert found.order_held and found.order_confirmed == (3, 4)
    assert "beats plain EMMET by +0." in sentences(found)[0]
    assert "and beats the default settings by +0." in sentences(found)[0]


@pytest.mark.parametrize("seed", range(5))
def test_a_setting_that_was_only_lucky_is_unmasked(seed: int) -> None:
    in_sweep = {0: 0.60, 1: 0.70, 2: 0.55, 3: 0.85, 4: 0.75}
    effects = {0: 0.0, 1: 0.0, 2: 0.0, 3: 0.0, 4: 0.1}
    found = judged(in_sweep, simulated(effects, seed))
    assert found.winner == 3
    assert found.beats == dict.fromkeys(found.beats, False)
    assert found.lead_in_sweep["baseline_full"] == pytest.approx(0.25)
    assert found.luck["baseline_full"] == pytest.approx(0.25, abs=0.04)
    assert not found.order_held and found.order_confirmed == (4, 3)
    first, second = sentences(found)
    assert "does not clearly beat plain EMMET" in first or "is worse than plain EMMET" in first
    assert second.startswith("Of its lead over plain EMMET in the sweep, +0.250, +0.2")
    assert second.count(" was luck") == 2


BY_HAND: Values = {
    0: {0: [0.0, 0.5, 0.5, 1.0], 1: [0.5, 0.5, 0.0, 0.0]},  # .5 and .25
    1: {0: [0.5, 0.5, 1.0, 1.0], 1: [0.5, 0.0, 0.5, 0.5]},  # .75 and .375
    3: {0: [1.0, 0.5, 1.0, 0.5], 1: [1.0, 0.5, 0.5, 0.5]},  # .75 and .625
}


def test_numbers_are_those_of_a_sum_by_hand() -> None:
    found = judged({0: 0.5, 1: 0.8, 3: 0.9}, BY_HAND)
    composites = {each.trial: each.composite for each in found.settings}
    assert composites == pytest.approx({3: 0.6875, 0: 0.375, 1: 0.5625})
    assert found.lead_in_sweep == pytest.approx({"baseline_full": 0.4, "baseline_default": 0.1})
    assert found.lead_confirmed == pytest.approx(
        {"baseline_full": 0.3125, "baseline_default": 0.125}
    )
    assert found.luck == pytest.approx({"baseline_full": 0.0875, "baseline_default": -0.025})
    # Batches of trial 3 above trial 0's: .5, 0, .25, .5; above trial 1's: .25, -.25, .5, 0.
    probabilities = {role: each.probability for role, each in found.comparisons.items()}
    assert probabilities == {"baseline_full": 3.5 / 4, "baseline_default": 2.5 / 4}
    assert (found.sequences, found.records, found.test_pairs) == ((0, 1), 4, None)
    assert {each.p_value for each in found.comparisons.values()} == {None}
    assert found.settings[0].metrics == pytest.approx(
        dict.fromkeys(("es", "ps", "ns", "score"), 0.6875)
    )
    assert {each.trial: each.composite_in_sweep for each in found.settings} == {
        3: 0.9,
        0: 0.5,
        1: 0.8,
    }


def test_every_interval_holds_its_own_mean() -> None:
    for seed in range(3):
        found = judged({0: 0.5, 1: 0.5, 3: 0.9}, simulated({0: 0.0, 1: 0.1, 3: 0.1}, seed))
        for each in found.settings:
            assert each.interval.low <= each.composite <= each.interval.high
        for comparison in found.comparisons.values():
            assert comparison.interval.low <= comparison.lead <= comparison.interval.high


def exact_wilcoxon(differences: list[float]) -> float:
    """Two-sided, from all signs that could be: the definition, for few and different numbers."""
    ranks = [1 + sorted(map(abs, differences)).index(abs(each)) for each in differences]
    middle = sum(ranks) / 2
    found = abs(sum(r for r, d in zip(ranks, differences, strict=True) if d > 0) - middle)
    sums = [
        sum(r for r, sign in zip(ranks, signs, strict=True) if sign)
        for signs in product((0, 1), repeat=len(ranks))
    ]
    return sum(abs(each - middle) >= found for each in sums) / len(sums)


def test_tests_pair_sequences_and_are_corrected_by_holm() -> None:
    leads = {
        0: [0.10, 0.11, 0.12, 0.13, 0.14, 0.15],
        1: [0.10, 0.11, 0.12, 0.13, 0.14, -0.05],
        2: [0.10, -0.11, 0.12, -0.13, 0.14, -0.15],
    }
    values: dict[int, dict[int, list[float]]] = {3: {n: [0.5, 0.5] for n in range(6)}}
    for trial, by in leads.items():
        values[trial] = {n: [0.5 - lead] * 2 for n, lead in enumerate(by)}
    found = judged({0: 0.5, 1: 0.5, 2: 0.5, 3: 0.6}, values)
    assert found.test_pairs == "sequences"
    raw = [exact_wilcoxon(by) for by in leads.values()]
    assert raw[0] == 2 / 2**6
    # Holm: the smallest times 3, the next times 2, none below one before, none above 1.
    expected = [3 * raw[0], max(3 * raw[0], 2 * raw[1]), max(2 * raw[1], raw[2])]
    assert [c.p_value for c in found.comparisons.values()] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("sequences", "batches", "pairs"),
    [(6, 1, "sequences"), (5, 1, None), (3, 2, "batches"), (5, 5, "batches"), (2, 2, None)],
)
def test_few_sequences_are_paired_by_batches_and_too_few_not_at_all(
    sequences: int, batches: int, pairs: str | None
) -> None:
    size, random = 2 * batches, Random(0)
    values = {
        trial: {n: [add + random.random() / 4 for _ in range(size)] for n in range(sequences)}
        for trial, add in ((0, 0.0), (3, 0.5))
    }
    found = judged({0: 0.5, 3: 0.9}, values)
    p_value = found.comparisons["baseline_full"].p_value
    assert found.test_pairs == pairs
    count = {"sequences": sequences, "batches": sequences * batches, None: 0}[pairs]
    assert (p_value is None) if pairs is None else p_value == pytest.approx(2 / 2**count)


def test_equal_settings_are_no_evidence() -> None:
    same = {n: [0.2, 0.9, 0.4, 0.4] for n in range(5)}
    found = judged({0: 0.5, 3: 0.9}, {0: same, 3: same})
    comparison = found.comparisons["baseline_full"]
    assert (comparison.lead, comparison.p_value, comparison.probability) == (0.0, 1.0, 0.5)
    assert not comparison.beats and comparison.luck == pytest.approx(0.4)


def test_only_sequences_that_the_winner_and_all_baselines_walked_count() -> None:
    values = {**BY_HAND, 4: {0: [0.0] * 4, 1: [0.0] * 4}}
    values[1] = {0: BY_HAND[1][0]}
    values[5] = {1: [1.0] * 4}
    failed = {(1, 1): "it was killed", (5, 0): "ZeroDivisionError: oh"}
    found = judged({0: 0.5, 1: 0.8, 3: 0.9, 4: 0.85, 5: 0.82}, values, failed=failed)
    assert found.sequences == (0,)
    assert {each.trial: each.composite for each in found.settings} == {
        3: 0.75,
        4: 0.0,
        0: 0.5,
        1: 0.75,
    }
    assert found.left_out == {5: "ZeroDivisionError: oh"}


def test_a_baseline_that_always_failed_is_left_out_and_named() -> None:
    values = {trial: BY_HAND[trial] for trial in (0, 3)}
    failed = {(1, n): "it was killed" for n in (0, 1)}
    found = judged({0: 0.5, 1: 0.8, 3: 0.9}, values, failed=failed)
    assert [*found.comparisons] == ["baseline_full"]
    assert found.left_out == {1: "it was killed"}
    assert "default" not in " ".join(sentences(found))


def test_settings_that_were_confirmed_later_on_fewer_sequences_do_not_take_any_away() -> None:
    found = judged({0: 0.5, 1: 0.8, 3: 0.9, 4: 0.7}, {**BY_HAND, 4: {0: [1.0] * 4}})
    assert found.sequences == (0, 1)
    assert found.left_out == {4: "has not walked all sequences"}


def test_a_better_trial_that_ended_after_confirming_is_told() -> None:
    found = judged({0: 0.5, 1: 0.8, 3: 0.9, 9: 0.95}, BY_HAND)
    assert (found.winner, found.best_in_sweep) == (3, 9)


def test_without_two_batches_in_common_there_is_no_confirmation() -> None:
    nothing: Values = {}
    without_winner = {0: BY_HAND[0]}
    apart = {0: {0: [0.5] * 4}, 3: {1: [0.5] * 4}}
    one_batch = {0: {0: [0.5] * 2}, 3: {0: [0.6] * 2}}
    for values in (nothing, without_winner, apart, one_batch):
        assert confirmation(confirmed({0: 0.5, 3: 0.9}, values)) is None


def test_a_trial_that_is_not_the_sweeps_is_named() -> None:
    with pytest.raises(ResultsError, match="results/made/confirm: the sweep has no trial 1"):
        confirmation(confirmed({0: 0.5, 3: 0.9}, BY_HAND))


def test_it_is_plain_json() -> None:
    found = judged({0: 0.5, 1: 0.8, 3: 0.9}, BY_HAND)
    said = json.loads(json.dumps(found.to_dict()))
    assert said["beats"] == found.beats
    assert [each["trial"] for each in said["settings"]] == [3, 0, 1]
    against = said["settings"][0]["against"]["baseline_default"]
    assert against["interval"]["level"] == 0.95
    assert against["luck"] == pytest.approx(-0.025)
    assert said["settings"][1]["against"] == {}


@pytest.mark.parametrize(
    ("in_sweep", "words"),
    [
        ({0: 0.5, 1: 0.5, 3: 0.9}, "Of its lead over plain EMMET in the sweep, +0.400, +0.088 was"),
        ({0: 0.8, 1: 0.5, 3: 0.9}, "Of its lead over plain EMMET in the sweep, +0.100, nothing wa"),
        ({0: 0.9, 1: 0.5, 3: 0.9}, "It had no lead over plain EMMET in the sweep (+0.000)"),
    ],
)
def test_luck_in_words(in_sweep: dict[int, float], words: str) -> None:
    assert sentences(judged(in_sweep, BY_HAND))[1].startswith(words)


def row(case_id: int, batch: int, es: float, ps: float | None, ns: float | None) -> dict[str, Any]:
    setting = {"trial": 3, "role": "search", "sequence": 0}
    return {**setting, "batch": batch, "case_id": case_id, "es": es, "ps": ps, "ns": ns}


def made(rows: list[dict[str, Any]], weights: object) -> Sweep:
    return with_records({3: 0.5}, [], rows, weights)


@pytest.mark.parametrize(
    ("rows", "weights", "values"),
    [
        # Each record's own weighted mean where nothing is missing.
        ([row(0, 0, 1.0, 0.5, 0.0), row(1, 0, 0.0, 1.0, 1.0)], (1, 1, 2), [0.375, 0.75]),
        # PS is missing once: that record counts with the other two's mean, (1 + 0) / 2.
        (
            [row(0, 0, 1.0, None, 1.0), row(1, 0, 0.0, 1.0, 0.0), row(2, 1, 1.0, 0.0, 1.0)],
            (1, 1, 1),
            [2.5 / 3, 1 / 3, 2 / 3],
        ),
        # No record has PS: its weight drops out.
        ([row(0, 0, 1.0, None, 0.0), row(1, 0, 0.0, None, 0.0)], (1, 5, 3), [0.25, 0.0]),
    ],
)
def test_record_values_have_the_composite_as_their_mean(
    rows: list[dict[str, Any]], weights: tuple[float, ...], values: list[float]
) -> None:
    sweep = made(rows, weights)
    found = walk_values(sweep.confirm_records, sweep)["value"]
    assert found.tolist() == pytest.approx(values)
    means = sweep.confirm_records[["es", "ps", "ns"]].astype(float).mean()
    present = means.dropna()
    of = pd.Series(dict(zip(("es", "ps", "ns"), weights, strict=True)))[present.index]
    assert found.mean() == pytest.approx((present * of).sum() / of.sum())


def test_batches_are_paired_by_record_whatever_their_order() -> None:
    left = pd.DataFrame(
        {"sequence": 0, "batch": [0, 0, 1], "case_id": [5, 6, 7], "value": [1.0, 0.0, 0.5]}
    )
    right = pd.DataFrame(
        {"sequence": 0, "batch": [0, 1, 1], "case_id": [7, 6, 5], "value": [0.5, 0.5, 0.0]}
    )
    found = batch_differences(left, right)
    assert found.values.tolist() == [[0.0, 0.0, 0.25], [0.0, 1.0, 0.0]]


@pytest.mark.parametrize("weights", [None, [1.0, 1.0], ["a", 1, 1]])
def test_weights_must_be_known(weights: object) -> None:
    sweep = made([row(0, 0, 1.0, 1.0, 1.0)], weights)
    with pytest.raises(ResultsError, match="must have three composite_weights"):
        walk_values(sweep.confirm_records, sweep)
