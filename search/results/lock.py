"""One driver per sweep: lock.json names the driver that may write, and beats while it lives.

When another may take it over, see `staleness`. How it is taken so that only one of many gets it,
and how one that was taken over stays harmless, depends on where it lies: see `file_claim` and
`object_claim`.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from pyarrow import fs

from analysis.errors import ResultsError, StorageError
from analysis.tables.folder import SweepFolder
from greedy_core.process import this_process
from search.errors import LockLost
from search.results.claim import LOCK, Owner
from search.results.lock_file import present_owner
from search.results.parts import ResultsFolder
from search.results.staleness import Staleness

logger = logging.getLogger(__name__)

BEAT_SECONDS = 10.0


class SweepLock:
    """Keeps a second driver out of a sweep, from construction to `release`.

    Args:
        folder: the sweep's folder; it exists.
        wait: seconds to wait for another driver to end.
        clock: seconds since the epoch.
        steady: seconds from any origin, on a clock that nobody sets.
        pause: waits for so many seconds between two looks at another driver's lock.

    Raises:
        SweepLocked: another driver holds the lock.
        StorageError: the store cannot be used, or the lock is no file.
        SettingsError: `wait` is not a time.

    Example:
        >>> with SweepLock(folder) as lock:
        ...     log = SweepLog(folder, schemas, before_write=lock.check)
    """

    def __init__(
        self,
        folder: ResultsFolder,
        wait: float = 0.0,
        *,
        clock: Callable[[], float] = time.time,
        steady: Callable[[], float] = time.monotonic,
        pause: Callable[[float], object] = time.sleep,
    ) -> None:
        self._address = folder.reading.address
        self._clock = clock
        self._process = this_process()
        self._token = secrets.token_hex(8)
        self._heartbeat = clock()
        judge = Staleness(self._address, wait, clock=clock, steady=steady, pause=pause)
        self._claim = folder.claim(self._owner, judge)
        self._stopped = threading.Event()
        self._heart = threading.Thread(target=self._beat, name="sweep-lock", daemon=True)
        self._heart.start()

    @property
    def heartbeat(self) -> float:
        """When the heart last beat, in seconds since the epoch."""
        return self._heartbeat

    @property
    def held(self) -> bool:
        """Whether the lock is still ours, looked up at the moment of asking."""
        return not self._stopped.is_set() and self._claim.held()

    def check(self) -> None:
        """Raise `LockLost` if somebody else has taken the lock; call before writing."""
        if not self.held:
            raise LockLost(self._address, self._taker())

    def beat(self) -> None:
        """Let the heart beat now."""
        self._claim.beat()
        self._heartbeat = self._clock()

    def release(self) -> None:
        """Delete the lock file if it is still ours."""
        if self._stopped.is_set():
            return
        self._stopped.set()
        self._heart.join()
        try:
            self._claim.release()
        except StorageError as error:
            # No harm: its heart has stopped, so that others may take it over before long.
            logger.warning("the sweep's lock could not be deleted: %s", error)

    def __enter__(self) -> SweepLock:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Release the lock; an error that another driver has caused gives way to `LockLost`."""
        try:
            if isinstance(error, StorageError | ResultsError | OSError):
                self._blame_taker(error)
        finally:
            self.release()

    def _blame_taker(self, error: BaseException) -> None:
        try:
            held = self.held
        except StorageError:
            return  # nobody can tell
        if not held:
            raise LockLost(self._address, self._taker()) from error

    def _owner(self) -> Owner:
        return Owner(self._process, self._clock(), self._token)

    def _taker(self) -> str | None:
        """Who has taken the lock, for people; None if it was deleted."""
        try:
            taker = self._claim.present()
        except StorageError:
            return "something that cannot be read"  # and that is not ours, which is what counts
        return None if taker is None else str(taker.process)

    def _beat(self) -> None:
        missed = False
        while not self._stopped.wait(BEAT_SECONDS):
            try:
                if not self._claim.held():
                    return
                self.beat()
                missed = False
            except (OSError, StorageError) as error:
                # Not fatal by itself: if it lasts, the lock goes stale and `held` turns false.
                if not missed:
                    logger.warning("the sweep's lock could not be renewed: %s", error)
                missed = True


def lock_owner(folder: SweepFolder) -> Owner | None:
    """Who has a sweep's lock, without taking it; None if nobody has.

    Raises:
        StorageError: the store cannot be used, or the lock is no file.
    """
    if isinstance(folder.files, fs.LocalFileSystem):
        return present_owner(Path(folder.root) / LOCK)
    text = folder.text(LOCK)
    return None if text is None else Owner.parse(text.encode(), changed=0.0)
