"""Recovery removes what was never committed, keeps the rest, and touches nothing damaged."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import analysis
from analysis.tables.confirm_schema import CONFIRM_TABLES
from analysis.tables.first_format import JOURNAL
from analysis.tables.folder import SweepFolder
from analysis.tables.schema import TABLES
from search.errors import LockLost
from search.results.log import SweepLog
from search.results.parts import LocalFolder, ResultsFolder
from search.results.recovery import FolderState
from tests.search.results import files
from tests.search.results.files import (
    as_first_format,
    content,
    load,
    names,
    newest,
    parts,
    read,
    recover,
    rows_of,
)
from tests.search.results.rows import CONFIG, fill, run_trial, schemas, write_sweep


def last_part(folder: LocalFolder, table: str) -> Path:
    return folder.path / files.last_part(folder, table)


@pytest.mark.parametrize("table", TABLES)
def test_a_deleted_part_is_missed_whatever_it_held(folder: ResultsFolder, table: str) -> None:
    fill(folder, flushes=2)
    name = files.last_part(folder, table)
    folder.remove([name])
    before = content(folder)
    for action in (lambda: recover(folder), lambda: load(folder)):
        with pytest.raises(analysis.ResultsError) as caught:
            action()
        where = folder.reading.address
        says = (f"{where}/{name}: missing", f"what can still be used: ratchet check {where}")
        assert caught.value.faults == says
        assert content(folder) == before


def test_a_deleted_commit_is_missed(folder: ResultsFolder) -> None:
    fill(folder, flushes=2)
    folder.remove([f"commits/{newest(folder).name}"])
    for action in (lambda: recover(folder), lambda: load(folder)):
        with pytest.raises(analysis.ResultsError, match="commits: the commit is missing"):
            action()


NEVER_CAME_TO_BE = [b"", b"{", b"0" * 64 + b" {}\n"]


def next_commit(folder: ResultsFolder, further: int = 1) -> str:
    return f"commits/{newest(folder).number + further:09d}.json"


@pytest.mark.timeout(60)
@pytest.mark.parametrize("content", NEVER_CAME_TO_BE)
@pytest.mark.parametrize("further", [1, 2])
def test_a_driver_goes_on_past_a_commit_that_never_came_to_be(
    folder: ResultsFolder, content: bytes, further: int
) -> None:
    fill(folder, flushes=2)
    folder.put(next_commit(folder, further), content)
    log = SweepLog(folder, schemas())
    run_trial(log, 200)
    log.close()
    assert {*load(folder).trials["trial"]} == {0, 1, 2, 3, 200}
    SweepLog(folder, schemas()).close()
    assert [n for n in names(folder) if "commits" in n] == [f"commits/{newest(folder).name}"]


@pytest.mark.timeout(60)
@pytest.mark.parametrize("content", NEVER_CAME_TO_BE)
def test_no_row_is_lost_where_such_a_one_takes_the_next_number_meanwhile(
    folder: ResultsFolder, content: bytes
) -> None:
    fill(folder, flushes=1)
    log = SweepLog(folder, schemas())
    for trial in (200, 202):
        folder.put(next_commit(folder), content)
        run_trial(log, trial)
        log.flush()
        assert trial in {*load(folder).trials["trial"]}
    log.close()
    assert {*load(folder).trials["trial"]} == {0, 1, 200, 202}
    SweepLog(folder, schemas()).close()
    assert [n for n in names(folder) if "commits" in n] == [f"commits/{newest(folder).name}"]


def test_where_listings_are_old_a_superseded_driver_still_commits_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on NFS, which remembers for some seconds what was in a folder."""
    folder = LocalFolder(tmp_path / "tiny")
    folder.create()
    fill(folder, flushes=1)
    first = SweepLog(folder, schemas())
    run_trial(first, 200)
    own = f"commits/{newest(folder).name}"
    text = read(folder, own)
    SweepLog(folder, schemas())
    folder.put(own, text)  # the other driver has not got round to removing it
    listed, remembered = SweepFolder.entries, [Path(own).name]

    def old(where: SweepFolder, table: str = "") -> list[str]:
        """Once what was there before, then what is there."""
        if table == "commits" and remembered:
            return [remembered.pop()]
        return listed(where, table)

    with monkeypatch.context() as patch, pytest.raises(LockLost):
        patch.setattr(SweepFolder, "entries", old)
        first.flush()
    assert remembered == []
    assert {*load(folder).trials["trial"]} == {0, 1}
    assert newest(folder).term == 3


@pytest.mark.timeout(60)
def test_a_link_to_nowhere_in_its_place_is_passed_over(tmp_path: Path) -> None:
    folder = LocalFolder(tmp_path / "tiny")
    folder.create()
    fill(folder, flushes=1)
    (folder.path / next_commit(folder)).symlink_to(tmp_path / "nowhere")
    log = SweepLog(folder, schemas())
    run_trial(log, 200)
    log.close()
    assert {*load(folder).trials["trial"]} == {0, 1, 200}
    assert not (tmp_path / "nowhere").exists()


def test_remains_are_removed_and_strange_hidden_files_are_not(folder: ResultsFolder) -> None:
    fill(folder, flushes=1)
    folder.create_tables(CONFIRM_TABLES)
    whole = rows_of(folder)
    for name in (
        "steps/.part-000009-00000000.parquet.tmp",
        "trials/.part-000009-00000000.parquet",
        "confirm/.walk-000001-002-000009-00000000.parquet",
        ".progress.json.0123456789abcdef.tmp",
        ".compaction.json.tmp",
        "commits/.000000009.json.0123456789abcdef.tmp",
    ):
        folder.put(name, b"half")
    folder.put("steps/.DS_Store", b"")
    recover(folder)
    assert rows_of(folder) == {**whole, "steps/.DS_Store": b""}
    assert [name for name in files.names(folder) if name.startswith("commits/.")] == []


def test_a_torn_part_is_named_by_its_address_and_nothing_changes(folder: ResultsFolder) -> None:
    fill(folder, flushes=1)
    name = files.last_part(folder, "steps")
    folder.put(name, files.read(folder, name)[:-20])
    before = content(folder)
    for action in (lambda: recover(folder), lambda: load(folder)):
        with pytest.raises(analysis.ResultsError) as caught:
            action()
        address = folder.reading.address
        assert str(caught.value).startswith(f"{address}/{name}: damaged")
        assert content(folder) == before


def torn(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def of_somebody_else(path: Path) -> None:
    pq.write_table(pa.table({"trial": [1]}), path)


def from_the_future(path: Path) -> None:
    rows = pq.read_table(path)
    pq.write_table(rows.replace_schema_metadata({"ratchet.schema_version": "4"}), path)


def of_another_sweep(path: Path) -> None:
    rows = pq.read_table(path)
    stamp = {**rows.schema.metadata, b"ratchet.sweep_id": b"b2"}
    pq.write_table(rows.replace_schema_metadata(stamp), path)


DAMAGES = [torn, empty, of_somebody_else, from_the_future, of_another_sweep]


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_part_that_is_not_what_was_written_is_named_and_nothing_changes(
    tmp_path: Path, table: str, damage: Callable[[Path], None]
) -> None:
    folder = write_sweep(tmp_path / "tiny", flushes=2)
    path = last_part(folder, table)
    damage(path)
    before = content(folder)
    for action in (
        lambda: recover(folder),
        lambda: SweepLog(folder, schemas()),
        lambda: analysis.load(folder.path),
    ):
        with pytest.raises(analysis.ResultsError, match="is not what the sweep has written") as e:
            action()
        assert any(str(path) in fault for fault in e.value.faults)
        assert content(folder) == before


@pytest.mark.parametrize("table", ["proposals", "steps", "records", "trials"])
@pytest.mark.parametrize(
    "damage, message",
    [
        (torn, "damaged or not Parquet"),
        (empty, "damaged or not Parquet"),
        (of_somebody_else, "not written by a sweep"),
        (from_the_future, "has schema version 4, this program reads up to 3"),
        (of_another_sweep, "belongs to sweep"),
    ],
)
def test_a_damaged_part_of_the_first_format_is_named_and_nothing_changes(
    tmp_path: Path, table: str, damage: Callable[[Path], None], message: str
) -> None:
    folder = write_sweep(tmp_path / "tiny", flushes=2)
    as_first_format(folder)
    (folder.path / "steps" / ".part-000009-00000000.parquet.tmp").touch()
    path = last_part(folder, table)
    damage(path)
    before = content(folder)
    for action in (
        lambda: recover(folder),
        lambda: SweepLog(folder, schemas()),
        lambda: analysis.load(folder.path),
    ):
        with pytest.raises(analysis.ResultsError, match=message) as caught:
            action()
        assert any(str(path) in fault for fault in caught.value.faults)
        assert content(folder) == before


@pytest.mark.parametrize("column", ["step", "trust"])
def test_a_part_without_a_column_of_its_version_is_damage(tmp_path: Path, column: str) -> None:
    """Whether a row must have a value in it or not."""
    folder = write_sweep(tmp_path / "tiny", flushes=1)
    as_first_format(folder)
    part = last_part(folder, "steps")
    rows = pq.read_table(part)
    names = ["stride" if name == column else name for name in rows.column_names]
    renamed = rows.rename_columns(names).replace_schema_metadata(rows.schema.metadata)
    pq.write_table(renamed, part)
    with pytest.raises(analysis.ResultsError, match=f"columns {column} are missing or wrong"):
        analysis.load(folder.path)


@pytest.mark.parametrize("name", ["trials/notes.txt", "steps/part-1.parquet", "records/more"])
def test_a_foreign_name_is_refused_before_writing(tmp_path: Path, name: str) -> None:
    """Plain readers would read it; `analysis.load` reads what was committed."""
    folder = write_sweep(tmp_path / "tiny", flushes=1)
    (folder.path / name).touch()
    with pytest.raises(analysis.ResultsError, match="not a part of this sweep"):
        recover(folder)
    assert len(analysis.load(folder.path).trials) == 2
    as_first_format(LocalFolder(folder.path))
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
    as_first_format(folder)
    (folder.path / JOURNAL).write_text(text)
    before = content(folder)
    with pytest.raises(analysis.ResultsError, match="not a journal"):
        recover(folder)
    assert content(folder) == before


def written_late(folder: ResultsFolder, old: dict[str, list[str]]) -> None:
    """A journal as a driver wrote it whose work another one had taken over."""
    new = "part-000009-00000000.parquet"
    folder.put(JOURNAL, json.dumps({"new": new, "old": old}).encode())


def test_a_journal_without_its_new_parts_is_void(folder: ResultsFolder) -> None:
    """Whether the old ones that it names are there or merged into another one by now."""
    fill(folder, flushes=1)
    as_first_format(folder)
    for old in (parts(folder, "trials")[-1], "part-000002-01234567.parquet"):
        written_late(folder, {table: [old] for table in TABLES})
        assert [*load(folder).trials["trial"]] == [0, 1]
    recover(folder)
    assert JOURNAL not in files.names(folder)
    assert [*load(folder).trials["trial"]] == [0, 1]


def test_a_compaction_of_which_nothing_is_left_is_damage(folder: ResultsFolder) -> None:
    fill(folder, flushes=1)
    as_first_format(folder)
    written_late(folder, {table: parts(folder, table) for table in TABLES})
    folder.remove(name for name in files.names(folder) if name.endswith(".parquet"))
    before = content(folder)
    with pytest.raises(analysis.ResultsError, match="missing after a compaction"):
        recover(folder)
    assert content(folder) == before


def test_a_sweep_of_the_first_format_is_taken_over_as_it_is(folder: ResultsFolder) -> None:
    fill(folder, flushes=2)
    as_first_format(folder)
    folder.remove([files.last_part(folder, "trials")])  # its driver was killed before it came
    before = load(folder)
    assert {*before.steps["trial"]} == {0, 1}
    log = SweepLog(folder, schemas())
    assert [each.trial for each in FolderState.read(folder).pending] == [2, 3]
    pd.testing.assert_frame_equal(load(folder).steps, before.steps)
    run_trial(log, 4)
    log.close()
    assert [*load(folder).trials["trial"]] == [0, 1, 4]
    assert load(folder).trials["step_rows"].tolist() == [pd.NA, pd.NA, 4]


def test_a_trial_that_ended_twice_is_damage(tmp_path: Path) -> None:
    folder = write_sweep(tmp_path / "tiny", flushes=1)
    as_first_format(folder)
    part = last_part(folder, "trials")
    part.with_name("part-000009-00000000.parquet").write_bytes(part.read_bytes())
    with pytest.raises(analysis.ResultsError, match="more than one row for trial 0, 1"):
        FolderState.read(folder)


@settings(max_examples=40, deadline=None)
@given(cut=st.floats(0, 1), flips=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 7))))
def test_damage_of_any_kind_is_noticed(cut: float, flips: list[tuple[float, int]]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = write_sweep(Path(name) / "tiny", flushes=1)
        part = last_part(folder, "steps")
        whole = part.read_bytes()
        damaged = bytearray(whole)
        for place, bit in flips:
            damaged[int(place * (len(damaged) - 1))] ^= 1 << bit
        part.write_bytes(damaged[: int(cut * len(damaged))])
        if part.read_bytes() == whole:
            analysis.load(folder.path)
            return
        with pytest.raises(analysis.ResultsError) as caught:
            analysis.load(folder.path)
        assert str(part.parent) in str(caught.value)


actions = st.lists(
    st.sampled_from(["propose", "end", "flush", "crash", "close", "stage"]), max_size=15
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
            elif action == "stage":
                (folder.path / "steps" / ".part-000900-00000000.parquet").write_bytes(
                    last_part(folder, "steps").read_bytes()
                )
            if action in ("crash", "close", "stage"):
                log = SweepLog(folder, schemas())
                proposed, ended = {*durable[0]}, {*durable[1]}
                numbers = iter(range(max(proposed, default=-1) + 1, 200))
            assert {each.trial for each in FolderState.read(folder).ended} == durable[1]
            pending = [each.trial for each in FolderState.read(folder).pending]
            assert pending == sorted(durable[0] - durable[1])
        assert sorted(analysis.load(folder.path).steps["trial"]) == sorted([*durable[1]] * 4)
