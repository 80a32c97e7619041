"""`check` finds every damage, says what is whole, and sets aside the rest; nothing is made up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import analysis
from analysis.tables.commits import Commit
from analysis.tables.confirm_schema import CONFIRM_TABLES, confirm_schemas
from analysis.tables.schema import TABLES
from search.config.arguments import resolved_config
from search.results.commits import Commits
from search.results.confirm_log import ConfirmLog
from search.results.log import SweepLog
from search.results.parts import LocalFolder, ResultsFolder
from search.results.recovery import FolderState
from search.sweep.checkup import check_sweep
from search.sweep.file import SweepFile
from tests.search.results.files import (
    as_first_format,
    compact,
    content,
    load,
    names,
    newest,
    plain,
    read,
    rows_of,
)
from tests.search.results.rows import confirmed_walk, end_trial, fill, schemas

SWEEP = (
    SweepFile(
        sweep_id="a1",
        name="tiny",
        started="2026-01-01",
        generation=0,
        generations={"0": "six trials"},
        versions={"python": "3.11"},
        earlier_versions={},
        git_sha=None,
        digests={},
        config=resolved_config(None, []).self_contained(),
    )
    .text()
    .encode()
)


def whole(folder: ResultsFolder) -> ResultsFolder:
    """A sweep of three flushes with two trials each, two walks of which were confirmed."""
    folder.create()
    folder.put("sweep.yaml", SWEEP)
    fill(folder, flushes=3)
    log = ConfirmLog(folder, confirm_schemas(sweep_id="a1", sweep_name="tiny", facts={}))
    log.open()
    for sequence in range(2):
        log.write(*confirmed_walk(1, sequence))
    return folder


def check(folder: ResultsFolder, repairing: bool = False) -> tuple[bool, list[str]]:
    found = check_sweep(folder.reading.address, repairing)
    return found.usable, [*found.sentences]


def flipped(folder: ResultsFolder, name: str) -> None:
    data = bytearray(read(folder, name))
    data[len(data) // 2] ^= 4
    folder.put(name, bytes(data))


def commit_text(folder: ResultsFolder, text: bytes) -> None:
    """Have the sweep commit another sweep.yaml."""
    Commits(folder, sweep=text.decode())
    folder.put("sweep.yaml", text)


def second(folder: ResultsFolder, table: str) -> str:
    """The file of the part with trials 2 and 3, or of the second walk."""
    start = 0 if table in CONFIRM_TABLES else 1  # before it the empty one
    return f"{table}/{newest(folder).of(table)[start + 1].name}"


def test_a_whole_sweep_is_said_to_be_whole(folder: ResultsFolder) -> None:
    whole(folder)
    before = content(folder)
    assert check(folder) == (
        True,
        ["6 trials are whole; 2 confirmed walks are whole; 20 parts are as they were written"],
    )
    assert content(folder) == before


@pytest.mark.parametrize("table", [*TABLES, *CONFIRM_TABLES])
@pytest.mark.parametrize("harm", ["flipped", "deleted"])
def test_damage_costs_the_trials_in_it_and_no_other(
    folder: ResultsFolder, table: str, harm: str
) -> None:
    whole(folder)
    name = second(folder, table)
    flipped(folder, name) if harm == "flipped" else folder.remove([name])
    before = content(folder)
    sound, lines = check(folder)
    assert not sound
    assert lines[0].startswith(folder.reading.path(*name.split("/")))
    assert content(folder) == before

    assert check(folder, repairing=True)[0]
    assert check(folder)[0]
    found = load(folder)
    lost = {2, 3} if table in ("trials", "steps", "records") else set()
    assert {*found.trials["trial"]} == {0, 1, 2, 3, 4, 5} - lost
    assert len(found.steps) == 4 * len(found.trials)
    assert len(found.records) == 3 * len(found.trials)
    assert {*plain(folder, "steps")["trial"]} == {*found.trials["trial"]}
    assert len(found.confirm) == (1 if table in CONFIRM_TABLES else 2)
    aside = [each for each in names(folder) if each.startswith("set-aside/")]
    assert len(aside) == (harm == "flipped")
    log = SweepLog(folder, schemas())
    assert [each.trial for each in FolderState.read(folder).pending] == sorted(lost)
    for each in sorted(lost):
        end_trial(log, each)
    log.close()
    assert {*load(folder).trials["trial"]} == {0, 1, 2, 3, 4, 5}


@pytest.mark.parametrize("table", TABLES)
def test_a_table_that_has_lost_its_only_part_is_repaired_too(
    folder: ResultsFolder, table: str
) -> None:
    """After a sweep's closing compaction every table has one part."""
    compact(whole(folder))
    [part] = newest(folder).of(table)
    folder.remove([f"{table}/{part.name}"])
    assert not check(folder)[0]
    assert check(folder, repairing=True)[0]
    log = SweepLog(folder, schemas())
    lost = [each.trial for each in FolderState.read(folder).pending]
    assert lost == ([] if table == "proposals" else [*range(6)])
    for each in lost:
        end_trial(log, each)
    log.close()
    assert check(folder)[0]
    assert {*load(folder).trials["trial"]} == {*range(6)}
    assert {t: len(newest(folder).of(t)) for t in TABLES} == dict.fromkeys(TABLES, 1)


def test_a_commit_that_counts_other_rows_than_a_part_has_is_no_whole_sweep(
    folder: ResultsFolder,
) -> None:
    whole(folder)
    head = newest(folder)
    first, *others = head.of("trials")
    wrong = replace(first, rows=7)
    forged = replace(head, parts={**head.parts, "trials": (wrong, *others)})
    folder.put(f"commits/{head.name}", forged.to_bytes())
    with pytest.raises(analysis.ResultsError, match="rows where 7 were committed"):
        load(folder)
    assert not check(folder)[0]


@pytest.mark.parametrize(
    ("field", "value"),
    [("number", "5"), ("term", None), ("token", 1), ("sweep", 2), ("invalid", 0), ("number", True)],
)
def test_a_commit_with_a_value_of_another_type_is_none(
    folder: ResultsFolder, field: str, value: object
) -> None:
    whole(folder)
    content = replace(newest(folder), **{field: value}).to_bytes()  # type: ignore[arg-type]
    assert Commit.parse(content) is None


def test_one_damaged_copy_of_a_commit_stops_nothing_and_is_told(folder: ResultsFolder) -> None:
    whole(folder)
    name = f"commits/{newest(folder).name}"
    data = read(folder, name)
    for place in (10, len(data) // 3, len(data) - 10):
        folder.put(name, data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        assert len(load(folder).trials) == 6
        sound, lines = check(folder)
        assert not sound and "one of its two copies is damaged" in lines[0]
    assert check(folder, repairing=True)[0]
    assert check(folder)[0]


@pytest.mark.parametrize("harm", ["torn", "deleted"])
def test_a_lost_commit_is_made_again_of_the_parts_that_lie_there(
    folder: ResultsFolder, harm: str
) -> None:
    whole(folder)
    name = f"commits/{newest(folder).name}"
    folder.put(name, b"{") if harm == "torn" else folder.remove([name])
    folder.put("steps/.part-000099-01234567.parquet", b"half")
    with pytest.raises(analysis.ResultsError, match="ratchet check"):
        load(folder)
    assert not check(folder)[0]
    assert check(folder, repairing=True)[0]
    found = load(folder)
    assert {*found.trials["trial"]} == {0, 1, 2, 3, 4, 5}
    assert len(found.confirm) == 2
    assert found.unchecked == (0, 1, 2, 3, 4, 5), "whether they were looked at is lost"
    assert read(folder, "sweep.yaml") == SWEEP


def replaced(text: bytes) -> Callable[[ResultsFolder], None]:
    return lambda folder: folder.put("sweep.yaml", text)


@pytest.mark.parametrize(
    "harm",
    [
        replaced(SWEEP.replace(b"a1", b"b2")),
        replaced(b"\xff\xfe"),
        replaced(SWEEP[:10]),
        lambda folder: folder.remove(["sweep.yaml"]),
    ],
)
def test_sweep_yaml_is_put_back(
    folder: ResultsFolder, harm: Callable[[ResultsFolder], None]
) -> None:
    whole(folder)
    harm(folder)
    sound, lines = check(folder)
    assert not sound and "sweep.yaml" in lines[0]
    assert check(folder, repairing=True)[0]
    assert read(folder, "sweep.yaml") == SWEEP
    assert check(folder)[0]


@pytest.mark.parametrize("damage", ["none", "a part"])
def test_what_a_hand_may_change_is_no_damage_and_no_repair_undoes_it(
    folder: ResultsFolder, damage: str
) -> None:
    whole(folder)
    commit_text(folder, SWEEP)
    edited = SWEEP.replace(b"  max_failures: 2\n", b"  max_failures: 7\n")
    assert edited != SWEEP
    folder.put("sweep.yaml", edited)
    if damage == "a part":
        flipped(folder, second(folder, "steps"))
    sound, lines = check(folder)
    assert sound == (damage == "none")
    assert not [line for line in lines if "sweep.yaml" in line]
    assert check(folder, repairing=True)[0]
    assert read(folder, "sweep.yaml") == edited


def test_parts_whose_digests_were_lost_are_never_again_called_as_they_were_written(
    folder: ResultsFolder,
) -> None:
    whole(folder)
    folder.remove([f"commits/{newest(folder).name}"])
    assert "; 20 parts are readable" in "\n".join(check(folder)[1])
    assert check(folder, repairing=True)[0]
    for _ in range(2):
        sound, lines = check(folder)
        assert sound
        assert "parts are as they were when digests were taken anew" in lines[0]
        assert "nobody knows whether the parts were changed before a repair" in lines[1]
        compact(folder)


UNREADABLE = SWEEP.replace(b"  trials: ", b"  trials: about ")


@pytest.mark.parametrize("first_format", [False, True])
@pytest.mark.parametrize("damage", ["none", "a part"])
def test_settings_that_cannot_be_read_are_told_and_no_repair_is_claimed(
    folder: ResultsFolder, first_format: bool, damage: str
) -> None:
    whole(folder)
    commit_text(folder, UNREADABLE)
    if first_format:
        as_first_format(folder)
    if damage == "a part":
        flipped(folder, second(folder, "steps"))
    for repairing in (False, True):
        sound, lines = check(folder, repairing)
        assert not sound
        (said,) = [line for line in lines if "search.trials" in line]
        assert said.startswith(folder.reading.path("sweep.yaml"))
        assert "without its settings the sweep cannot go on" in "\n".join(lines)
        assert "ratchet resume" not in "\n".join(lines)
    assert read(folder, "sweep.yaml") == UNREADABLE
    assert len(load(folder).trials) == (6 if damage == "none" else 0 if first_format else 4)


def test_a_sweep_without_its_settings_is_not_called_whole(folder: ResultsFolder) -> None:
    whole(folder)
    as_first_format(folder)
    folder.remove(["sweep.yaml"])
    sound, lines = check(folder)
    assert not sound and lines[0] == f"{folder.reading.path('sweep.yaml')}: missing"


def test_what_was_never_written_by_the_sweep_is_set_aside(tmp_path: Path) -> None:
    folder = LocalFolder(tmp_path / "tiny")
    whole(folder)
    before = rows_of(folder)
    (folder.path / "trials" / "part-000001-copy.parquet").write_bytes(b"x")
    assert not check(folder)[0]
    assert check(folder, repairing=True)[0]
    after = rows_of(folder)
    assert {name: data for name, data in after.items() if "set-aside" not in name} == before


def test_a_sweep_of_the_first_format_is_checked_as_far_as_that_goes(folder: ResultsFolder) -> None:
    whole(folder)
    as_first_format(folder)
    sound, lines = check(folder)
    assert sound and "written before there were digests" in lines[1]
    flipped(folder, second(folder, "steps"))
    assert not check(folder)[0]
    assert check(folder, repairing=True)[0]
    assert load(folder).trials.empty, "nobody knows how many steps the others had"


def test_a_repair_of_what_is_whole_changes_nothing(folder: ResultsFolder) -> None:
    whole(folder)
    before = content(folder)
    assert check(folder, repairing=True)[0]
    assert content(folder) == before
