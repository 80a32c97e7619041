"""Blobs as files of a folder that others may write to: only regular files of it are touched."""

from __future__ import annotations

import errno
import logging
import os
import re
import stat
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from greedy_core.store.blobs import KEEPSAKES, SECRET

logger = logging.getLogger(__name__)

_EVICTION_SHARE = 0.8
"""Eviction goes down to this share of the limit, so that it does not run for every file."""

_ABANDONED_SECONDS = 3600.0
"""Age at which a temporary file counts as left behind by a writer that was killed."""

_TEMPORARY = re.compile(r"\..+\.[0-9a-f]{32}")

_BLOCK = 4096
"""Bytes that even the smallest file takes on most disks."""

# A FIFO would make whoever opens it wait, a link would lead elsewhere.
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_WRITE_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC

_NOT_A_FILE = (errno.ELOOP, errno.ENXIO, errno.ENODEV, errno.EISDIR)
"""What opening a link, a socket or a device without a driver says."""


class FolderBlobs:
    """Blobs as files of a folder, at most `limit_bytes`, evicting the least recently used.

    What counts is the room that they take on the disk, which for small files is more than they
    hold.

    A file is written under a temporary name and linked to its own, which succeeds for one writer
    only, also on shared file systems. Links, FIFOs, devices and the like are not blobs: they are
    removed where they are met. The folder itself may be a link, folders in it may not.
    """

    def __init__(self, folder: Path, limit_bytes: int) -> None:
        self._folder = folder
        self._limit = limit_bytes
        self._room = 0.0  # what others wrote is unknown until the first look
        self._told: set[str] = set()

    def __str__(self) -> str:
        return str(self._folder)

    def read(self, name: str) -> bytes | None:
        """The file's content; reading counts as use."""
        try:
            with self._parent(name) as (parent, own):
                content = _content(parent, own)
                if content is not None:
                    _touch(parent, own)
        except FileNotFoundError:
            return None
        if content is None:
            self._remove_foreign(name)
        return content

    def create(self, name: str, content: bytes) -> bool:
        """Create the file, and make room if need be; False if it was there."""
        with self._parent(name, make=True) as (parent, own):
            temporary = _written(parent, own, content)
            try:
                os.link(temporary, own, src_dir_fd=parent, dst_dir_fd=parent, follow_symlinks=False)
            except FileExistsError:
                return False
            finally:
                _unlink(parent, temporary)
        self._room -= -(-len(content) // _BLOCK) * _BLOCK
        if self._room <= 0:
            self._make_room()
        return True

    def replace(self, name: str, content: bytes) -> None:
        """Create the file or exchange it, in one step."""
        with self._parent(name, make=True) as (parent, own):
            temporary = _written(parent, own, content)
            try:
                os.replace(temporary, own, src_dir_fd=parent, dst_dir_fd=parent)
            except OSError:
                _unlink(parent, temporary)
                raise

    def remove(self, name: str) -> None:
        """Remove the file, if it is there."""
        try:
            with self._parent(name) as (parent, own):
                _unlink(parent, own)
        except FileNotFoundError:
            return

    @contextmanager
    def _parent(self, name: str, make: bool = False) -> Iterator[tuple[int, str]]:
        """The open folder that a file lies in, reached through no link, and the file's own name."""
        *folders, own = name.split("/")
        if make:
            self._folder.mkdir(parents=True, exist_ok=True)
        opened = os.open(self._folder, _FOLDER & ~os.O_NOFOLLOW)
        try:
            for folder in folders:
                above, opened = opened, _open_folder(opened, folder, make)
                os.close(above)
            yield opened, own
        finally:
            os.close(opened)

    def _remove_foreign(self, name: str) -> None:
        """Remove whatever is not a file, except a folder and its contents; report it once."""
        if name not in self._told:
            self._told.add(name)
            logger.warning("state store: %s in %s is not a file; it is not read", name, self)
        try:
            self.remove(name)
        except (IsADirectoryError, PermissionError):
            return  # it stays, and so does the miss

    def _make_room(self) -> None:
        """If the folder is above its limit, remove the least recently used files to well below."""
        files = []
        for root, _, names, opened in os.fwalk(self._folder):
            inside = Path(root).relative_to(self._folder)
            kept = inside.parts[:1] and inside.parts[0] in KEEPSAKES
            for name in names:
                status = _remains(opened, name)
                if status is not None and not (kept or name in KEEPSAKES or name.startswith(".")):
                    files.append((status.st_mtime_ns, _taken(status), str(inside / name)))
        held = sum(size for _, size, _ in files)
        if held > self._limit:
            for _, size, name in sorted(files):
                self.remove(name)
                held -= size
                if held <= self._limit * _EVICTION_SHARE:
                    break
        # Others write meanwhile, so that the next look comes long before the room is used up.
        self._room = min(self._limit - held, self._limit * (1 - _EVICTION_SHARE))


def _open_folder(parent: int, name: str, make: bool) -> int:
    """Open a folder in another one; anything else that has its name is removed."""
    try:
        return os.open(name, _FOLDER, dir_fd=parent)
    except FileNotFoundError:
        if not make:
            raise
    except NotADirectoryError:
        logger.warning("state store: %s is not a folder; it is removed", name)
        _unlink(parent, name)
    with suppress(FileExistsError):
        os.mkdir(name, dir_fd=parent)
    return os.open(name, _FOLDER, dir_fd=parent)


def _content(parent: int, name: str) -> bytes | None:
    """What a file holds; None if it is not a regular file."""
    try:
        opened = os.open(name, _READ, dir_fd=parent)
    except OSError as error:
        if error.errno in _NOT_A_FILE:
            return None
        raise
    if not stat.S_ISREG(os.fstat(opened).st_mode):
        os.close(opened)
        return None
    with open(opened, "rb") as file:
        return file.read()


def _written(parent: int, name: str, content: bytes) -> str:
    """Write a temporary file beside a file; return its name. Only the owner can read a secret."""
    temporary = f".{name}.{uuid.uuid4().hex}"
    opened = os.open(temporary, _WRITE_NEW, 0o600 if name == SECRET else 0o666, dir_fd=parent)
    try:
        with open(opened, "wb") as file:
            file.write(content)
    except OSError:
        _unlink(parent, temporary)
        raise
    return temporary


def _unlink(parent: int, name: str) -> None:
    try:
        os.unlink(name, dir_fd=parent)
    except FileNotFoundError:
        return


def _touch(parent: int, name: str) -> None:
    """Note the use, for eviction."""
    try:
        os.utime(name, dir_fd=parent, follow_symlinks=False)
    except OSError:
        # Gone in the meantime, or a folder that others own: they evict by their own use.
        return


def _remains(parent: int, name: str) -> os.stat_result | None:
    """A file's status; None if it is not a regular file, or a killed writer's, which is removed."""
    try:
        status = os.stat(name, dir_fd=parent, follow_symlinks=False)
        if not stat.S_ISREG(status.st_mode):
            return None
        if _is_abandoned(name, status):
            _unlink(parent, name)
            return None
    except (FileNotFoundError, PermissionError):
        return None  # another process evicts as well, or it is another user's
    return status


def _taken(status: os.stat_result) -> int:
    """Bytes that a file takes on the disk; some disks only say so later, or never."""
    return max(status.st_size, status.st_blocks * 512)


def _is_abandoned(name: str, status: os.stat_result) -> bool:
    """Whether a hidden file is a temporary one whose writer was killed; others' files are not."""
    age = time.time() - status.st_mtime
    return _TEMPORARY.fullmatch(name) is not None and age > _ABANDONED_SECONDS
