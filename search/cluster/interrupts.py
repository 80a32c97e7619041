"""Signals that ask a sweep to stop: SIGINT, SIGTERM, and SIGUSR1 from a cluster's scheduler."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from math import inf
from types import FrameType
from typing import Any

from search.errors import SweepInterrupted

GRACE_SECONDS = 5.0
"""Seconds that a library may go on after a signal; a signal to all processes ends Ray's as well,
and what waits for Ray then waits long."""

ASKING = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)


class Interrupts:
    """The first such signal interrupts; a second one ends the process at once.

    It arrives as KeyboardInterrupt, which no library takes for an error of its own: wherever the
    program is, or, inside `held`, at the next `check`.
    """

    def __init__(self) -> None:
        self.received: signal.Signals | None = None
        self._held = False
        self._grace = inf

    def take(self) -> None:
        """Handle the signals here; call it again after a library has taken them over."""
        if self.received is None and _gets_signals():
            for number in ASKING:
                signal.signal(number, self._receive)

    @contextmanager
    def held(self, grace: float = inf) -> Iterator[None]:
        """Inside, interrupt at `check` only, or once `grace` seconds have passed since a signal."""
        self._held, self._grace = True, grace
        alarmed = _gets_signals()
        before = signal.signal(signal.SIGALRM, self._end_grace) if alarmed else None
        try:
            yield
        finally:
            if alarmed:
                signal.setitimer(signal.ITIMER_REAL, 0)
                signal.signal(signal.SIGALRM, before)
            self._held = False

    def hold(self) -> None:
        """From here on, interrupt at `check` only."""
        self._held, self._grace = True, inf

    def pause(self, seconds: float) -> None:
        """Sleep inside `held`; a signal that has come, or comes now, interrupts here."""
        self._held = False
        try:
            self.check()
            time.sleep(seconds)
        finally:
            self._held = True

    def check(self) -> None:
        """Be interrupted here if a signal has come."""
        if self.received is not None:
            raise KeyboardInterrupt

    def note(self, number: int) -> None:
        """Count a signal as received, by a library that had taken it for itself, for example."""
        self.received = signal.Signals(number)
        if _gets_signals():
            for each in ASKING:
                signal.signal(each, signal.SIG_DFL)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        self.note(number)
        if not self._held:
            raise KeyboardInterrupt
        if self._grace < inf:
            signal.setitimer(signal.ITIMER_REAL, self._grace)

    def _end_grace(self, number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt


@contextmanager
def interruptible() -> Iterator[Interrupts]:
    """Turn an interruption of what is inside into `SweepInterrupted`."""
    before: dict[signal.Signals, Any] = {number: signal.getsignal(number) for number in ASKING}
    interrupts = Interrupts()
    interrupts.take()
    try:
        yield interrupts
    except KeyboardInterrupt:
        raise SweepInterrupted(interrupts.received or signal.SIGINT) from None
    finally:
        if _gets_signals():
            for number, handler in before.items():
                signal.signal(number, handler)


def _gets_signals() -> bool:
    """Python hands signals to the main thread alone; in another one, nothing asks to stop."""
    return threading.current_thread() is threading.main_thread()
