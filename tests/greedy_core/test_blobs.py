"""Blobs in a folder: whole or not at all, one creator each, the least used evicted first."""

from __future__ import annotations

import os
import time
import uuid
from pathlib import Path

import pytest

from greedy_core.blobs import LEASES, FolderBlobs

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
