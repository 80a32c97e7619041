"""Recovery removes what was never committed, keeps the rest, and touches nothing damaged."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import analysis
from analysis.folder import JOURNAL
from search.results.compaction import compact
from search.results.log import SweepLog
from search.results.parts import LocalFolder, ResultsFolder
from search.results.recovery import ended_trials, pending_proposals, recover
from tests.search.results import files
from tests.search.results.files import content, load, parts
from tests.search.results.rows import CONFIG, fill, run_trial, schemas, write_sweep


def last_part(folder: LocalFolder, table: str) -> Path:
    return folder.path / files.last_part(folder, table)


def test_steps_without_their_commit_mark_are_ignored_and_removed(folder: ResultsFolder) -> None:
    fill(folder, flushes=2)
    folder.remove([files.last_part(folder, "trials")])
    assert {*load(folder).steps["trial"]} == {0, 1}
    assert {*load(folder).records["trial"]} == {0, 1}
    recover(folder)
    assert [each.trial for each in pending_proposals(folder)] == [2, 3]
    assert parts(folder, "steps") == parts(folder, "trials")


def test_remains_are_removed_and_strange_hidden_files_are_not(folder: ResultsFolder) -> None:
    fill(folder, flushes=1)
    whole = content(folder)
    for name in (
        "steps/.part-000009-00000000.parquet.tmp",
        "trials/.part-000009-00000000.parquet",
        ".progress.json.tmp",
        ".compaction.json.tmp",
    ):
        folder.put(name, b"half")
    folder.put("steps/.DS_Store", b"")
    recover(folder)
    assert content(folder) == {**whole, "steps/.DS_Store": b""}


def test_a_torn_part_is_named_by_its_address_and_nothing_changes(folder: ResultsFolder) -> None:
    fill(folder, flushes=1)
    name = files.last_part(folder, "steps")
    folder.put(name, files.read(folder, name)[:-20])
    before = content(folder)
    for action in (lambda: recover(folder), lambda: load(folder)):
        with pytest.raises(analysis.ResultsError) as caught:
            action()
        address = folder.reading.address
        assert str(caught.value).startswith(f"{address}/{name}: damaged or not Parquet")
        assert content(folder) == before


def torn(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def of_somebody_else(path: Path) -> None:
    pq.write_table(pa.table({"trial": [1]}), path)


def from_the_future(path: Path) -> None:
    rows = pq.read_table(path)
    pq.write_table(rows.replace_schema_metadata({"ratchet.schema_version": "2"}), path)


def of_another_sweep(path: Path) -> None:
    rows = pq.read_table(path)
    pq.write_table(rows.cast(schemas(sweep_id="b2")[path.parent.name]), path)


@pytest.mark.parametrize("table", ["proposals", "steps", "records", "trials"])
@pytest.mark.parametrize(
    "damage, message",
    [
        (torn, "damaged or not Parquet"),
        (empty, "damaged or not Parquet"),
        (of_somebody_else, "not written by a sweep"),
        (from_the_future, "has schema version 2, this program reads up to 1"),
        (of_another_sweep, "belongs to sweep"),
    ],
)
def test_a_damaged_part_is_named_and_nothing_changes(
    tmp_path: Path, table: str, damage: Callable[[Path], None], message: str
) -> None:
    folder = write_sweep(tmp_path / "tiny", flushes=2)
    (folder.path / "steps" / ".part-000009-00000000.parquet.tmp").touch()
    path = last_part(folder, table)
    damage(path)
    before = content(folder)
    for action in (
        lambda: recover(folder),
        lambda: SweepLog(folder, schemas()),
        lambda: compact(folder),
        lambda: analysis.load(folder.path),
    ):
        with pytest.raises(analysis.ResultsError, match=message) as caught:
            action()
        assert any(str(path) in fault for fault in caught.value.faults)
        assert content(folder) == before


def test_a_part_without_a_needed_column_is_damage(tmp_path: Path) -> None:
    folder = write_sweep(tmp_path / "tiny", flushes=1)
    part = last_part(folder, "steps")
    rows = pq.read_table(part)
    names = ["stride" if name == "step" else name for name in rows.column_names]
    renamed = rows.rename_columns(names).replace_schema_metadata(rows.schema.metadata)
    pq.write_table(renamed, part)
    with pytest.raises(analysis.ResultsError, match="columns step are missing or wrong"):
        analysis.load(folder.path)


@pytest.mark.parametrize("name", ["trials/notes.txt", "steps/part-1.parquet", "records/more"])
def test_a_foreign_name_is_refused(tmp_path: Path, name: str) -> None:
    folder = write_sweep(tmp_path / "tiny", flushes=1)
    (folder.path / name).touch()
    for action in (lambda: recover(folder), lambda: analysis.load(folder.path)):
        with pytest.raises(analysis.ResultsError, match="not a part of a sweep"):
            action()


PART = "part-000001-00000000.parquet"


def journal(new: object, old: object) -> str:
    return json.dumps({"new": new, "old": {table: old for table in schemas()}})


@pytest.mark.parametrize(
    "text",
    [
        *["", "{", "[]", "[" * 100_000, json.dumps({"new": PART}), json.dumps({"old": {}})],
        *[journal(5, []), journal("../../x", []), journal(PART, ["../x"]), journal(PART, 3)],
    ],
)
def test_a_journal_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    folder = write_sweep(tmp_path / "tiny", flushes=1)
    (folder.path / JOURNAL).write_text(text)
    before = content(folder)
    with pytest.raises(analysis.ResultsError, match="not a journal"):
        recover(folder)
    assert content(folder) == before


def test_a_compaction_whose_new_parts_are_missing_is_damage(folder: ResultsFolder) -> None:
    fill(folder, flushes=1)
    name = "part-000009-00000000.parquet"
    old = {table: [parts(folder, table)[-1]] for table in schemas()}
    folder.put(JOURNAL, json.dumps({"new": name, "old": old}).encode())
    before = content(folder)
    with pytest.raises(analysis.ResultsError, match="missing after a compaction"):
        recover(folder)
    assert content(folder) == before


def test_a_trial_that_ended_twice_is_damage(tmp_path: Path) -> None:
    folder = write_sweep(tmp_path / "tiny", flushes=1)
    part = last_part(folder, "trials")
    part.with_name("part-000009-00000000.parquet").write_bytes(part.read_bytes())
    with pytest.raises(analysis.ResultsError, match="more than one row for trial 0, 1"):
        ended_trials(folder)


@settings(max_examples=40, deadline=None)
@given(cut=st.floats(0, 1), flips=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 7))))
def test_damage_of_any_kind_is_a_results_error(cut: float, flips: list[tuple[float, int]]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = write_sweep(Path(name) / "tiny", flushes=1)
        part = last_part(folder, "steps")
        damaged = bytearray(part.read_bytes())
        for place, bit in flips:
            damaged[int(place * (len(damaged) - 1))] ^= 1 << bit
        part.write_bytes(damaged[: int(cut * len(damaged))])
        try:
            analysis.load(folder.path)
        except analysis.ResultsError as error:
            assert str(part.parent) in str(error)


actions = st.lists(
    st.sampled_from(["propose", "end", "flush", "crash", "close", "lose_mark"]), max_size=15
)


@settings(max_examples=25, deadline=None)
@given(actions)
def test_any_history_keeps_exactly_what_was_flushed(history: list[str]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = LocalFolder(Path(name) / "tiny")
        log = SweepLog(folder, schemas())
        numbers = iter(range(100))
        proposed: set[int] = set()
        ended: set[int] = set()
        durable: tuple[set[int], set[int]] = set(), set()
        for action in history:
            if action == "propose":
                trial = next(numbers)
                log.propose(trial, "search", 0, CONFIG)
                proposed.add(trial)
            elif action == "end":
                trial = next(numbers)
                run_trial(log, trial)
                proposed.add(trial)
                ended.add(trial)
            elif action in ("flush", "close"):
                log.flush() if action == "flush" else log.close()
                durable = {*proposed}, {*ended}
            elif action == "lose_mark":
                (folder.path / "steps" / "part-000900-00000000.parquet").write_bytes(
                    last_part(folder, "steps").read_bytes()
                )
            if action in ("crash", "close", "lose_mark"):
                log = SweepLog(folder, schemas())
                proposed, ended = {*durable[0]}, {*durable[1]}
                numbers = iter(range(max(proposed, default=-1) + 1, 200))
            assert {each.trial for each in ended_trials(folder)} == durable[1]
            pending = [each.trial for each in pending_proposals(folder)]
            assert pending == sorted(durable[0] - durable[1])
        assert sorted(analysis.load(folder.path).steps["trial"]) == sorted([*durable[1]] * 4)
