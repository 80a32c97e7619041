"""Blobs in a folder: whole or not at all, one creator each, the least used evicted first."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from greedy_core.blobs import LEASES, FolderBlobs


def files(folder: Path) -> set[str]:
    return {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}


def test_only_the_first_creates(tmp_path: Path) -> None:
    blobs = FolderBlobs(tmp_path, 1000)
    assert blobs.create("a/b", b"first")
    assert not blobs.create("a/b", b"second")
    assert blobs.read("a/b") == b"first"
    assert files(tmp_path) == {"a/b"}, "nothing temporary is left"


def test_replace_and_remove_do_not_mind_what_was_there(tmp_path: Path) -> None:
    blobs = FolderBlobs(tmp_path, 1000)
    for content in (b"one", b"two"):
        blobs.replace("x", content)
        assert blobs.read("x") == content
    for _ in range(2):
        blobs.remove("x")
        assert blobs.read("x") is None


def test_a_tiny_budget_holds_and_keeps_what_is_used(tmp_path: Path) -> None:
    blobs = FolderBlobs(tmp_path, limit_bytes=1000)
    for number in range(50):
        assert blobs.create(f"blob/{number:02d}", bytes(100))
        os.utime(tmp_path / f"blob/{number:02d}", (number + 1, number + 1))
        assert blobs.read("blob/00") is not None, "in constant use"
        held = sum(p.stat().st_size for p in tmp_path.rglob("*") if p.is_file())
        assert held <= 1000
    assert "blob/01" not in files(tmp_path)


def test_leases_are_never_evicted(tmp_path: Path) -> None:
    blobs = FolderBlobs(tmp_path, limit_bytes=300)
    blobs.create(f"{LEASES}/key", b"holder")
    os.utime(tmp_path / LEASES / "key", (1, 1))
    for number in range(10):
        blobs.create(f"blob/{number}", bytes(100))
    assert f"{LEASES}/key" in files(tmp_path)


def test_a_place_that_cannot_be_written_raises(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match=r"File exists|Not a directory"):
        FolderBlobs(tmp_path / "file", 1000).create("a", b"")
