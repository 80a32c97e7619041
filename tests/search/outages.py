"""The time that passes while something waits for a place that fails."""

from __future__ import annotations

from collections.abc import Callable

from search.cluster.interrupts import Interrupts
from search.cluster.retrying import Retrying


class Time:
    """A clock that goes on when somebody sleeps; `at` says what happens when."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []
        self.at: dict[float, Callable[[], object]] = {}

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.slept.append(seconds)
        for when in [each for each in self.at if each <= self.now]:
            self.at.pop(when)()


def retrying(
    time: Time, give_up_after: float = 600, interrupts: Interrupts | None = None
) -> Retrying:
    return Retrying(
        give_up_after,
        interrupts or Interrupts(),
        clock=time.clock,
        sleep=time.sleep,
        chance=lambda: 1.0,
    )
