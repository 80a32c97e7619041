"""All ways through one greedy loop, and the smallest improvements that take each.

What a loop does depends on the smallest improvement only where a step's improvement is held
against it. There the thresholds part: those that the improvement reaches keep the step, all larger
ones reject it. So every way belongs to an interval of floats, and its ends are exact.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from greedy_core.metrics import Value
from greedy_core.walk.greedy_loop import GreedyLoop, Measure, Proposal
from greedy_core.walk.threshold import largest_reached, reaches

Interval = tuple[float, float]
"""Smallest and largest of some floats, both included."""


@dataclass
class Way:
    """One way through a loop."""

    loop: GreedyLoop
    """The loop, where this way has got to; in the end, at its end."""
    interval: Interval
    """Smallest improvements that go this way."""
    asked: dict[str, int]
    """Probe prompts of the states that the walk has measured in this batch, by their keys."""

    def _ask(self, proposal: Proposal) -> None:
        self.asked.setdefault(proposal.candidate.state.key, proposal.measured.prompts)

    def step(self, measure: Measure) -> Way | None:
        """Take the next step, with the smaller thresholds if not all judge alike.

        Returns:
            The way of the others, which reject the step.
        """
        proposal = self.loop.propose(measure)
        self._ask(proposal)
        judgement = self.loop.judge(proposal)
        first, *others = parted(judgement.improvement, self.interval)
        rejecting = None
        for interval in others:
            rejecting = Way(self.loop.copy(), interval, dict(self.asked))
            rejecting.loop.take(proposal, judgement.under(interval[0]))
        self.interval = first
        self.loop.take(proposal, judgement.under(first[0]))
        return rejecting


def ways(start: Way, measure: Measure) -> Iterator[Way]:
    """Every way from where one has got to, to the loop's end, by rising thresholds."""
    waiting = [start]
    while waiting:
        way = waiting.pop()
        while not way.loop.proposals.done:
            rejecting = way.step(measure)
            if rejecting is not None:
                waiting.append(rejecting)
        yield way


def parted(improvement: Value | None, interval: Interval) -> list[Interval]:
    """The thresholds that an improvement reaches, and those that it does not; without empty ones.

    Args:
        improvement: of a step; None where it does not decide.
        interval: the thresholds.
    """
    low, high = interval
    if improvement is None or reaches(improvement, high) or not reaches(improvement, low):
        return [interval]
    largest = largest_reached(improvement)
    return [(low, largest), (math.nextafter(largest, math.inf), high)]
