"""A sweep as DataFrames: everything committed, nothing else, with sensible types."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

import analysis
from analysis.tables import committed
from analysis.tables.commits import Commit
from analysis.tables.folder import SweepFolder
from search.results.parts import LocalFolder
from tests.search.results.files import compact
from tests.search.results.rows import write_sweep


def test_load_gives_all_tables_and_the_configuration(tmp_path: Path) -> None:
    folder = write_sweep(tmp_path / "tiny", flushes=2)
    (folder.path / "sweep.yaml").write_text("edits: 8\n")
    loaded = analysis.load(folder.path)
    assert [*loaded.trials["trial"]] == [*loaded.proposals["trial"]] == [0, 1, 2, 3]
    assert (len(loaded.steps), len(loaded.records)) == (16, 12)
    assert loaded.config == {"edits": 8}
    assert {n: str(d) for n, d in loaded.trials.dtypes.items()}.items() >= {
        "trial": "int64",
        "role": "str",
        "edits": "Int64",
        "composite": "float64",
        "config/greedy.max_probes": "Int64",
        "config/trust.enabled": "boolean",
        "config/layers": "str",
        "started": "datetime64[us, UTC]",
    }.items()
    assert loaded.steps["accepted"].dtype == bool
    assert [*loaded.trials["config/layers"].unique()] == ["[0, 1]"]


def test_tables_that_were_not_asked_for_come_empty(tmp_path: Path) -> None:
    folder = write_sweep(tmp_path / "tiny", flushes=2)
    loaded = analysis.load(folder.path, tables=("trials",))
    everything = analysis.load(folder.path)
    pd.testing.assert_frame_equal(loaded.trials, everything.trials)
    assert (len(everything.records), len(loaded.records), len(loaded.steps)) == (12, 0, 0)
    assert [*loaded.records.columns] == [*everything.records.columns]
    both = analysis.load([folder.path], tables=("trials",))
    assert (len(both.trials), len(both.proposals)) == (4, 0)
    with pytest.raises(ValueError, match="tables must be among proposals, steps, records, trials"):
        analysis.load(folder.path, tables=("trails",))


def test_a_table_reads_plainly_as_it_is(tmp_path: Path) -> None:
    folder = write_sweep(tmp_path / "tiny", flushes=2)
    trials = pd.read_parquet(folder.path / "trials")
    assert {*trials["status"]} == {"completed"}
    assert trials["composite"].dtype == trials["rung_8"].dtype == "float64"
    assert trials["trial"].dtype == "int64"
    assert str(trials["started"].dtype) == "datetime64[us, UTC]"


def test_reading_changes_nothing_and_works_while_a_compaction_comes_between(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_sweep(tmp_path / "tiny", flushes=2)
    looks: list[Commit] = []
    look = committed.committed

    def looking(where: SweepFolder) -> Commit:
        looks.append(look(where))
        if len(looks) == 1:
            compact(LocalFolder(folder.path))  # the parts just named are gone
        return looks[-1]

    monkeypatch.setattr(committed, "committed", looking)
    assert [*analysis.load(folder.path).trials["trial"]] == [0, 1, 2, 3]
    assert len(looks) == 2


def test_what_is_no_sweep_is_not_found(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing"):
        with pytest.raises(analysis.SweepNotFound, match="no sweep there"):
            analysis.load(path)


def test_a_file_is_no_sweep_and_an_unknown_kind_of_address_no_place(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(analysis.SweepNotFound, match="it is no folder"):
        analysis.load(tmp_path / "file")
    with pytest.raises(analysis.StorageError, match="a sweep's folder must be a path on this"):
        analysis.load("gopher://results/tiny")


def test_a_folder_that_cannot_be_looked_into_is_not_called_damaged(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(analysis.StorageError, match=r"loop: cannot be listed: Too many levels"):
        analysis.load(tmp_path / "loop")


def test_a_table_that_cannot_be_looked_into_is_not_called_damaged(tmp_path: Path) -> None:
    (tmp_path / "sweep.yaml").write_text("edits: 8\n")
    (tmp_path / "trials").symlink_to("trials")
    with pytest.raises(analysis.StorageError, match=r"trials: cannot be listed: Too many levels"):
        analysis.load(tmp_path)


def test_a_sweep_that_wrote_nothing_yet_has_empty_tables(tmp_path: Path) -> None:
    (tmp_path / "sweep.yaml").write_text("edits: 8\n")
    loaded = analysis.load(tmp_path)
    assert loaded.trials.empty and "composite" in loaded.trials
    assert analysis.best(loaded.trials) is None


@pytest.mark.parametrize("text", ["a: [", "- 1", "\x00"])
def test_a_damaged_configuration_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "sweep.yaml").write_text(text)
    with pytest.raises(analysis.ResultsError, match=r"sweep\.yaml: not"):
        analysis.load(tmp_path)


NAN = float("nan")


@pytest.mark.parametrize(
    "rows, expected",
    [
        ([("completed", 0.5, 0.4, 3, 0), ("completed", 0.6, 0.1, 9, 1)], 1),
        ([("completed", 0.5, 0.4, 3, 0), ("pruned", 0.9, 0.9, 3, 1)], 0),
        ([("completed", 0.5, 0.4, 3, 0), ("failed", 0.9, 0.9, 3, 1)], 0),
        ([("completed", 0.5, 0.4, 3, 0), ("completed", 0.5, 0.5, 9, 1)], 1),
        ([("completed", 0.5, 0.4, 3, 0), ("completed", 0.5, NAN, 1, 1)], 0),
        ([("completed", 0.5, 0.4, 3, 0), ("completed", 0.5, 0.4, 2, 1)], 1),
        ([("completed", 0.5, 0.4, 3, 7), ("completed", 0.5, 0.4, 3, 4)], 4),
        ([("completed", NAN, 0.4, 3, 0), ("completed", 0.1, 0.4, 3, 1)], 1),
        ([("completed", NAN, 0.4, 3, 0)], None),
        ([], None),
    ],
)
def test_best(rows: list[tuple[str, float, float, int, int]], expected: int | None) -> None:
    trials = pd.DataFrame(rows, columns=["status", "composite", "score", "steps", "trial"])
    best = analysis.best(trials)
    assert (None if best is None else best["trial"]) == expected


def test_importing_the_package_is_light() -> None:
    code = (
        "import sys, analysis, analysis.errors; "
        "assert not {'pandas', 'pyarrow', 'torch', 'ray'} & {*sys.modules}; analysis.load"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])
