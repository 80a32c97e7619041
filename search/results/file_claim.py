"""How a driver takes, renews and releases the lock file of a folder.

A free lock is taken by linking a whole file to its name, which succeeds for one driver only. The
right to replace or delete a lock that is there belongs to whoever has linked a file to the name of
its succession, made of its token. A driver that dies with that right leaves its file, and the next
one links to the name with the next number. So exclusion does not rest on the kernel's locks, which
not every network's file system has.

Where they are to be had, the holder keeps one on its file for life: another driver of the same
machine sees by it that the holder is alive, however long it has been stopped. Nobody waits for such
a lock: another machine may hang for ever while it holds one, and its file is then replaced by a new
one of that name. The heart beats into the open file, so a driver that slept cannot write into its
successor's.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import logging
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from analysis.tables.storage import system_error
from search.errors import SweepLocked
from search.results.claim import LOCK, TEMPORARY, Claim, Judge, Owner
from search.results.lock_file import created, leads_to, look, opened, present_owner

logger = logging.getLogger(__name__)


class FileClaim(Claim):
    """A lock file in a folder; see the module.

    Args:
        path: the lock's.
        owner: gives what the lock is to say, as of now.
        judge: asked about each lock that is in the way.

    Raises:
        SweepLocked: from the judge.
        StorageError: what lies under the name is no file.
        OSError: the system refuses.
    """

    def __init__(self, path: Path, owner: Callable[[], Owner], judge: Judge) -> None:
        self._path = path
        self._owner = owner
        self._judge = judge
        self._token = owner().token
        self._descriptor = self._acquire()
        self._tidy_up()

    def present(self) -> Owner | None:
        return present_owner(self._path)

    def held(self) -> bool:
        try:
            return leads_to(self._path, self._descriptor)
        except OSError as error:
            raise system_error(f"{self._path}: cannot be read", error) from error

    def beat(self) -> None:
        os.pwrite(self._descriptor, self._owner().to_json(), 0)
        os.fsync(self._descriptor)  # other machines see it only then

    def release(self) -> None:
        try:
            if leads_to(self._path, self._descriptor):
                self._delete()
        except OSError as error:
            # No harm: the process that it names is about to end, and with it the lock.
            logger.warning("%s: cannot be deleted: %s", self._path, error.strerror or error)
        finally:
            os.close(self._descriptor)

    def _acquire(self) -> int:
        while True:
            with contextlib.suppress(FileExistsError):
                return created(self._path, self._owner().to_json())
            present = opened(self._path)
            if present is None:
                continue  # released between the two lines above
            try:
                owner = look(present)
                if self._judge(owner) and (taken := self._replace(present, owner)) is not None:
                    return taken
            finally:
                os.close(present)

    def _replace(self, present: int, owner: Owner) -> int | None:
        """Put our own file in a stale lock's place; None: another driver did, or died doing it."""
        right = self._right_to(present, owner)
        if right is None:
            return None
        path, descriptor = right
        won = False
        try:
            if leads_to(self._path, present):
                # Gone if we were held up for so long that another one has taken the right.
                with contextlib.suppress(FileNotFoundError):
                    os.replace(path, self._path)
                won = leads_to(self._path, descriptor)
            return descriptor if won else None
        finally:
            if not won:
                os.close(descriptor)
                path.unlink(missing_ok=True)

    def _right_to(self, present: int, owner: Owner) -> tuple[Path, int] | None:
        """The right to replace a lock, as a file of ours; None: look at the lock again."""
        for number in itertools.count():
            path = self._succession(_key(present, owner), number)
            with contextlib.suppress(FileExistsError):
                return path, created(path, self._owner().to_json())
            other = opened(path)
            if other is None:
                return None  # it is in the lock's place by now
            try:
                # One driver may have left both, and neither is a beat of the other.
                if not self._judge(replace(look(other), token=f"{owner.token}.{number}")):
                    return None
            except SweepLocked:
                if leads_to(self._path, present):
                    raise
                return None  # late for this lock, as we were
            finally:
                os.close(other)
        raise AssertionError("itertools.count ends")

    def _delete(self) -> None:
        right = self._succession(self._token, 0)
        try:
            descriptor = created(right, self._owner().to_json())
        except FileExistsError:
            return  # another driver, to which we seemed dead, takes it over now
        try:
            # Moved first, and looked at then: it may have been replaced a moment ago.
            with contextlib.suppress(FileNotFoundError):
                os.replace(self._path, right)
                if not leads_to(right, self._descriptor):
                    os.link(right, self._path, follow_symlinks=False)
        finally:
            os.close(descriptor)
            right.unlink(missing_ok=True)

    def _succession(self, key: str, number: int) -> Path:
        return self._path.with_name(f".{LOCK}.{key}.{number}{TEMPORARY}")

    def _tidy_up(self) -> None:
        """Remove what drivers left that died taking a lock; one that lives notices, and repeats."""
        own = f".{LOCK}.{self._token}."
        with os.scandir(self._path.parent) as entries:
            left = [each.path for each in entries if each.name.startswith(f".{LOCK}.")]
        for path in left:
            if not os.path.basename(path).startswith(own):
                with contextlib.suppress(OSError):  # it is in nobody's way
                    os.unlink(path)


def _key(present: int, owner: Owner) -> str:
    """A lock's part in the name of its succession: the same for all who look at it."""
    if owner.token:
        return owner.token
    return hashlib.sha256(os.pread(present, 2**16, 0)).hexdigest()[:16]
