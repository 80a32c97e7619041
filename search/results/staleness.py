"""When a lock is stale: the rule for whoever finds one in the way.

A lock whose process is known to be gone is stale at once. One that this machine's kernel knows to
be held never is, for however long its driver has been stopped. Of all others only the heartbeat is
known, and the clocks of two machines may disagree by minutes. So none is taken over on its word
alone:

- a heartbeat less than 60 s from now, before or after, counts as alive;
- an older one must stay as it is for 15 s by our own clock; a living driver beats every 10;
- one from the future must stay as it is for 60 s;
- one that changes under our eyes is alive until it stays as it is for 60 s, whatever it says.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from greedy_core.errors import SettingsError
from greedy_core.process import ProcessName
from search.errors import SweepLocked
from search.results.claim import Owner

logger = logging.getLogger(__name__)

STALE_SECONDS = 60.0
"""A driver that has not been heard of for so long counts as gone."""
DOUBT_SECONDS = 15.0
"""How long an old heartbeat is looked at, since it may be a slow clock's; longer than a beat."""
LOOK_SECONDS = 1.0
"""Seconds between two looks at a lock."""


@dataclass
class _Seen:
    """One lock, as it was found look by look."""

    owner: Owner
    since: float
    """When it was first found as it is now."""
    fresh: bool
    """Whether it was believed to be alive then."""
    beats: bool = False
    """Whether it has changed under our eyes."""


class Staleness:
    """Whether a lock may be taken over; called once for each look, and pauses between two.

    Args:
        address: what messages call the folder.
        wait: seconds to wait for a driver that is alive.
        clock: seconds since the epoch.
        steady: seconds from any origin, on a clock that nobody sets.
        pause: waits for so many seconds.

    Raises:
        SettingsError: `wait` is not a time.
    """

    def __init__(
        self,
        address: str,
        wait: float = 0.0,
        *,
        clock: Callable[[], float] = time.time,
        steady: Callable[[], float] = time.monotonic,
        pause: Callable[[float], object] = time.sleep,
    ) -> None:
        if math.isnan(wait) or wait < 0:
            raise SettingsError(f"`wait_for_lock >= 0` must hold, but got (wait_for_lock={wait})")
        self._address = address
        self._clock = clock
        self._steady = steady
        self._pause = pause
        self._until = steady() + wait
        self._seen: dict[tuple[ProcessName, str], _Seen] = {}
        self._told: set[tuple[str, ProcessName, str]] = set()

    def __call__(self, owner: Owner) -> bool:
        """Whether the lock is stale; False after a pause, to look again.

        Raises:
            SweepLocked: its driver is alive, and there is no time left to wait for it.
        """
        age = self._clock() - owner.heartbeat
        seen = self._look(owner, is_fresh(age))
        quiet = self._steady() - seen.since
        if owner.process.is_gone or (not owner.held and _is_stale(age, quiet, seen.beats)):
            self._tell("taken", owner, f"taking over the lock of {owner.process}")
            return True
        if owner.held or seen.beats or (seen.fresh and is_fresh(age)):
            self._keep_out(owner, quiet if seen.beats else max(age, 0.0))
        else:
            known = "is in the future" if age < 0 else f"is {age:.0f} s old"
            last = f"the last sign of life of {owner.process} {known}; waiting for another one"
            self._tell("doubted", owner, last)
        self._pause(LOOK_SECONDS)
        return False

    def _look(self, owner: Owner, fresh: bool) -> _Seen:
        key = (owner.process, owner.token)
        seen = self._seen.setdefault(key, _Seen(owner, self._steady(), fresh))
        if seen.owner != owner:
            seen = self._seen[key] = _Seen(owner, self._steady(), fresh, beats=True)
        return seen

    def _keep_out(self, owner: Owner, age: float) -> None:
        left = self._until - self._steady()
        if left <= 0:
            raise SweepLocked(self._address, owner.process.host, owner.process.pid, age)
        waiting = f"waiting up to {left:.0f} s for {owner.process}, which has the lock"
        self._tell("waited for", owner, waiting)

    def _tell(self, what: str, owner: Owner, message: str) -> None:
        """Say something of a lock, once."""
        key = (what, owner.process, owner.token)
        if key not in self._told:
            self._told.add(key)
            logger.warning("%s: %s", self._address, message)


def is_alive(owner: Owner, now: float) -> bool:
    """Whether a lock looks alive at a single look.

    If its driver's clock is off by more than 60 s it does not; whoever takes one over looks longer.
    """
    return not owner.process.is_gone and (owner.held or is_fresh(now - owner.heartbeat))


def is_fresh(age: float) -> bool:
    """Whether a heartbeat is so close to now that a living driver may have made it."""
    return abs(age) < STALE_SECONDS


def _is_stale(age: float, quiet: float, beats: bool) -> bool:
    return quiet >= STALE_SECONDS or (age >= STALE_SECONDS and not beats and quiet >= DOUBT_SECONDS)
