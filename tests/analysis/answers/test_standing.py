"""The best trials beside every baseline and the unedited model."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

import analysis
from tests.analysis.answers.tables import sweep_of, trial

UNEDITED = {
    "composite_unedited": 0.5,
    "es_unedited": 0.2,
    "ps_unedited": 0.4,
    "ns_unedited": 0.8,
}


def test_the_best_are_led_by_rank_and_leads_are_differences(tmp_path: Path) -> None:
    sweep = sweep_of(
        tmp_path,
        [
            trial(0, "baseline_full", composite=0.75, **UNEDITED),
            trial(1, "baseline_default", composite=0.96875, **UNEDITED),
            trial(2, "baseline_literal", "failed"),
            trial(3, composite=0.625, score=0.6, **UNEDITED),
            trial(4, composite=0.9375, score=0.5, steps=9, **UNEDITED),
            trial(5, composite=0.9375, score=0.7, steps=9, **UNEDITED),
            trial(6, status="pruned", composite=1.0, **UNEDITED),
        ],
    )
    numbers = analysis.best_against_baselines(sweep, top=2).numbers
    assert [*numbers["kind"]] == [
        *["search", "search", "baseline_full", "baseline_default", "baseline_literal", "unedited"]
    ]
    assert [*numbers["trial"][:5]] == [5, 4, 0, 1, 2] and pd.isna(numbers["trial"][5])
    best = numbers.iloc[0]
    assert best["lead_baseline_full"] == 0.9375 - 0.75
    assert best["lead_baseline_default"] == 0.9375 - 0.96875
    assert pd.isna(best["lead_baseline_literal"])
    assert best["lead_unedited"] == 0.9375 - 0.5
    assert numbers.iloc[5]["lead_baseline_full"] == 0.5 - 0.75


@pytest.mark.parametrize(
    "es, ps, ns, score",
    [
        (0.2, 0.4, 0.8, 3 / (5 + 2.5 + 1.25)),
        (0.0, 0.4, 0.8, 0.0),
        (0.2, None, 0.8, 2 / (5 + 1.25)),
    ],
)
def test_the_unedited_models_score_is_the_harmonic_mean(
    tmp_path: Path, es: float, ps: float | None, ns: float, score: float
) -> None:
    values = {"es_unedited": es, "ps_unedited": ps, "ns_unedited": ns, "composite_unedited": 0.5}
    numbers = analysis.best_against_baselines(
        sweep_of(tmp_path, [trial(3, composite=0.9, **values)])
    ).numbers
    assert numbers["score"].iloc[-1] == pytest.approx(score)


def test_baselines_stand_there_before_any_search_trial_is_completed(tmp_path: Path) -> None:
    rows = [trial(0, "baseline_full", composite=0.75, **UNEDITED), trial(3, status="pruned")]
    numbers = analysis.best_against_baselines(sweep_of(tmp_path, rows)).numbers
    assert [*numbers["kind"]] == ["baseline_full", "unedited"]


def test_the_best_is_the_verdicts(real_sweep: analysis.Sweep) -> None:
    numbers = analysis.best_against_baselines(real_sweep).numbers
    best = analysis.best(real_sweep.trials.query("role == 'search'"))
    assert best is not None
    assert numbers.loc[0, ["trial", "composite"]].tolist() == [best["trial"], best["composite"]]


def test_at_least_one_is_asked_for(real_sweep: analysis.Sweep) -> None:
    with pytest.raises(ValueError, match=r"`top >= 1` must hold, but got \(top=0\)"):
        analysis.best_against_baselines(real_sweep, top=0)
