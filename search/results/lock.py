"""One driver per sweep: lock.json names the driver that may write, and beats while it lives.

A lock is stale when its heart has not beaten for 60 s, or when its process is known to be gone.
The clocks of the hosts have to agree to within that time. How a lock is taken so that only one of
many gets it, and how one that was taken over stays harmless, depends on where it lies: see `claim`
and `object_claim`.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Callable
from types import TracebackType

from analysis.errors import StorageError
from search.errors import LockLost, SweepLocked
from search.results.claim import Owner
from search.results.parts import ResultsFolder
from search.results.process import this_process

logger = logging.getLogger(__name__)

BEAT_SECONDS = 10.0
STALE_SECONDS = 60.0


class SweepLock:
    """Keeps a second driver out of a sweep, from construction to `release`.

    Args:
        folder: the sweep's folder; it exists.
        clock: seconds since the epoch.

    Raises:
        SweepLocked: another driver holds the lock.
        StorageError: the store cannot be used.

    Example:
        >>> with SweepLock(folder) as lock:
        ...     log = SweepLog(folder, schemas, before_write=lock.check)
    """

    def __init__(self, folder: ResultsFolder, *, clock: Callable[[], float] = time.time) -> None:
        self._address = folder.reading.address
        self._clock = clock
        self._process = this_process()
        self._token = secrets.token_hex(8)
        self._heartbeat = clock()
        self._claim = folder.claim(self._owner, self._judge)
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
            taker = self._claim.present()
            process = taker and taker.process
            raise LockLost(
                self._address, f"process {process.pid} on {process.host}" if process else None
            )

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
        self.release()

    def _owner(self) -> Owner:
        return Owner(self._process, self._clock(), self._token)

    def _judge(self, owner: Owner) -> None:
        """Raise `SweepLocked` unless the owner's lock is stale."""
        process, age = owner.process, self._clock() - owner.heartbeat
        if age < STALE_SECONDS and not process.is_gone:
            raise SweepLocked(self._address, process.host, process.pid, max(age, 0.0))
        logger.warning("taking over the lock of process %d", process.pid)

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
