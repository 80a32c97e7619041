"""The lock file of a sweep: what it says, and how a driver takes it on a POSIX file system.

Creating is exclusive. Whoever replaces or deletes a lock first holds the kernel's lock (flock) on
that very file and sees, holding it, that the name still leads to it; so of two that take over the
same stale lock, the second finds another file under the name. The heart beats into the open file,
not into the name: a driver that slept while its lock was taken cannot write into its successor's.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from analysis.storage import system_error
from search.results.process import ProcessName

logger = logging.getLogger(__name__)

LOCK = "lock.json"
TEMPORARY = ".tmp"
"""How the names of unfinished files end, beside a dot at the beginning; `recover` removes them."""


@dataclass(frozen=True)
class Owner:
    """What a lock file says."""

    process: ProcessName
    """The driver that may write."""
    heartbeat: float
    """Its last sign of life, in seconds since the epoch."""
    token: str = ""
    """Tells this lock from any other, of the same process too."""

    def to_json(self) -> bytes:
        # The heartbeat always has the same width, so that it can be overwritten in place.
        beat = f"{self.heartbeat:017.6f}"
        content = {**asdict(self.process), "token": self.token, "heartbeat": beat}
        return json.dumps(content, indent=1).encode()

    @classmethod
    def parse(cls, text: bytes, changed: float) -> Owner:
        """What a lock file says; one that says nothing counts from when it was last changed."""
        try:
            content: dict[str, Any] = json.loads(text)
            heartbeat, token = float(content.pop("heartbeat")), str(content.pop("token", ""))
            return cls(ProcessName(**content), heartbeat, token)
        except (ValueError, TypeError, KeyError, AttributeError):
            unknown = ProcessName(host="an unknown host", space="", pid=0, started="")
            return cls(unknown, changed)


class Claim(Protocol):
    """A lock that this driver has taken; others may take it over once it is stale."""

    def present(self) -> Owner | None:
        """Who holds the lock now; None if nobody does. StorageError if nobody can tell."""

    def held(self) -> bool:
        """Whether the lock is still ours, looked up now. StorageError if nobody can tell."""

    def beat(self) -> None:
        """Renew the heartbeat; of no effect on a lock that is not ours any more."""

    def release(self) -> None:
        """Delete the lock if it is still ours; the last call."""


class FileClaim(Claim):
    """A lock file in a folder; see the module."""

    def __init__(
        self, path: Path, owner: Callable[[], Owner], judge: Callable[[Owner], None]
    ) -> None:
        self._path = path
        self._owner = owner
        self._judge = judge
        self._descriptor = self._acquire()

    def present(self) -> Owner | None:
        with self._refusals():
            try:
                descriptor = os.open(self._path, os.O_RDONLY)
            except FileNotFoundError:
                return None
            try:
                return _read(descriptor)
            finally:
                os.close(descriptor)

    def held(self) -> bool:
        with self._refusals():
            return _leads_to(self._path, self._descriptor)

    def beat(self) -> None:
        os.pwrite(self._descriptor, self._owner().to_json(), 0)

    def release(self) -> None:
        try:
            with _exclusive(self._descriptor):
                if _leads_to(self._path, self._descriptor):
                    self._path.unlink()
        except OSError as error:
            # No harm: the process that it names is about to end, and with it the lock.
            logger.warning("%s: cannot be deleted: %s", self._path, error.strerror or error)
        finally:
            os.close(self._descriptor)

    def _acquire(self) -> int:
        while True:
            try:
                return self._create(self._path)
            except FileExistsError:
                try:
                    present = os.open(self._path, os.O_RDWR)
                except FileNotFoundError:
                    continue  # released between the two lines above
            try:
                if (taken := self._take(present)) is not None:
                    return taken
            finally:
                os.close(present)

    def _take(self, present: int) -> int | None:
        """Replace the lock file if it is stale; None if its name leads elsewhere by now."""
        with _exclusive(present):
            if not _leads_to(self._path, present):
                return None
            self._judge(_read(present))
            name = f".{LOCK}.{os.getpid()}.{threading.get_ident()}{TEMPORARY}"
            temporary = self._path.with_name(name)
            temporary.unlink(missing_ok=True)
            descriptor = self._create(temporary)
            try:
                os.replace(temporary, self._path)
            except BaseException:
                os.close(descriptor)
                temporary.unlink(missing_ok=True)
                raise
            return descriptor

    def _create(self, path: Path) -> int:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644)
        try:
            os.pwrite(descriptor, self._owner().to_json(), 0)
            os.fsync(descriptor)
        except BaseException:
            os.close(descriptor)
            path.unlink()
            raise
        return descriptor

    @contextmanager
    def _refusals(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise system_error(f"{self._path}: cannot be read", error) from error


def _read(descriptor: int) -> Owner:
    return Owner.parse(os.pread(descriptor, 2**16, 0), os.fstat(descriptor).st_mtime)


@contextmanager
def _exclusive(descriptor: int) -> Iterator[None]:
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(descriptor, fcntl.LOCK_UN)


def _leads_to(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False
