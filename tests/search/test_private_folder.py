"""Temporary folders: nobody else's, short enough for sockets, and gone with their process."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from search.cluster.private_folder import PREFIX, private_folder
from search.cluster.private_ray import LONGEST_FOLDER
from search.errors import NoTemporaryFolder
from tests.search.sweeps import ROOT


@pytest.fixture(autouse=True)
def place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Where folders are made."""
    monkeypatch.delenv("RAY_TMPDIR", raising=False)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return tmp_path


def test_nobody_else_can_look_into_it_and_it_goes_with_all_it_holds(place: Path) -> None:
    before = os.umask(0)
    try:
        with private_folder() as folder:
            (folder / "a").mkdir()
            (folder / "a" / "b").touch()
            assert folder.parent == place
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    finally:
        os.umask(before)
    assert list(place.iterdir()) == []


def test_it_goes_where_an_error_ends_what_is_inside(place: Path) -> None:
    with pytest.raises(ZeroDivisionError), private_folder():
        raise ZeroDivisionError
    assert list(place.iterdir()) == []


def test_the_next_one_removes_what_a_killed_process_left_and_nothing_else(place: Path) -> None:
    script = (
        "import os, signal\nfrom search.cluster.private_folder import private_folder\n"
        "with private_folder() as folder:\n"
        "    (folder / 'log').touch()\n    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    killed = subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=False)
    assert killed.returncode == -signal.SIGKILL
    (left,) = place.iterdir()
    (place / f"{PREFIX}file").touch()
    (place / f"{PREFIX}open").mkdir()
    (place / f"{PREFIX}open").chmod(0o755)
    (place / "elsewhere").mkdir(0o700)
    (place / f"{PREFIX}results").mkdir(0o700)  # somebody's own, private like ours
    (place / f"{PREFIX}results" / "sweep.yaml").touch()
    (place / f"{PREFIX}link").symlink_to("elsewhere")
    others = set(place.iterdir()) - {left}
    assert (place / f"{PREFIX}results") in others
    with private_folder() as alive:
        assert set(place.iterdir()) == {alive, *others}
        with private_folder() as second:
            assert set(place.iterdir()) == {alive, second, *others}
    assert (place / f"{PREFIX}results" / "sweep.yaml").exists()


def test_a_folder_that_is_taken_for_dead_before_it_is_locked_is_made_again(
    monkeypatch: pytest.MonkeyPatch, place: Path
) -> None:
    locking = fcntl.flock
    taken: list[Path] = []

    def late(lock: int, how: int) -> None:
        if not taken:
            taken.extend(place.iterdir())
            shutil.rmtree(taken[0])
        locking(lock, how)

    monkeypatch.setattr(fcntl, "flock", late)
    with private_folder() as folder:
        assert folder.is_dir()
        assert taken != [folder]


def test_a_place_whose_name_is_too_long_for_sockets_is_not_used_for_them(
    monkeypatch: pytest.MonkeyPatch, place: Path
) -> None:
    long = place / ("x" * 90)
    long.mkdir()
    monkeypatch.setenv("TMPDIR", str(long))
    with private_folder(LONGEST_FOLDER) as short, private_folder() as large:
        assert len(os.fsencode(short)) <= LONGEST_FOLDER
        assert large.parent == long


@pytest.mark.parametrize("name", ["a b", "a'b", "\udcff", "日本"])
def test_a_place_that_ray_cannot_name_is_not_used_for_it(
    monkeypatch: pytest.MonkeyPatch, place: Path, name: str
) -> None:
    (place / name).mkdir()
    monkeypatch.setenv("TMPDIR", str(place / name))
    with private_folder(200) as folder:
        assert folder.parent != place / name


def test_where_no_place_is_left_each_is_named_with_its_reason(
    monkeypatch: pytest.MonkeyPatch, place: Path
) -> None:
    (place / "file").touch()
    monkeypatch.setenv("TMPDIR", str(place / "file"))
    monkeypatch.setattr("search.cluster.private_folder.PLACES", (str(place / "none"),))
    with pytest.raises(NoTemporaryFolder) as caught, private_folder():
        pass
    assert str(caught.value) == (
        f"no folder for temporary files can be made: {place}/file: Not a directory; "
        f"{place}/none: No such file or directory"
    )
