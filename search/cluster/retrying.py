"""How long a command waits while the place of its results fails.

What time cannot cure, such as access denied or a full disk, is raised at once, and so is whatever
is no fault of the place: a lost lock above all.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from typing import TypeVar

from analysis.errors import StorageError
from greedy_core.errors import InputError
from greedy_core.store.outage import Outage
from search.cluster.interrupts import Interrupts

logger = logging.getLogger(__name__)

GIVE_UP_AFTER = 600.0
"""Seconds of failures in a row after which a command gives up."""

_LOOK_SECONDS = 0.2
"""How often a signal is looked for while nothing else is done."""

Result = TypeVar("Result")


class Retrying:
    """Retries what a place refuses, with growing pauses, until it has failed for too long.

    Args:
        give_up_after: seconds of failures in a row; 0 gives up at the first.
        interrupts: end the waiting.
        clock: seconds from any origin.
        sleep: waits so many seconds.
        chance: a random number from 0 to 1, on which each pause depends.

    Raises:
        InputError: `give_up_after` is not a time that a command can wait.
    """

    def __init__(
        self,
        give_up_after: float,
        interrupts: Interrupts,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        require_give_up_after(give_up_after)
        self._limit = give_up_after
        self._interrupts = interrupts
        self._sleep = sleep
        self._outage = Outage(clock=clock, chance=chance)
        self.waiting: str | None = None
        """What is waited for, in one line; None while all is well."""

    def attempt(self, do: Callable[[], object]) -> bool:
        """Do it if the place may be tried now, and say whether it was done; never waits.

        Raises:
            StorageError: what was refused cannot pass, or has lasted too long.
        """
        if self._pause > 0:
            return False
        try:
            do()
        except StorageError as error:
            self._failed(error)
            return False
        self._worked()
        return True

    def insist(self, do: Callable[[], Result]) -> Result:
        """Do it however often it takes.

        Raises:
            StorageError: what was refused cannot pass, or has lasted too long.
            KeyboardInterrupt: a signal has come; it is tried once all the same.
        """
        while True:
            try:
                result = do()
            except StorageError as error:
                self._failed(error)
                self._wait()
            else:
                self._worked()
                return result

    @property
    def _pause(self) -> float:
        """Seconds until the next attempt; the last one comes when that has lasted too long."""
        return min(self._outage.left, max(self._limit - self._outage.seconds, 0.0))

    def _wait(self) -> None:
        self._interrupts.check()
        while (left := self._pause) > 0:
            self._sleep(min(left, _LOOK_SECONDS))
            self._interrupts.check()

    def _failed(self, error: StorageError) -> None:
        """Note a failure that may pass; raise any other, and one that has not passed."""
        if not error.may_pass or self._limit == 0:
            raise error
        begins = self._outage.failed()
        if not begins and self._outage.seconds >= self._limit:
            waited = _duration(self._outage.seconds)
            raise StorageError(f"{error}; given up after {waited}", may_pass=True) from error
        self.waiting = str(error)
        if begins:
            logger.warning("%s; retrying for up to %s", error, _duration(self._limit))

    def _worked(self) -> None:
        seconds = self._outage.seconds
        if self._outage.worked():
            logger.warning("%s: over after %s", self.waiting, _duration(seconds))
            self.waiting = None


def require_give_up_after(give_up_after: float) -> None:
    """Raise `InputError` unless it is a time that a command can wait."""
    if not give_up_after >= 0:
        raise InputError(
            f"`--give-up-after >= 0` must hold, but got (--give-up-after={give_up_after})"
        )


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
