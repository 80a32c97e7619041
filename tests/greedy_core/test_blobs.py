"""Blobs in a folder: whole or not at all, one creator each, the least used evicted first."""

from __future__ import annotations

import os
import socket
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from greedy_core.store.blobs import LEASES, SECRET
from greedy_core.store.folder_blobs import FolderBlobs

BLOCK = 4096


def files(folder: Path) -> set[str]:
    return {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}


def test_only_the_first_creates(tmp_path: Path) -> None:
    blobs = FolderBlobs(tmp_path, 10 * BLOCK)
    assert blobs.create("a/b", b"first")
    assert not blobs.create("a/b", b"second")
    assert blobs.read("a/b") == b"first"
    assert files(tmp_path) == {"a/b"}, "nothing temporary is left"


def test_replace_and_remove_do_not_mind_what_was_there(tmp_path: Path) -> None:
    blobs = FolderBlobs(tmp_path, 10 * BLOCK)
    for content in (b"one", b"two"):
        blobs.replace("x", content)
        assert blobs.read("x") == content
    for _ in range(2):
        blobs.remove("x")
        assert blobs.read("x") is None


def test_a_tiny_budget_holds_and_keeps_what_is_used(tmp_path: Path) -> None:
    blobs = FolderBlobs(tmp_path, limit_bytes=10 * BLOCK)
    for number in range(50):
        assert blobs.create(f"blob/{number:02d}", bytes(BLOCK))
        os.utime(tmp_path / f"blob/{number:02d}", (number + 1, number + 1))
        assert blobs.read("blob/00") is not None, "in constant use"
        held = sum(p.stat().st_size for p in tmp_path.rglob("*") if p.is_file())
        assert held <= 10 * BLOCK
    assert "blob/01" not in files(tmp_path)


def test_small_files_count_with_the_room_that_they_take(tmp_path: Path) -> None:
    blobs = FolderBlobs(tmp_path, limit_bytes=10 * BLOCK)
    for number in range(50):
        assert blobs.create(f"blob/{number:02d}", b"few")
        taken = sum(p.stat().st_blocks * 512 for p in tmp_path.rglob("*") if p.is_file())
        assert BLOCK <= taken <= 10 * BLOCK


def test_what_a_killed_writer_left_is_removed_and_nothing_that_others_hide(tmp_path: Path) -> None:
    temporary = f".{{}}.{uuid.uuid4().hex}"
    hidden = {
        "old": tmp_path / "blob" / temporary.format("old"),
        "old lease": tmp_path / LEASES / temporary.format("key"),
        "new": tmp_path / "blob" / temporary.format("new"),
        "theirs": tmp_path / "blob" / ".nfs0001",
    }
    for name, path in hidden.items():
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"half")
        age = 60 if name == "new" else 3601
        os.utime(path, (time.time() - age,) * 2)
    FolderBlobs(tmp_path, limit_bytes=10 * BLOCK).create("blob/a", b"content")
    assert {name for name, path in hidden.items() if path.exists()} == {"new", "theirs"}


def test_leases_are_never_evicted(tmp_path: Path) -> None:
    blobs = FolderBlobs(tmp_path, limit_bytes=3 * BLOCK)
    blobs.create(f"{LEASES}/key", b"holder")
    os.utime(tmp_path / LEASES / "key", (1, 1))
    for number in range(10):
        blobs.create(f"blob/{number}", bytes(BLOCK))
    assert f"{LEASES}/key" in files(tmp_path)
    assert 1 < len(files(tmp_path)) <= 4


def test_a_place_that_cannot_be_written_raises(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match=r"File exists|Not a directory"):
        FolderBlobs(tmp_path / "file", 10 * BLOCK).create("a", b"")


def fifo(path: Path) -> None:
    os.mkfifo(path)


def link_to_a_file(path: Path) -> None:
    outside = path.parents[2] / "outside"
    outside.write_bytes(b"theirs")
    path.symlink_to(outside)


def dangling_link(path: Path) -> None:
    path.symlink_to(path.parents[2] / "outside")


def listening_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as each:
        each.bind(str(path))


INTRUDERS = [fifo, link_to_a_file, dangling_link, listening_socket, Path.mkdir]


@pytest.mark.timeout(20)
@pytest.mark.parametrize("intruder", INTRUDERS)
def test_what_is_no_file_is_never_opened_and_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, intruder: Callable[[Path], None]
) -> None:
    blobs, place = FolderBlobs(tmp_path / "store", 10 * BLOCK), tmp_path / "store" / "ab" / "key"
    place.parent.mkdir(parents=True)
    intruder(place)
    for _ in range(3):
        assert blobs.read("ab/key") is None
    assert caplog.text.count("ab/key in") == 1
    created = blobs.create("ab/key", b"ours")
    assert created == (intruder is not Path.mkdir), "a folder stays, with what may be in it"
    assert blobs.read("ab/key") == (b"ours" if created else None)
    outside = tmp_path / "outside"
    assert not outside.exists() or outside.read_bytes() == b"theirs"


@pytest.mark.timeout(20)
@pytest.mark.parametrize("intruder", [fifo, link_to_a_file, dangling_link])
def test_nothing_is_written_through_what_is_no_file(
    tmp_path: Path, intruder: Callable[[Path], None]
) -> None:
    blobs, place = FolderBlobs(tmp_path / "store", 10 * BLOCK), tmp_path / "store" / "ab" / "key"
    place.parent.mkdir(parents=True)
    intruder(place)
    assert not blobs.create("ab/key", b"ours")
    blobs.replace("ab/key", b"ours")
    assert place.is_file() and not place.is_symlink() and blobs.read("ab/key") == b"ours"
    outside = tmp_path / "outside"
    assert not outside.exists() or outside.read_bytes() == b"theirs"


def test_a_folder_of_the_store_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    blobs, outside = FolderBlobs(tmp_path / "store", 10 * BLOCK), tmp_path / "outside"
    outside.mkdir()
    (outside / "key").write_bytes(b"theirs")
    for folder in ("ab", LEASES):
        (tmp_path / "store").mkdir(exist_ok=True)
        (tmp_path / "store" / folder).symlink_to(outside)
        assert blobs.create(f"{folder}/key", b"ours")
        assert blobs.read(f"{folder}/key") == b"ours"
    assert (outside / "key").read_bytes() == b"theirs"
    assert files(outside) == {"key"}


def test_eviction_follows_no_link_and_removes_nothing_but_files(tmp_path: Path) -> None:
    store, outside = tmp_path / "store", tmp_path / "outside"
    for folder in (store / "ab", outside):
        folder.mkdir(parents=True)
    (outside / "old").write_bytes(bytes(50 * BLOCK))
    os.utime(outside / "old", (1, 1))
    (store / "ab" / "link").symlink_to(outside / "old")
    (store / "linked").symlink_to(outside)
    os.mkfifo(store / "ab" / "fifo")
    blobs = FolderBlobs(store, 5 * BLOCK)
    for number in range(20):
        blobs.create(f"ab/{number}", bytes(BLOCK))
    assert (outside / "old").exists()
    assert (store / "ab" / "link").is_symlink() and (store / "ab" / "fifo").is_fifo()


def test_the_secret_is_its_owners_and_stays(tmp_path: Path) -> None:
    blobs = FolderBlobs(tmp_path, 3 * BLOCK)
    assert blobs.create(SECRET, bytes(32))
    os.utime(tmp_path / SECRET, (1, 1))
    for number in range(10):
        blobs.create(f"ab/{number}", bytes(BLOCK))
    assert (tmp_path / SECRET).stat().st_mode & 0o777 == 0o600
