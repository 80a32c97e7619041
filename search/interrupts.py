"""Signals that ask a sweep to stop: SIGINT, SIGTERM, and SIGUSR1 from a cluster's scheduler."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from search.errors import SweepInterrupted

ASKING = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)


@contextmanager
def interruptible() -> Iterator[None]:
    """Turn the first such signal into `SweepInterrupted`; a second one ends the process at once.

    Inside, the signal arrives as KeyboardInterrupt, which no library takes for an error of its own.
    """
    received: list[int] = []

    def receive(number: int, frame: FrameType | None) -> None:
        received.append(number)
        for each in ASKING:
            signal.signal(each, signal.SIG_DFL)
        raise KeyboardInterrupt

    before = {number: signal.signal(number, receive) for number in ASKING}
    try:
        yield
    except KeyboardInterrupt:
        raise SweepInterrupted(received[0] if received else signal.SIGINT) from None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
