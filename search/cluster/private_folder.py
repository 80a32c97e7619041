"""Temporary folders that nobody else can look into, and that are gone when their process is.

A process that is killed leaves its folder. It also lets go of its lock on it, which the kernel
knows, so that the next one can tell what is dead and removes that.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import shutil
import socket
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from search.errors import NoTemporaryFolder

PREFIX = "ratchet-"
MARK = ".private-folder"
"""A file in each of them; a folder without it is somebody else's, whatever its name begins with."""
VARIABLES = ("RAY_TMPDIR", "TMPDIR")
PLACES = ("/tmp", "/var/tmp")
LEAST_ROOM = 2**24
"""Free bytes that Ray needs to start at all; with fewer it takes a minute to notice."""

_PLAIN = re.compile(r"[\w/.,:+@%-]+", re.ASCII)
"""Names that Ray can take, which writes them into command lines."""


@contextmanager
def private_folder(longest: int | None = None) -> Iterator[Path]:
    """Make a folder that exists inside only; folders of dead processes are removed on the way.

    Args:
        longest: bytes that its path may have, for sockets; None where there will be none.

    Raises:
        NoTemporaryFolder: if it can be made nowhere.
    """
    path, lock = _made(longest)
    try:
        yield path
    finally:
        # Processes that are still ending may write there; the next process removes what they leave.
        shutil.rmtree(path, ignore_errors=True)
        os.close(lock)


def _made(longest: int | None) -> tuple[Path, int]:
    tried = []
    for place in _places():
        try:
            _check(place, longest)
            _remove_dead(place)
            path, lock = _locked(place)
        except OSError as error:
            tried.append(f"{place}: {error.strerror or error}")
            continue
        try:
            if longest is not None:
                _require_sockets(path)
            return path, lock
        except OSError as error:
            tried.append(f"{place}: no sockets: {error.strerror or error}")
            shutil.rmtree(path, ignore_errors=True)
            os.close(lock)
    raise NoTemporaryFolder(tried)


def _places() -> list[str]:
    """Where to try, the user's own wish first."""
    wishes = [os.environ[name] for name in VARIABLES if os.environ.get(name)]
    return list(dict.fromkeys(os.path.abspath(place) for place in (*wishes, *PLACES)))


def _check(place: str, longest: int | None) -> None:
    if longest is None:
        return
    if len(place) + len(f"/{PREFIX}12345678") > longest:
        raise OSError("its name is too long for the sockets in it")
    room = os.statvfs(place)
    if room.f_bavail * room.f_frsize < LEAST_ROOM:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    if not _PLAIN.fullmatch(place):
        raise OSError("its name has characters that Ray cannot take")


def _locked(place: str) -> tuple[Path, int]:
    """A new folder and the lock on it."""
    while True:
        path = tempfile.mkdtemp(prefix=PREFIX, dir=place)
        # Until it is locked, somebody may take it for a dead process's.
        with suppress(FileNotFoundError):
            lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
            with suppress(OSError):  # where there are no locks, nobody will be able to remove it
                fcntl.flock(lock, fcntl.LOCK_EX)
            if os.fstat(lock).st_nlink:
                Path(path, MARK).touch()
                return Path(path), lock
            os.close(lock)


def _require_sockets(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(path / "s"))
    (path / "s").unlink()


def _remove_dead(place: str) -> None:
    """Remove our own user's folders that no process holds a lock on."""
    for path in Path(place).glob(f"{PREFIX}*"):
        try:
            lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except OSError:
            continue  # no folder, or somebody else's
        try:
            about = os.fstat(lock)
            own = about.st_uid == os.geteuid() and stat.S_IMODE(about.st_mode) == 0o700
            if own and (path / MARK).exists():
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(path, ignore_errors=True)
        except OSError:
            continue  # in use, or nobody can tell
        finally:
            os.close(lock)
