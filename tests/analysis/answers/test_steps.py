"""Accept rates, reasons, improvements and final fractions, counted by hand on small tables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import analysis
from tests.analysis.answers.tables import step, sweep_of, trial


def test_each_step_counts_once_not_each_trial(tmp_path: Path) -> None:
    sweep = sweep_of(
        tmp_path,
        [trial(0, "baseline_full"), trial(3), trial(4)],
        [
            step(0, 0, 0, True),
            *(step(3, batch, 0, True) for batch in range(3)),
            step(4, 0, 0, False),
            step(4, 0, 1, True),
            step(4, 1, 0, True, layer=2),
        ],
    )
    numbers = analysis.accept_rate_by_step(sweep).numbers
    assert numbers.values.tolist() == [
        ["baseline_full", 0, 0, 1, 1, 1.0],
        ["search", 0, 0, 4, 3, 0.75],  # the mean of the trials' rates is 0.5
        ["search", 0, 1, 1, 1, 1.0],
        ["search", 2, 0, 1, 1, 1.0],
    ]


def test_rates_by_step_agree_with_those_that_trials_reported(real_sweep: analysis.Sweep) -> None:
    numbers = analysis.accept_rate_by_step(real_sweep).numbers
    baselines = real_sweep.trials.query("role != 'search'").set_index("role")
    for _, row in numbers[numbers["role"] != "search"].iterrows():
        assert row["rate"] == baselines.loc[row["role"], f"accept_rate_step_{row['step']}"]
    searched = real_sweep.trials.query("role == 'search'")
    of_search = numbers[numbers["role"] == "search"]
    assert of_search["attempted"].sum() == searched["steps"].sum()
    assert of_search["accepted"].sum() == pytest.approx(
        (searched["accept_rate"] * searched["steps"]).sum()
    )


def by_setting(folder: Path, key: str, settings: list[Any], accepted: list[bool]) -> pd.DataFrame:
    """The answer for search trials with these settings and one step each."""
    numbered = [*enumerate(zip(settings, accepted, strict=True), start=3)]
    sweep = sweep_of(
        folder,
        [trial(n, **{f"config/{key}": value}) for n, (value, _) in numbered],
        [step(n, 0, 0, kept) for n, (_, kept) in numbered],
    )
    return analysis.accept_rate_by_setting(sweep, key).numbers


def test_a_setting_of_few_numbers_has_a_row_for_each_and_null_is_the_last(tmp_path: Path) -> None:
    numbers = by_setting(
        tmp_path, "greedy.max_probes", [2, None, 2, 10], [True, True, False, False]
    )
    assert [*numbers["value"]] == ["2", "10", "null"]
    assert [*numbers["low"].dropna()] == [*numbers["high"].dropna()] == [2, 10]
    assert numbers[["trials", "attempted", "accepted", "rate"]].values.tolist() == [
        [2, 2, 1, 0.5],
        [1, 1, 0, 0.0],
        [1, 1, 1, 1.0],
    ]


def test_a_setting_of_many_numbers_is_put_into_eight_bins_of_as_many_trials(tmp_path: Path) -> None:
    values = [n / 16 for n in range(16)]
    numbers = by_setting(tmp_path, "greedy.min_improvement", values, [n < 3 for n in range(16)])
    assert [*numbers["low"]] == values[::2] and [*numbers["high"]] == values[1::2]
    assert [*numbers["trials"]] == [2] * 8
    assert [*numbers["rate"]] == [1.0, 0.5, 0, 0, 0, 0, 0, 0]
    assert numbers["value"][1] == "0.125 to 0.1875"


def test_a_setting_of_text_has_a_row_for_each(tmp_path: Path) -> None:
    numbers = by_setting(
        tmp_path, "greedy.step_rule", ["repeat", "advance", None], [True, False, True]
    )
    assert [*numbers["value"]] == ["advance", "repeat", "null"]
    assert [*numbers["rate"]] == [0, 1, 1]
    assert numbers["low"].isna().all()


def test_baselines_do_not_count_for_a_setting(tmp_path: Path) -> None:
    rows = [trial(0, "baseline_full"), trial(3)]
    sweep = sweep_of(tmp_path, rows, [step(0, 0, 0, True), step(3, 0, 0, False)])
    numbers = analysis.accept_rate_by_setting(sweep, "batch_size").numbers
    assert numbers[["value", "trials", "rate"]].values.tolist() == [["2", 1, 0.0]]


def test_an_unknown_setting_is_named_with_the_nearest_one(tmp_path: Path) -> None:
    sweep = sweep_of(tmp_path, [trial(3)])
    with pytest.raises(
        analysis.ResultsError, match=r"no setting 'batchsize'; did you mean batch_size\?"
    ):
        analysis.accept_rate_by_setting(sweep, "batchsize")


def test_reasons_are_counted_by_role_with_their_share(tmp_path: Path) -> None:
    sweep = sweep_of(
        tmp_path,
        [trial(0, "baseline_full"), trial(3)],
        [
            step(0, 0, 0, True, reason="always"),
            *(step(3, 0, n, False) for n in range(2)),
            *(step(3, 1, n, True) for n in range(5)),
            step(3, 2, 0, False, reason="norm_guard"),
        ],
    )
    assert analysis.reasons(sweep).numbers.values.tolist() == [
        ["baseline_full", "always", True, 1, 1.0],
        ["search", "improved", True, 5, 5 / 8],
        ["search", "no_improvement", False, 2, 2 / 8],
        ["search", "norm_guard", False, 1, 1 / 8],
    ]


def test_improvements_are_spread_by_signal_step_and_verdict(tmp_path: Path) -> None:
    values = [0.1, 0.2, 0.3, 0.8]
    sweep = sweep_of(
        tmp_path,
        [trial(3), trial(4, **{"config/greedy.signal": "success"})],
        [
            *(step(3, batch, 0, True, improvement=each) for batch, each in enumerate(values)),
            step(3, 0, 1, False, improvement=-0.5),
            step(3, 1, 1, False, improvement=None),
            step(4, 0, 0, True, improvement=0.25),
        ],
    )
    numbers = analysis.improvement_per_step(sweep).numbers
    assert numbers[["signal", "step", "accepted", "count"]].values.tolist() == [
        ["margin", 0, True, 4],
        ["margin", 1, False, 1],
        ["success", 0, True, 1],
    ]
    spread = numbers.loc[0, ["mean", "min", "q25", "median", "q75", "max"]].tolist()
    assert spread == pytest.approx([0.35, 0.1, 0.175, 0.25, 0.425, 0.8])


def test_a_batch_ends_where_its_last_step_leaves_it(tmp_path: Path) -> None:
    sweep = sweep_of(
        tmp_path,
        [trial(3)],
        [
            step(3, 0, 1, True, fraction_after=0.5),
            step(3, 0, 0, True, fraction_after=0.25),  # the order of rows means nothing
            step(3, 1, 0, True, fraction_after=0.5),
            step(3, 1, 1, True, fraction_after=1.0),
            step(3, 2, 0, False, fraction_after=0.0),
            step(3, 3, 0, True, fraction_after=0.5),
            step(3, 0, 0, True, fraction_after=1.0, layer=1),
        ],
    )
    assert analysis.final_fractions(sweep).numbers.values.tolist() == [
        ["search", 0, 0.0, 1, 0.25],
        ["search", 0, 0.5, 2, 0.5],
        ["search", 0, 1.0, 1, 0.25],
        ["search", 1, 1.0, 1, 1.0],
    ]


def test_every_batch_of_every_trial_ends_somewhere(real_sweep: analysis.Sweep) -> None:
    batches = analysis.final_fractions(real_sweep).numbers["batches"].sum()
    assert batches == (real_sweep.trials["edits"] / real_sweep.trials["config/batch_size"]).sum()
