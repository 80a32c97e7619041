"""The files that a lock in a folder is made of: plain ones, that appear whole, and locked.

Nothing here follows a link, waits for anybody, or writes into a file that somebody else has made.
"""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
import stat
from dataclasses import replace
from pathlib import Path

from analysis.errors import StorageError
from analysis.tables.storage import system_error
from search.results.claim import LOCK, TEMPORARY, Owner

_MOST_BYTES = 2**16
"""So much of a lock is read; a driver writes some two hundred bytes."""

_NO_LINKS = {errno.EPERM, errno.ENOSYS, errno.EOPNOTSUPP, errno.EMLINK, errno.EINVAL}
"""What file systems without hard links say to `link`."""

_KINDS = {
    stat.S_IFLNK: "a symbolic link",
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
}


def opened(path: Path) -> int | None:
    """A descriptor of a plain file for reading; None if nothing is there.

    Raises:
        StorageError: something else than a plain file is there.
        OSError: the system refuses.
    """
    try:
        _require_plain(path, path.lstat())  # opening alone may wake a device, or wait for a pipe
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY)
    except FileNotFoundError:
        return None
    try:
        _require_plain(path, os.fstat(descriptor))
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def look(descriptor: int) -> Owner:
    """What an open lock says, and whether this machine's kernel knows that it is held."""
    status = os.fstat(descriptor)
    owner = Owner.parse(os.pread(descriptor, _MOST_BYTES, 0), status.st_mtime)
    return replace(owner, held=owner.process.on_this_machine and _is_flocked(descriptor))


def present_owner(path: Path) -> Owner | None:
    """Who has the lock at a path; None if nobody has.

    Raises:
        StorageError: something else than a plain file is there, or it cannot be read.
    """
    try:
        descriptor = opened(path)
        if descriptor is None:
            return None
        try:
            return look(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise system_error(f"{path}: cannot be read", error) from error


def created(path: Path, content: bytes) -> int:
    """Make a file that appears whole, and locked where the kernel can; a descriptor of it.

    Raises:
        FileExistsError: the name is taken, by whatever.
        OSError: the system refuses.
    """
    while True:
        temporary = path.with_name(f".{LOCK}.{secrets.token_hex(8)}{TEMPORARY}")
        try:
            descriptor = _written(temporary, content)
        except FileExistsError:
            continue  # that says nothing of the path
        try:
            os.link(temporary, path, follow_symlinks=False)
            return descriptor
        except FileExistsError:
            if leads_to(path, descriptor):  # a network's answer got lost, and it was tried again
                return descriptor
            os.close(descriptor)
            raise
        except FileNotFoundError:
            os.close(descriptor)  # a driver that tidies up took it for a dead one's
        except OSError as error:
            os.close(descriptor)
            if error.errno not in _NO_LINKS:
                raise
            return _written(path, content)
        finally:
            temporary.unlink(missing_ok=True)


def leads_to(path: Path, descriptor: int) -> bool:
    """Whether a name is that of an open file, and no link to it."""
    try:
        return os.path.samestat(path.lstat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False
    except OSError as error:
        if error.errno == errno.ESTALE:  # another machine has deleted it
            return False
        raise


def _written(path: Path, content: bytes) -> int:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644)
    try:
        _flock(descriptor)  # first, so that whoever reads whose it is finds it locked
        os.pwrite(descriptor, content, 0)
        os.fsync(descriptor)
    except BaseException:
        os.close(descriptor)
        path.unlink(missing_ok=True)
        raise
    return descriptor


def _flock(descriptor: int) -> None:
    """Lock an own, new file for as long as it is open."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        # Not to be had on this file system: ENOLCK, ENOSYS, EOPNOTSUPP, and whatever FUSE says. Who
        # gets a lock does not depend on it, and its heartbeat shows that the driver lives.
        return


def _is_flocked(descriptor: int) -> bool:
    try:
        # Shared, since a network's file system wants a descriptor for writing otherwise.
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False  # not to be had; the heartbeat decides
    fcntl.flock(descriptor, fcntl.LOCK_UN)
    return False


def _require_plain(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        kind = _KINDS.get(stat.S_IFMT(status.st_mode), "a device")
        raise StorageError(
            f"{path}: must be a plain file, but is {kind}; remove it once nobody works on the sweep"
        )
