"""Several sweeps at once, and what a sweep says of itself."""

from __future__ import annotations

from pathlib import Path

import pytest

import analysis
from tests.analysis.made_sweep import made_sweep
from tests.search.results.rows import write_sweep


def test_tables_of_several_sweeps_have_a_leading_column_and_the_columns_of_all(
    tmp_path: Path,
) -> None:
    write_sweep(tmp_path / "a", flushes=1)
    write_sweep(tmp_path / "b", flushes=2)
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "sweep.yaml").write_text("sweep_id: c\n")
    several = analysis.load([tmp_path / "b", str(tmp_path / "a"), tmp_path / "c"])
    one = {name: analysis.load(tmp_path / name) for name in "abc"}
    for table in ("trials", "steps", "records", "proposals"):
        frame = getattr(several, table)
        assert frame.columns[0] == "sweep"
        for name in "abc":
            own = frame[frame["sweep"] == name].drop(columns="sweep").reset_index(drop=True)
            expected = getattr(one[name], table)
            assert len(own) == len(expected)
            if len(own):
                assert own[[*expected]].equals(expected), table
    assert [*several.trials["sweep"].unique()] == ["b", "a"]
    assert [*several.sweeps] == ["b", "a", "c"] and several.sweeps["c"].config == {"sweep_id": "c"}
    assert str(several.trials["edits"].dtype) == "Int64"
    assert several.trials["trial"].dtype == "int64"


def test_sweeps_of_one_name_are_told_by_their_paths(tmp_path: Path) -> None:
    for parent in ("x", "y"):
        (tmp_path / parent).mkdir()
        write_sweep(tmp_path / parent / "a", flushes=1)
    several = analysis.load([tmp_path / "x" / "a", tmp_path / "y" / "a"])
    assert [*several.sweeps] == [str(tmp_path / "x" / "a"), str(tmp_path / "y" / "a")]


def test_no_sweep_or_one_twice_is_refused(tmp_path: Path) -> None:
    write_sweep(tmp_path / "a", flushes=1)
    with pytest.raises(ValueError, match="must be an address, or a list of some, but got"):
        analysis.load([])
    with pytest.raises(ValueError, match="different sweeps must be given"):
        analysis.load([tmp_path / "a", tmp_path / "a"])
    with pytest.raises(analysis.SweepNotFound):
        analysis.load([tmp_path / "a", tmp_path / "missing"])


def test_a_question_about_one_sweep_refuses_several(tmp_path: Path) -> None:
    for name in "ab":
        write_sweep(tmp_path / name, flushes=1)
    several = analysis.load([tmp_path / "a", tmp_path / "b"])
    for question in (
        analysis.tradeoff,
        analysis.importance,
        analysis.slices,
        analysis.parallel_coordinates,
        lambda sweep: analysis.contour(sweep, "a", "b"),
        lambda sweep: analysis.compare(sweep, [0, 1]),
        lambda sweep: analysis.selected_interval(sweep, 0),
    ):
        with pytest.raises(ValueError, match=r"one sweep must be given, but got \(sweeps=a, b\)"):
            question(several)


def test_rows_and_columns_by_name() -> None:
    settings = [(1, "x", 0.5), (2, "x", None), (3, "x", 0.5), (4, "y", 0.5)]
    ends = [("search", "completed"), ("search", "failed"), ("search", "pruned")]
    ends.append(("baseline_full", "completed"))
    trials = [
        {"role": role, "status": status, "config/a": a, "config/b": b, "config/c": c}
        for (a, b, c), (role, status) in zip(settings, ends, strict=True)
    ]
    sweep = made_sweep(trials)
    assert [*sweep.completed()["trial"]] == [0, 3]
    assert [*sweep.search_trials()["trial"]] == [0, 1, 2]
    assert sweep.setting_columns() == ["config/a", "config/c"]
