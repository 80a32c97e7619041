"""Signals that ask a sweep to stop: SIGINT, SIGTERM, and SIGUSR1 from a cluster's scheduler."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from search.errors import SweepInterrupted

ASKING = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)


class Interrupts:
    """The first such signal interrupts; a second one ends the process at once.

    It arrives as KeyboardInterrupt, which no library takes for an error of its own: wherever the
    program is, or, inside `held`, at the next `check`.
    """

    def __init__(self) -> None:
        self.received: signal.Signals | None = None
        self._held = False

    def take(self) -> None:
        """Have the signals come here; again after a library that takes them for itself."""
        if self.received is None:
            for number in ASKING:
                signal.signal(number, self._receive)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Let nothing be interrupted inside but at `check`."""
        self._held = True
        try:
            yield
        finally:
            self._held = False

    def check(self) -> None:
        """Be interrupted here if a signal has come."""
        if self.received is not None:
            raise KeyboardInterrupt

    def note(self, number: int) -> None:
        """Count a signal as received, by a library that had taken it for itself, for example."""
        self.received = signal.Signals(number)
        for each in ASKING:
            signal.signal(each, signal.SIG_DFL)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        self.note(number)
        if not self._held:
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
        for number, handler in before.items():
            signal.signal(number, handler)
