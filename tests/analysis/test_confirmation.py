"""What a confirmation says, against planted effects, planted luck, and sums by hand."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

import pandas as pd
import pytest

from analysis.errors import ResultsError
from analysis.judging.confirm_sentences import BASELINES, sentences
from analysis.judging.confirm_values import walk_values
from analysis.judging.confirmation import confirmation
from analysis.judging.confirmed import Confirmation
from analysis.judging.lead import Finding
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
    assert found.verdicts == dict.fromkeys(BASELINES, Finding.BETTER)
    for role, trial in (("baseline_full", 0), ("baseline_default", 1)):
        interval = found.comparisons[role].interval
        assert interval is not None
        assert interval.low < effects[3] - effects[trial] < interval.high
        assert found.luck[role] == pytest.approx(
            in_sweep[3] - in_sweep[trial] - (effects[3] - effects[trial]), abs=0.04
        )
    assert found.order_held and found.order_confirmed == (3, 4)
    assert found.decisive is found.comparisons["baseline_default"]
    assert "is better than every baseline; its smallest lead, over the defau" in sentences(found)[0]


@pytest.mark.parametrize("seed", range(5))
def test_a_setting_that_was_only_lucky_is_unmasked(seed: int) -> None:
    in_sweep = {0: 0.60, 1: 0.70, 2: 0.55, 3: 0.85, 4: 0.75}
    effects = {0: 0.0, 1: 0.0, 2: 0.0, 3: 0.0, 4: 0.1}
    found = judged(in_sweep, simulated(effects, seed))
    assert found.winner == 3
    assert Finding.BETTER not in found.verdicts.values()
    assert found.lead_in_sweep["baseline_full"] == pytest.approx(0.25)
    assert found.luck["baseline_full"] == pytest.approx(0.25, abs=0.04)
    assert not found.order_held and found.order_confirmed == (4, 3)
    said = sentences(found)
    assert " cannot be told: " in said[0] or " is no better than " in said[0]
    assert said[1].startswith("Of its lead over plain EMMET in the sweep, +0.250, +0.2")
    assert " ".join(said).count(" was luck (95% interval ") == 3


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
    # Sequences of trial 3 above trial 0's: .25, .375; above trial 1's: 0, .25.
    full, default = found.comparisons.values()
    assert (full.leads, default.leads) == ((0.25, 0.375), (0.0, 0.25))
    assert (full.probability, default.probability) == (1.0, 1.5 / 2)
    assert (found.sequences, found.records, found.possible) == ((0, 1), 4, 10)
    # One degree of freedom and two comparisons: tan(pi (1/2 - 0.05 / 4)) = 25.45 errors of .0625.
    assert full.interval is not None
    assert full.interval[:2] == pytest.approx((0.3125 - 1.5907, 0.3125 + 1.5907), abs=1e-3)
    assert default.interval is None  # one sequence of two differs
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
            assert each.interval is not None
            assert each.interval.low <= each.composite <= each.interval.high
        for comparison in found.comparisons.values():
            assert comparison.interval is not None and comparison.luck_interval is not None
            assert comparison.interval.low <= comparison.lead <= comparison.interval.high
            low, high, _ = comparison.luck_interval
            assert low == pytest.approx(comparison.lead_in_sweep - comparison.interval.high)
            assert high == pytest.approx(comparison.lead_in_sweep - comparison.interval.low)


def flat(leads: Mapping[int, Sequence[float]], winner: float = 0.5) -> Values:
    """Trial 3 is ahead of the others by so much, sequence by sequence."""
    count = len(next(iter(leads.values())))
    values = {
        trial: {n: [winner - lead] * 4 for n, lead in enumerate(by)} for trial, by in leads.items()
    }
    return {3: {n: [winner] * 4 for n in range(count)}, **values}


SPREAD = (-0.02, -0.01, 0.0, 0.01, 0.02)


def around(mean: float, scale: float = 1.0) -> list[float]:
    return [mean + scale * each for each in SPREAD]


DECISIVE: dict[str, tuple[dict[int, Sequence[float]], str | None, Finding]] = {
    "better than all": (
        {0: around(0.2), 1: around(0.1), 2: around(0.3)},
        "baseline_default",
        Finding.BETTER,
    ),
    "one of them is open": (
        {0: around(0.2), 1: around(0.1), 2: around(0.01)},
        "baseline_literal",
        Finding.CANNOT_TELL,
    ),
    "no better than one of them": (
        {0: around(0.2), 1: around(-0.01, 0.1), 2: around(-0.02, 10)},
        "baseline_default",
        Finding.NO_BETTER,
    ),
    "equal to one of them": (
        {0: around(0.2), 1: [0.0] * 5},
        "baseline_default",
        Finding.CANNOT_TELL,
    ),
    "ahead by the same everywhere": ({0: [0.1] * 5}, "baseline_full", Finding.CANNOT_TELL),
    "ahead by a little": ({0: around(0.005, 0.1)}, "baseline_full", Finding.BETTER),
}


@pytest.mark.parametrize("case", DECISIVE)
def test_the_best_setting_must_be_better_than_every_baseline(case: str) -> None:
    leads, baseline, verdict = DECISIVE[case]
    found = judged(dict.fromkeys((*leads, 3), 0.5), flat(leads))
    assert found.decisive is not None
    assert (found.decisive.baseline, found.decisive.verdict) == (baseline, verdict)
    assert found.to_dict()["verdict"] == verdict.value
    small = [each for each in sentences(found) if "by less than the margin, 0.01" in each]
    assert bool(small) == (case == "ahead by a little")


@pytest.mark.parametrize("margin", [0.0, 0.004, 0.03])
def test_the_margin_is_that_of_sweep_yaml(margin: float) -> None:
    sweep = confirmed({0: 0.5, 3: 0.6}, flat({0: around(-0.01, 0.5)}))
    sweep.config["config"]["verdict"] = {"margin": margin}
    found = confirmation(sweep)
    assert found is not None and found.margin == margin
    interval = found.comparisons["baseline_full"].interval
    assert interval is not None and 0 < interval.high < 0.004
    expected = Finding.NO_BETTER if margin else Finding.CANNOT_TELL
    assert found.verdicts == {"baseline_full": expected}


@pytest.mark.parametrize("margin", [-0.1, 1.5, "0.01", True, None])
def test_a_margin_that_is_none_is_refused(margin: object) -> None:
    sweep = confirmed({0: 0.5, 3: 0.6}, flat({0: around(0.0)}))
    sweep.config["config"]["verdict"] = {"margin": margin}
    with pytest.raises(ResultsError, match=r"`0 <= verdict.margin <= 1` must hold, but got"):
        confirmation(sweep)


def test_walks_that_are_the_same_count_once() -> None:
    leads = {0: around(0.2), 1: around(0.1), 2: around(0.1)}
    values = {**flat(leads)}
    values[4], values[5] = values[3], flat({0: around(0.3)}, winner=0.7)[3]
    found = judged({0: 0.5, 1: 0.5, 2: 0.5, 3: 0.9, 4: 0.8, 5: 0.7}, values)
    assert {each.trial: each.walked_as for each in found.settings} == {
        **{3: 3, 4: 3, 5: 5},
        **{0: 0, 1: 1, 2: 1},
    }
    together = {each.trial: {c.together for c in each.against.values()} for each in found.searched}
    # Two distinct baselines; two distinct settings beside them.
    assert together == {3: {2}, 4: {2}, 5: {4}}
    assert "The intervals of its 2 comparisons hold together" in " ".join(sentences(found))


def test_more_settings_do_not_widen_the_best_ones_intervals() -> None:
    values = flat({0: around(0.2), 1: around(0.1)})
    alone = judged({0: 0.5, 1: 0.5, 3: 0.9}, values)
    more = {**values, 4: values[0], 5: flat({0: around(0.3)}, winner=0.7)[3]}
    beside = judged({0: 0.5, 1: 0.5, 3: 0.9, 4: 0.8, 5: 0.7}, more)
    assert beside.comparisons == alone.comparisons


@pytest.mark.parametrize("batches", [1, 2])
def test_one_sequence_has_no_interval_and_says_what_would_tell(batches: int) -> None:
    size = 2 * batches
    found = judged({0: 0.5, 3: 0.9}, {0: {0: [0.1] * size}, 3: {0: [0.9] * size}})
    assert [each.interval for each in found.settings] == [None, None]
    assert found.verdicts == {"baseline_full": Finding.CANNOT_TELL}
    assert found.comparisons["baseline_full"].needed is None
    said = sentences(found)
    assert "cannot be told: its lead is +0.800 (no interval)" in said[0]
    assert said[-1].endswith(": ratchet confirm results/made --top 1 --sequences 10")


def test_how_many_sequences_would_tell() -> None:
    found = judged({0: 0.5, 1: 0.5, 3: 0.9}, flat({0: around(0.02), 1: around(0.001)}))
    full, default = found.comparisons.values()
    assert (full.needed, default.needed) == (9, 27)
    said = sentences(found)
    assert said[-2] == (
        "9 sequences would call a lead of +0.020 over plain EMMET better in 80% of cases: "
        "ratchet confirm results/made --top 1 --sequences 9"
    )
    assert said[-1] == (
        "27 sequences would call a lead of +0.010 over the default settings better in 80% of "
        "cases, but records are reserved for 10: a new sweep needs confirm_records=108, of a "
        "dataset with as many to spare."
    )


def test_equal_settings_are_no_evidence() -> None:
    same = {n: [0.2, 0.9, 0.4, 0.4] for n in range(5)}
    found = judged({0: 0.5, 3: 0.9}, {0: same, 3: same})
    comparison = found.comparisons["baseline_full"]
    assert (comparison.lead, comparison.probability, comparison.interval) == (0.0, 0.5, None)
    assert comparison.verdict is Finding.CANNOT_TELL
    assert comparison.luck == pytest.approx(0.4) and comparison.luck_interval is None
    assert sentences(found)[-1] == "It came to exactly the same as plain EMMET on all 5 sequences."


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


def test_without_a_sequence_in_common_there_is_no_confirmation() -> None:
    nothing: Values = {}
    without_winner = {0: BY_HAND[0]}
    apart = {0: {0: [0.5] * 4}, 3: {1: [0.5] * 4}}
    for values in (nothing, without_winner, apart):
        assert confirmation(confirmed({0: 0.5, 3: 0.9}, values)) is None


def test_a_trial_that_is_not_the_sweeps_is_named() -> None:
    with pytest.raises(ResultsError, match="results/made/confirm: the sweep has no trial 1"):
        confirmation(confirmed({0: 0.5, 3: 0.9}, BY_HAND))


def test_it_is_plain_json() -> None:
    found = judged({0: 0.5, 1: 0.8, 3: 0.9}, BY_HAND)
    said = json.loads(json.dumps(found.to_dict()))
    assert said["verdicts"] == dict.fromkeys(found.verdicts, "cannot tell")
    assert (said["margin"], said["possible"]) == (0.01, 10)
    assert [each["trial"] for each in said["settings"]] == [3, 0, 1]
    full, default = said["settings"][0]["against"].values()
    assert (full["interval"]["level"], full["together"], default["interval"]) == (0.95, 2, None)
    assert (full["luck_interval"]["level"], default["luck_interval"]) == (0.95, None)
    assert default["luck"] == pytest.approx(-0.025)
    assert full["sequences_needed"] == 4 and default["leads"] == [0.0, 0.25]
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


@pytest.mark.parametrize("weights", [None, [1.0, 1.0], ["a", 1, 1]])
def test_weights_must_be_known(weights: object) -> None:
    sweep = made([row(0, 0, 1.0, 1.0, 1.0)], weights)
    with pytest.raises(ResultsError, match="must have three composite_weights"):
        walk_values(sweep.confirm_records, sweep)
