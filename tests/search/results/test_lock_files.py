"""The lock's files in a folder: whatever lies under their names, nothing outside is touched."""

from __future__ import annotations

import errno
import itertools
import os
import secrets
import shutil
import socket
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from analysis.errors import StorageError
from search.errors import LockLost, SweepLocked
from search.results.claim import LOCK
from search.results.lock import SweepLock
from search.results.parts import LocalFolder
from tests.search.results.files import content, recover
from tests.search.results.locking import ELSEWHERE, Time, leave_lock

SUCCESSION = ".lock.json.0123456789abcdef.0.tmp"
"""What whoever replaces the lock of `leave_lock` makes first."""


@pytest.fixture
def folder(tmp_path: Path) -> LocalFolder:
    found = LocalFolder(tmp_path / "sweep")
    found.create()
    return found


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    """A file outside of the folder, which nobody may touch."""
    path = tmp_path / "victim"
    path.write_bytes(b"precious")
    return path


def a_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        here = os.open(path.parent, os.O_RDONLY)
        listening.bind(f"/proc/self/fd/{here}/{path.name}")  # whose paths may not be long
        os.close(here)


ODD: list[tuple[str, Callable[[Path], object]]] = [
    ("a symbolic link", lambda path: path.symlink_to(path.parent / "nowhere")),
    ("a symbolic link", lambda path: path.symlink_to(path)),
    ("a symbolic link", lambda path: path.symlink_to(path.parent.parent / "victim")),
    ("a symbolic link", lambda path: path.symlink_to("/dev/zero")),
    ("a folder", lambda path: path.mkdir()),
    ("a pipe", lambda path: os.mkfifo(path)),
    ("a socket", a_socket),
    pytest.param(  # type: ignore[list-item]
        "a device",
        lambda path: os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 5)),
        marks=pytest.mark.skipif(os.geteuid() != 0, reason="only root makes devices"),
    ),
]


@pytest.mark.parametrize(("kind", "make"), ODD)
@pytest.mark.parametrize("name", [LOCK, SUCCESSION])
@pytest.mark.timeout(60)
def test_what_is_no_file_is_refused_with_one_line(
    folder: LocalFolder, victim: Path, kind: str, make: Callable[[Path], object], name: str
) -> None:
    if name != LOCK:
        leave_lock(folder)
    make(folder.path / name)
    before = sorted(os.listdir(folder.path))
    with pytest.raises(StorageError) as caught:
        Time().lock(folder)
    assert str(caught.value) == (
        f"{folder.path / name}: must be a plain file, but is {kind}; "
        "remove it once nobody works on the sweep"
    )
    assert (victim.read_bytes(), sorted(os.listdir(folder.path))) == (b"precious", before)


def test_a_lock_that_is_a_second_name_of_another_file_is_replaced_and_the_file_stays(
    folder: LocalFolder, victim: Path
) -> None:
    os.link(victim, folder.path / LOCK)
    with Time(victim.stat().st_mtime + 100).lock(folder) as lock:
        lock.beat()
        assert (victim.read_bytes(), victim.stat().st_nlink) == (b"precious", 1)
    assert (victim.read_bytes(), os.listdir(folder.path)) == (b"precious", [])


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_lock_that_may_not_be_read_is_refused(folder: LocalFolder) -> None:
    leave_lock(folder)
    (folder.path / LOCK).chmod(0)
    with pytest.raises(StorageError, match="Permission denied"):
        Time().lock(folder)


def test_names_of_temporary_files_cannot_be_planted(
    folder: LocalFolder, victim: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = itertools.chain(["lock", "known"], map(str, itertools.count()))
    monkeypatch.setattr(secrets, "token_hex", lambda length: next(drawn))
    planted = folder.path / ".lock.json.known.tmp"
    planted.symlink_to(victim)
    SweepLock(folder).release()
    assert victim.read_bytes() == b"precious"


def equal_content(path: Path) -> None:
    shutil.copy(path, path.with_name("copy"))
    path.with_name("copy").rename(path)


def unreadable(path: Path) -> None:
    equal_content(path)
    path.chmod(0)


def other_kind(path: Path) -> None:
    path.unlink()
    path.mkdir()


def link_to_itself(path: Path) -> None:
    path.rename(path.with_name("moved"))
    path.symlink_to("moved")


@pytest.mark.parametrize("replace", [equal_content, unreadable, other_kind, link_to_itself])
def test_a_lock_that_was_replaced_is_not_ours_whatever_it_says(
    folder: LocalFolder, replace: Callable[[Path], object]
) -> None:
    lock = SweepLock(folder)
    replace(folder.path / LOCK)
    assert not lock.held
    with pytest.raises(LockLost):
        lock.check()
    lock.release()
    assert os.path.lexists(folder.path / LOCK), "another's is not deleted"


@pytest.mark.parametrize("call", ["replace", "link"])
def test_a_taker_that_fails_leaves_the_lock_as_it_was_and_no_other_file(
    folder: LocalFolder, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    leave_lock(folder)
    before = content(folder)

    def full(*given: object, **named: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, call, full)
    with pytest.raises(StorageError, match="No space left on device"):
        SweepLock(folder)
    assert content(folder) == before


@pytest.mark.parametrize("code", [errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS])
def test_a_file_system_without_hard_links_will_do(
    folder: LocalFolder, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def refused(*given: object, **named: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "link", refused)
    leave_lock(folder)
    with SweepLock(folder) as lock:
        assert lock.held
        with pytest.raises(SweepLocked):
            SweepLock(folder)
        assert os.listdir(folder.path) == [LOCK]
    assert os.listdir(folder.path) == []


def test_a_link_whose_answer_got_lost_is_known_as_ours(
    folder: LocalFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = os.link

    def repeated(*given: object, **named: object) -> None:
        link(*given, **named)  # type: ignore[arg-type]
        link(*given, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "link", repeated)
    with SweepLock(folder) as lock:
        assert lock.held


def test_what_takers_left_that_were_killed_is_removed(folder: LocalFolder) -> None:
    leave_lock(folder)
    shutil.copy(folder.path / LOCK, folder.path / SUCCESSION)
    (folder.path / ".lock.json.fedcba9876543210.tmp").touch()
    with SweepLock(folder):
        assert os.listdir(folder.path) == [LOCK]
    (folder.path / ".lock.json.fedcba9876543210.tmp").touch()
    recover(folder)
    assert not [name for name in os.listdir(folder.path) if "lock" in name]


def test_a_living_taker_keeps_others_out(folder: LocalFolder) -> None:
    leave_lock(folder)
    here = Time()
    shutil.copy(folder.path / LOCK, folder.path / "moved")
    leave_lock(folder, **ELSEWHERE)
    (folder.path / LOCK).rename(folder.path / SUCCESSION)
    (folder.path / "moved").rename(folder.path / LOCK)
    with pytest.raises(SweepLocked, match="on node3"):
        here.lock(folder)
    here.now += 60  # it hangs, and counts as dead from then on
    with here.lock(folder) as lock:
        assert lock.held
        assert os.listdir(folder.path) == [LOCK]


def test_a_driver_that_is_being_replaced_leaves_its_lock_to_the_taker(folder: LocalFolder) -> None:
    lock = SweepLock(folder)
    (right,) = [folder.path / f".lock.json.{lock._token}.0.tmp"]
    right.touch()
    lock.release()
    assert (folder.path / LOCK).exists()


def test_a_lock_that_is_replaced_while_it_is_released_stays(
    folder: LocalFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow, replace = SweepLock(folder), os.replace
    taken: list[SweepLock] = []

    def held_up(*given: object) -> None:
        monkeypatch.setattr(os, "replace", replace)
        (folder.path / LOCK).unlink()
        taken.append(SweepLock(folder))
        os.replace(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "replace", held_up)
    slow.release()
    assert taken[0].held
    taken[0].release()
    assert os.listdir(folder.path) == []
