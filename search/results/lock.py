"""One driver per sweep: lock.json names the driver that may write, and beats while it lives.

A lock is stale when its heart has not beaten for 60 s, or when its process is known to be gone.
The clocks of the hosts have to agree to within that time.

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
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from search.errors import LockLost, SweepLocked
from search.results.process import ProcessName, this_process

logger = logging.getLogger(__name__)

LOCK = "lock.json"
BEAT_SECONDS = 10.0
STALE_SECONDS = 60.0


@dataclass(frozen=True)
class Owner:
    """What a lock file says."""

    process: ProcessName
    heartbeat: float

    def to_json(self) -> bytes:
        # The heartbeat always has the same width, so that it can be overwritten in place.
        content = {**asdict(self.process), "heartbeat": f"{self.heartbeat:017.6f}"}
        return json.dumps(content, indent=1).encode()

    @classmethod
    def read(cls, descriptor: int) -> Owner:
        """What an open lock file says; one that is not yet written counts from its creation."""
        try:
            content: dict[str, Any] = json.loads(os.pread(descriptor, 2**16, 0))
            heartbeat = float(content.pop("heartbeat"))
            return cls(ProcessName(**content), heartbeat)
        except (ValueError, TypeError, KeyError, AttributeError):
            unknown = ProcessName(host="an unknown host", space="", pid=0, started="")
            return cls(unknown, os.fstat(descriptor).st_mtime)


class SweepLock:
    """Keeps a second driver out of a sweep, from construction to `release`.

    Args:
        folder: the sweep's folder; it exists.
        clock: seconds since the epoch.
        on_lost: called once when somebody else has taken the lock, in the heart's thread; it may
            set a flag, but not release.

    Raises:
        SweepLocked: another driver holds the lock.

    Example:
        >>> with SweepLock(folder) as lock:
        ...     log = SweepLog(LocalFolder(folder), schemas, before_write=lock.check)
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        clock: Callable[[], float] = time.time,
        on_lost: Callable[[], None] = lambda: None,
    ) -> None:
        self._path = Path(folder) / LOCK
        self._clock = clock
        self._on_lost = on_lost
        self._process = this_process()
        self._descriptor = self._acquire()
        self._stopped = threading.Event()
        self._heart = threading.Thread(target=self._beat, name="sweep-lock", daemon=True)
        self._heart.start()

    @property
    def heartbeat(self) -> float:
        """When the heart last beat, in seconds since the epoch."""
        return Owner.read(self._descriptor).heartbeat

    @property
    def held(self) -> bool:
        """Whether the lock is still ours, looked up at the moment of asking."""
        return not self._stopped.is_set() and _leads_to(self._path, self._descriptor)

    def check(self) -> None:
        """Raise `LockLost` if somebody else has taken the lock; call before writing."""
        if not self.held:
            raise LockLost(str(self._path.parent), _taker(self._path))

    def beat(self) -> None:
        """Let the heart beat now."""
        content = Owner(self._process, self._clock()).to_json()
        os.pwrite(self._descriptor, content, 0)

    def release(self) -> None:
        """Delete the lock file if it is still ours."""
        if self._stopped.is_set():
            return
        self._stopped.set()
        self._heart.join()
        with _exclusive(self._descriptor):
            if _leads_to(self._path, self._descriptor):
                self._path.unlink()
        os.close(self._descriptor)

    def __enter__(self) -> SweepLock:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()

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
            owner, now = Owner.read(present), self._clock()
            if now - owner.heartbeat < STALE_SECONDS and not owner.process.is_gone:
                age = max(now - owner.heartbeat, 0.0)
                process = owner.process
                raise SweepLocked(str(self._path.parent), process.host, process.pid, age)
            logger.warning("taking over the lock of process %d", owner.process.pid)
            temporary = self._path.with_name(f".{LOCK}.{os.getpid()}.{threading.get_ident()}")
            temporary.unlink(missing_ok=True)
            descriptor = self._create(temporary)
            os.replace(temporary, self._path)
            return descriptor

    def _create(self, path: Path) -> int:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644)
        try:
            os.pwrite(descriptor, Owner(self._process, self._clock()).to_json(), 0)
            os.fsync(descriptor)
        except BaseException:
            os.close(descriptor)
            path.unlink()
            raise
        return descriptor

    def _beat(self) -> None:
        while not self._stopped.wait(BEAT_SECONDS):
            try:
                if not _leads_to(self._path, self._descriptor):
                    self._on_lost()
                    return
                self.beat()
            except OSError as error:
                # Not fatal by itself: if it lasts, the lock goes stale and `held` turns false.
                logger.warning("the sweep's lock could not be renewed: %s", error)


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


def _taker(path: Path) -> str | None:
    """Who holds the lock now; None if there is none."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        process = Owner.read(descriptor).process
        return f"process {process.pid} on {process.host}"
    finally:
        os.close(descriptor)
