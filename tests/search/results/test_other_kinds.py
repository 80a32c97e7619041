"""What is no plain file in a sweep's folder is named and set aside, and never opened."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import analysis
from analysis.tables.folder import SweepFolder
from search.cli.exit_status import DAMAGED, WRONG_INPUT, status_of
from search.results.parts import LocalFolder
from search.results.progress import last_said
from search.sweep.file_reader import read_sweep_file
from search.sweep.status import read_status
from search.sweep.valid import read_valid
from tests.search.results.files import load, newest
from tests.search.results.test_inspection import SWEEP, check, second, whole

pytestmark = pytest.mark.timeout(60)

KINDS: list[Callable[[Path], None]] = [os.mkfifo, Path.mkdir]
SAYS_SCHEMA_3 = SWEEP.replace(b"versions:\n", b"versions:\n  schema: '3'\n")


@pytest.fixture
def sweep(tmp_path: Path) -> LocalFolder:
    folder = LocalFolder(tmp_path / "tiny")
    whole(folder)
    return folder


def put_in_place(path: Path, kind: Callable[[Path], None]) -> None:
    path.unlink(missing_ok=True)
    kind(path)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("table", ["trials", "steps", "confirm", "proposals"])
def test_in_place_of_a_part(sweep: LocalFolder, table: str, kind: Callable[[Path], None]) -> None:
    name = second(sweep, table)
    put_in_place(sweep.path / name, kind)
    with pytest.raises(analysis.ResultsError, match=f"{name}: cannot be read: it must be a file"):
        load(sweep)
    sound, lines = check(sweep)
    assert not sound and name in lines[0]
    assert check(sweep, repairing=True)[0]
    assert check(sweep)[0]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["000000099.json", "000000001.json"])
def test_beside_the_commit(sweep: LocalFolder, name: str, kind: Callable[[Path], None]) -> None:
    kind(sweep.path / "commits" / name)
    if name == "000000099.json":
        with pytest.raises(analysis.ResultsError, match=f"{name}: cannot be read"):
            load(sweep)
    sound, lines = check(sweep)
    assert not sound and name in lines[0]
    assert "6 trials are whole; 2 confirmed walks are whole; 20 parts are as" in lines[1]
    assert check(sweep, repairing=True)[0]
    assert check(sweep)[0]
    assert newest(sweep).unchecked == () and len(load(sweep).trials) == 6


@pytest.mark.parametrize("kind", KINDS)
def test_in_place_of_the_commit(sweep: LocalFolder, kind: Callable[[Path], None]) -> None:
    put_in_place(sweep.path / "commits" / newest(sweep).name, kind)
    assert not check(sweep)[0]
    assert check(sweep, repairing=True)[0]
    assert check(sweep)[0] and len(load(sweep).trials) == 6


@pytest.mark.parametrize("kind", KINDS)
def test_under_a_hidden_name(sweep: LocalFolder, kind: Callable[[Path], None]) -> None:
    kind(sweep.path / "steps" / ".part-000099-01234567.parquet")
    assert not check(sweep)[0]
    assert check(sweep, repairing=True)[0]
    assert check(sweep)[0]


@pytest.mark.parametrize("kind", KINDS)
def test_in_place_of_sweep_yaml(sweep: LocalFolder, kind: Callable[[Path], None]) -> None:
    put_in_place(sweep.path / "sweep.yaml", kind)
    with pytest.raises(analysis.ResultsError, match=r"sweep\.yaml: cannot be read: it must be"):
        read_valid(str(sweep.path))
    assert not check(sweep)[0]
    assert check(sweep, repairing=True)[0]
    assert read_valid(str(sweep.path)).config["sweep_id"] == "a1"


@pytest.mark.parametrize("kind", KINDS)
def test_in_place_of_progress(sweep: LocalFolder, kind: Callable[[Path], None]) -> None:
    kind(sweep.path / "progress.json")
    assert last_said(sweep.reading) == {}
    read_valid(str(sweep.path))


@pytest.mark.parametrize("name", ["commits", "steps", "trials", "confirm"])
@pytest.mark.parametrize("kind", [os.mkfifo, Path.touch])
def test_in_place_of_a_folder(sweep: LocalFolder, name: str, kind: Callable[[Path], None]) -> None:
    shutil.rmtree(sweep.path / name)
    kind(sweep.path / name)
    with pytest.raises(analysis.ResultsError, match=name):
        load(sweep)
    sound, lines = check(sweep)
    assert not sound and lines[0] == f"{sweep.path / name}: must be a folder"
    assert check(sweep, repairing=True)[0]
    assert check(sweep)[0]
    assert len(load(sweep).trials) == {"commits": 6, "confirm": 6}.get(name, 0)


def test_a_sweep_that_has_lost_everything_is_damaged(sweep: LocalFolder) -> None:
    for name in os.listdir(sweep.path):
        if name != "sweep.yaml":
            shutil.rmtree(sweep.path / name)
    sweep.put("sweep.yaml", SAYS_SCHEMA_3)
    with pytest.raises(analysis.ResultsError, match="the commit is missing"):
        load(sweep)
    sound, lines = check(sweep)
    assert not sound and "the commit is missing" in lines[0]
    assert check(sweep, repairing=True)[0]
    assert load(sweep).trials.empty


def test_tables_without_a_file_are_no_sweep(tmp_path: Path) -> None:
    for name in ("commits", "trials", "steps"):
        (tmp_path / name).mkdir()
    with pytest.raises(analysis.SweepNotFound, match="no sweep there"):
        analysis.load(tmp_path)
    folder = LocalFolder(tmp_path)
    folder.discard_if_empty()
    assert not tmp_path.exists()


@pytest.mark.parametrize("read", [analysis.load, read_valid, read_sweep_file, read_status])
def test_where_no_sweep_is_the_input_is_wrong(tmp_path: Path, read: Callable[[str], None]) -> None:
    (tmp_path / "file").touch()
    for name in ("file", "missing", "file/below"):
        with pytest.raises(analysis.SweepNotFound, match="no sweep there") as caught:
            read(str(tmp_path / name))
        assert len(caught.value.faults) == 1
        assert status_of(caught.value) == WRONG_INPUT
    assert status_of(analysis.ResultsError("damaged")) == DAMAGED


def test_a_lost_commit_takes_the_digests_with_it(sweep: LocalFolder) -> None:
    shutil.rmtree(sweep.path / "commits")
    said = " ".join(check(sweep)[1])
    assert "their digests are lost" in said and "before there were digests" not in said
    assert "of 6 trials nobody knows whether the shared weights" in said


@pytest.mark.parametrize("table, command", [("confirm", "confirm"), ("trials", "resume")])
def test_the_way_on_runs_again_what_was_lost(sweep: LocalFolder, table: str, command: str) -> None:
    sweep.remove([second(sweep, table)])
    _, lines = check(sweep, repairing=True)
    ways = [line for line in lines if line.startswith("repaired")]
    assert len(ways) == 1 and f"ratchet {command} " in ways[0]


def test_a_folder_reads_as_before(sweep: LocalFolder) -> None:
    link = sweep.path.with_name("link.yaml")
    (sweep.path / "sweep.yaml").rename(link)
    (sweep.path / "sweep.yaml").symlink_to(link)
    assert SweepFolder.at(sweep.path).text("sweep.yaml") == link.read_text()
