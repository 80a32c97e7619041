"""What ASHA stopped, and its rule applied again to the trials that it spared."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import analysis
from analysis.answers.audit import judged, spared
from analysis.judging.audited import audited_trials
from analysis.tables.joined import BASELINES
from search.sweep.rungs import Rungs
from tests.analysis.answers.tables import after, sweep_of, trial


def test_trials_are_counted_at_each_rung(tmp_path: Path) -> None:
    sweep = sweep_of(
        tmp_path,
        [
            trial(0, "baseline_full", rung_2=0.1, rung_4=0.1),
            trial(3, rung_2=0.5, rung_4=0.6),
            trial(4, rung_2=0.7, rung_4=0.8),
            trial(5, status="pruned", rung_2=0.3),
            trial(6, status="pruned", rung_2=0.4, rung_4=0.1),
            trial(7, status="failed"),
        ],
        rungs=(2, 4, 8),
    )
    numbers, figure = analysis.stopped(sweep)
    nan = float("nan")
    expected = [[2, 4, 1, 3, 2, 0.45], [4, 3, 1, 2, 2, 0.6], [8, 0, 0, 0, 0, nan]]
    for row, cells in zip(numbers.values.tolist(), expected, strict=True):
        assert row == pytest.approx(cells, nan_ok=True)
    assert not figure.layout.annotations


def test_a_sweep_that_stops_nobody_says_so_in_its_figure(tmp_path: Path) -> None:
    numbers, figure = analysis.stopped(sweep_of(tmp_path, [trial(3, rung_2=0.5)]))
    assert numbers["stopped"].sum() == 0
    assert [note.text for note in figure.layout.annotations] == ["no trial was stopped"]


def test_stops_agree_with_the_statuses(real_sweep: analysis.Sweep) -> None:
    numbers = analysis.stopped(real_sweep).numbers.set_index("rung")
    pruned = real_sweep.trials.query("status == 'pruned'")
    assert len(pruned) > 0
    expected = pruned["edits"].value_counts()
    assert numbers.loc[numbers["stopped"] > 0, "stopped"].to_dict() == expected.to_dict()


def test_audited_trials_are_seeded_and_as_many_as_asked() -> None:
    assert audited_trials(20, 0, seed=0) == frozenset()
    assert audited_trials(20, 5, seed=0) == audited_trials(20, 5, seed=0)
    assert audited_trials(20, 5, seed=0) != audited_trials(20, 5, seed=1)
    assert len(audited_trials(20, 5, seed=0)) == 5
    assert audited_trials(20, 20, seed=0) == frozenset(range(20))


@pytest.mark.parametrize("seeds", [{"config/seed": 7}, {"config/search.seed": 7}])
def test_audited_trials_follow_the_seed_of_the_search_or_of_the_edit(
    tmp_path: Path, seeds: Mapping[str, int]
) -> None:
    settings = {"config/search.trials": 20, "config/search.audit": 5, **seeds}
    sweep = sweep_of(tmp_path, [trial(n, **settings) for n in range(3, 23)])
    audited = {n + len(BASELINES) for n in audited_trials(20, 5, seed=7)}
    assert {*spared(sweep)["trial"]} == audited


def test_each_trial_counts_as_audited_by_the_number_asked_for_at_its_time(tmp_path: Path) -> None:
    def settings(number: int) -> dict[str, Any]:
        asked = 10 if number < 13 else 20
        return {"config/search.trials": asked, "config/search.audit": 5}

    sweep = sweep_of(tmp_path, [trial(n, **settings(n)) for n in range(3, 23)])
    before = {n + 3 for n in audited_trials(10, 5, seed=0)}
    later = {n + 3 for n in audited_trials(20, 5, seed=0) if n >= 10}
    assert {*spared(sweep)["trial"]} == before | later


def test_a_trial_that_was_stopped_was_not_audited(tmp_path: Path) -> None:
    settings = {"config/search.trials": 4, "config/search.audit": 4}
    rows = [trial(3, **settings), trial(4, status="pruned", **settings)]
    assert [*spared(sweep_of(tmp_path, rows))["trial"]] == [3]


def test_the_rule_says_again_what_the_sweep_did(real_sweep: analysis.Sweep) -> None:
    """Its trials ran one after the other, so the order of arrival is no guess."""
    searched = real_sweep.trials.query("role == 'search'")
    verdicts = judged(real_sweep, {*searched["trial"]})
    first = verdicts[verdicts["stopped"]].drop_duplicates("trial").set_index("trial")["rung"]
    protected = {*spared(real_sweep)["trial"]}
    assert len(protected) == 3
    for _, row in searched[~searched["trial"].isin(protected)].iterrows():
        assert first.get(row["trial"]) == (row["edits"] if row["status"] == "pruned" else None)


@pytest.mark.parametrize("factor", [2, 3, 4])
def test_the_rule_is_the_schedulers(tmp_path: Path, factor: int) -> None:
    values = [0.4, 0.4, 0.1, 0.7, 0.6, 0.65, 0.2, 0.9]
    rows = [
        trial(
            n, edits=4, rung_2=value, started=after(n), **{"config/search.reduction_factor": factor}
        )
        for n, value in enumerate(values, start=3)
    ]
    found = judged(sweep_of(tmp_path, rows), range(3, 11))
    rungs = Rungs([2], factor)
    expected = [not rungs.judge(n, 2, value) for n, value in enumerate(values)]
    assert [*found["stopped"]] == expected and True in expected


@pytest.mark.parametrize(
    "resource, first", [("edits", 3), ("steps", 4)], ids=["by edits", "by steps"]
)
def test_a_trial_comes_to_a_rung_at_an_even_pace(tmp_path: Path, resource: str, first: int) -> None:
    """By edits trial 3 is at rung 2 after 5 of its 10 s; by steps after 10, trial 4 before it."""
    by = {"config/search.resource": resource}
    rows = [
        trial(3, edits=4, steps=2, started=after(0), seconds=10, rung_2=0.5, **by),
        trial(4, edits=4, steps=4, started=after(3), seconds=6, rung_2=0.4, **by),
    ]
    found = judged(sweep_of(tmp_path, rows), [3, 4]).set_index("trial")
    assert [*found.index[found["threshold"].isna()]] == [first]


AUDIT = {"config/search.trials": 6, "config/search.audit": 6}


def audit_of(folder: Path, *trials: tuple[float, float | None]) -> analysis.Sweep:
    """Audited trials, one after the other: each value at rung 2, and the final composite."""
    rows = [
        trial(n, edits=4, started=after(n), rung_2=value, composite=final, **AUDIT)
        for n, (value, final) in enumerate(trials, start=3)
    ]
    return sweep_of(folder, rows)


def test_the_best_that_would_have_been_stopped_is_what_stopping_costs(tmp_path: Path) -> None:
    sweep = audit_of(tmp_path, (0.5, 0.6), (0.3, 0.9), (0.6, 0.7), (0.2, 0.65), (0.7, None))
    numbers, figure = analysis.cost_of_stopping(sweep)
    nan = float("nan")
    expected = [
        # trial, composite, rank, stopped_at, value, threshold, share_stopped, lead_over_kept
        [4, 0.9, 1, 2, 0.3, 0.5, 1.0, 0.2],
        [5, 0.7, 2, nan, nan, nan, 1 / 2, 0.0],
        [6, 0.65, 3, 2, 0.2, 0.5, 2 / 3, -0.05],
        [3, 0.6, 4, nan, nan, nan, 2 / 4, -0.1],
    ]
    found = numbers.astype("float64").values.tolist()
    for row, cells in zip(found, expected, strict=True):
        assert row == pytest.approx(cells, nan_ok=True)
    assert figure.layout.xaxis.title.text.endswith(
        "the best of 4 audited trials would have been stopped at 2 edits; "
        "the best one kept is 0.2000 below"
    )


def test_stopping_may_cost_nothing(tmp_path: Path) -> None:
    numbers, figure = analysis.cost_of_stopping(audit_of(tmp_path, (0.5, 0.9), (0.4, 0.6)))
    assert numbers["lead_over_kept"].tolist() == pytest.approx([0.0, -0.3])
    text = figure.layout.xaxis.title.text
    assert text.endswith("the best of 2 audited trials would have been kept")


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"config/search.audit": 0}, "of a sweep with search.audit above 0"),
        (
            {"config/search.audit": 2, "config/search.scheduler": "none"},
            "nothing was to be stopped: search.scheduler is none",
        ),
    ],
)
def test_without_audited_trials_or_stops_the_question_cannot_be_asked(
    tmp_path: Path, settings: Mapping[str, Any], message: str
) -> None:
    sweep = sweep_of(tmp_path, [trial(3, composite=0.5, rung_2=0.5, **settings)])
    with pytest.raises(analysis.ResultsError, match=message):
        analysis.cost_of_stopping(sweep)


@pytest.mark.parametrize(
    "key", ["seed", "search.trials", "search.audit", "search.reduction_factor"]
)
def test_a_setting_that_the_rule_needs_and_no_row_has_is_named(tmp_path: Path, key: str) -> None:
    rows = [trial(3, rung_2=0.5, edits=4, composite=0.5, **AUDIT)]
    rows += [trial(4, rung_2=0.5, edits=4, composite=0.5, **{**AUDIT, f"config/{key}": None})]
    with pytest.raises(analysis.ResultsError, match=f"trials without a value of {key}$"):
        analysis.cost_of_stopping(sweep_of(tmp_path, rows))
