"""Named bytes in a place that processes and machines may share: what stores and leases rest on.

A blob appears whole or not at all, and under one name only one writer succeeds in creating it.
"""

from __future__ import annotations

import os
import re
import stat
import time
import uuid
from pathlib import Path
from typing import Protocol

_EVICTION_SHARE = 0.8
"""Eviction goes down to this share of the limit, so that it does not run for every file."""

_ABANDONED_SECONDS = 3600.0
"""Age at which a temporary file counts as left behind by a writer that was killed."""

_TEMPORARY = re.compile(r"\..+\.[0-9a-f]{32}")

_BLOCK = 4096
"""What a file takes at least on most disks, in bytes."""

LEASES = "leases"
"""First part of the names that are never evicted."""


class Blobs(Protocol):
    """Bytes by name; names are one or more plain parts between slashes.

    Every method raises OSError where the place refuses.
    """

    def read(self, name: str) -> bytes | None:
        """The blob's content, or None if it is absent."""
        ...

    def create(self, name: str, content: bytes) -> bool:
        """Create a blob; False, and nothing is written, if it is there already."""
        ...

    def replace(self, name: str, content: bytes) -> None:
        """Create a blob or give it another content."""
        ...

    def remove(self, name: str) -> None:
        """Remove a blob, if it is there."""
        ...


class FolderBlobs:
    """Blobs as files of a folder, at most `limit_bytes` of them, evicting the least used.

    What counts is the room that they take on the disk, which is more than they hold where they are
    small.

    A file is written under a temporary name and linked to its own, which succeeds for one writer
    only, also on shared file systems.
    """

    def __init__(self, folder: Path, limit_bytes: int) -> None:
        self._folder = folder
        self._limit = limit_bytes
        self._room = 0.0  # what others wrote is unknown until the first look

    def __str__(self) -> str:
        return str(self._folder)

    def read(self, name: str) -> bytes | None:
        """The file's content; reading counts as use."""
        path = self._folder / name
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return None
        self._touch(path)
        return content

    def create(self, name: str, content: bytes) -> bool:
        """Create the file, and make room if need be; False if it was there."""
        path = self._folder / name
        temporary = self._written(path, content)
        try:
            os.link(temporary, path)
        except FileExistsError:
            return False
        finally:
            temporary.unlink(missing_ok=True)
        self._room -= -(-len(content) // _BLOCK) * _BLOCK
        if self._room <= 0:
            self._make_room()
        return True

    def replace(self, name: str, content: bytes) -> None:
        """Create the file or exchange it, in one step."""
        path = self._folder / name
        os.replace(self._written(path, content), path)

    def remove(self, name: str) -> None:
        """Remove the file, if it is there."""
        (self._folder / name).unlink(missing_ok=True)

    def _written(self, path: Path, content: bytes) -> Path:
        """A temporary file beside the path with the content."""
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
        try:
            temporary.write_bytes(content)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise
        return temporary

    def _make_room(self) -> None:
        """Remove the least recently used files if the folder is above its limit, well below it."""
        files = []
        for path in self._folder.rglob("*"):
            hidden = path.name.startswith(".")
            if not hidden and path.relative_to(self._folder).parts[0] == LEASES:
                continue
            try:
                status = path.lstat()
                if hidden and _is_abandoned(path, status):
                    path.unlink(missing_ok=True)
            except (FileNotFoundError, PermissionError):
                continue  # another process evicts as well, or it is another user's
            if not hidden and stat.S_ISREG(status.st_mode):
                files.append((status.st_mtime_ns, _taken(status), path))
        held = sum(size for _, size, _ in files)
        if held > self._limit:
            for _, size, path in sorted(files):
                path.unlink(missing_ok=True)
                held -= size
                if held <= self._limit * _EVICTION_SHARE:
                    break
        # Others write meanwhile, so that the next look comes long before the room is used up.
        self._room = min(self._limit - held, self._limit * (1 - _EVICTION_SHARE))

    def _touch(self, path: Path) -> None:
        """Note the use, for eviction."""
        try:
            os.utime(path)
        except OSError:
            # Gone in the meantime, or a folder that others own: they evict by their own use.
            return


def _taken(status: os.stat_result) -> int:
    """Bytes that a file takes on the disk; some disks only say so later, or never."""
    return max(status.st_size, status.st_blocks * 512)


def _is_abandoned(path: Path, status: os.stat_result) -> bool:
    """Whether a hidden file is a temporary one whose writer was killed; others' files are not."""
    ours = stat.S_ISREG(status.st_mode) and _TEMPORARY.fullmatch(path.name) is not None
    return ours and time.time() - status.st_mtime > _ABANDONED_SECONDS
