"""Whether a state store may be used now: one that fails is reported, and left alone for a while.

One refused write ends writing, and three refused reads in a row end both, each until its pause is
over: then the next one is tried. So a place that can only be read goes on being read.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable

from greedy_core.store.outage import Outage

logger = logging.getLogger(__name__)

FAILED_READS = 3
"""After so many in a row the place counts as gone: each read may then cost half a minute."""
FIRST_PAUSE = 10.0
LONGEST_PAUSE = 600.0
"""Seconds. A sweep without its store is slower, but trying a store that is away costs time."""


class StoreSwitch:
    """What happened when reading and writing, and what follows from it.

    Args:
        place: what messages call the store.
        clock: seconds from any origin.
        chance: from 0 to 1, a share of each pause.
    """

    def __init__(
        self,
        place: str,
        *,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._place = place
        self._reads = Outage(FIRST_PAUSE, LONGEST_PAUSE, clock=clock, chance=chance)
        self._writes = Outage(FIRST_PAUSE, LONGEST_PAUSE, clock=clock, chance=chance)
        self._failed_reads = 0
        self.refusal: str | None = None
        """Why it is switched off, in one line; None while it is not."""

    @property
    def reading(self) -> bool:
        """Whether it may be read now."""
        return self._reads.due

    @property
    def writing(self) -> bool:
        """Whether it may be written now."""
        return self._reads.due and self._writes.due

    def read(self) -> None:
        """Note that a read was answered."""
        self._failed_reads = 0
        if self._reads.worked():
            self._tell_if_over()

    def written(self) -> None:
        """Note that an artefact was written."""
        if self._writes.worked():
            self._tell_if_over()

    def read_failed(self, error: OSError) -> None:
        """Note that a read was refused."""
        self._failed_reads += 1
        if self._failed_reads >= FAILED_READS or self._reads.lasts:
            self._off(self._reads, error)

    def write_failed(self, error: OSError) -> None:
        """Note that something could not be written."""
        self._off(self._writes, error)

    def _off(self, outage: Outage, error: OSError) -> None:
        outage.failed()
        if self.refusal is None:
            self.refusal = f"state store: switched off, {self._place}: {error.strerror or error}"
            logger.warning("%s", self.refusal)

    def _tell_if_over(self) -> None:
        if not (self._reads.lasts or self._writes.lasts):
            self.refusal = None
            logger.warning("state store: %s is used again", self._place)
