"""A place that fails for a while: it is left alone for growing pauses, and tried again after each.

Pauses have a random share, so that workers that met the same outage do not come back together.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from math import inf

GROWTH = 2.0
"""Factor by which each pause is longer than the one before."""


class Outage:
    """Whether a place may be tried now, and how long it has failed.

    Args:
        first: seconds of the first pause, of which chance may take off half.
        longest: no pause is longer.
        clock: seconds from any origin.
        chance: a random number from 0 to 1, a new one for each pause.
    """

    def __init__(
        self,
        first: float = 1.0,
        longest: float = 60.0,
        *,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._first = first
        self._longest = longest
        self._clock = clock
        self._chance = chance
        self._since: float | None = None
        self._over = -inf
        self._pause = 0.0
        self._next = -inf

    @property
    def lasts(self) -> bool:
        """Whether the last attempt failed."""
        return self._since is not None

    @property
    def seconds(self) -> float:
        """Seconds since the first failure in a row; 0 while all is well."""
        return 0.0 if self._since is None else self._clock() - self._since

    @property
    def due(self) -> bool:
        """Whether it may be tried now."""
        return self.left <= 0

    @property
    def left(self) -> float:
        """Seconds until it may be tried."""
        return max(self._next - self._clock(), 0.0)

    def failed(self) -> bool:
        """Note a failure, and say whether it is the first in a row.

        Pauses go on growing if it comes soon after the last outage.
        """
        begins = self._since is None
        if self._since is None:
            self._since = self._clock()
        soon = not begins or self._clock() - self._over < self._pause
        self._pause = min(self._pause * GROWTH if soon else self._first, self._longest)
        self._next = self._clock() + self._pause * (1 + self._chance()) / 2
        return begins

    def worked(self) -> bool:
        """Note a success, and say whether it ends an outage."""
        ends = self._since is not None
        if ends:
            self._over = self._clock()
        self._since, self._next = None, -inf
        return ends
