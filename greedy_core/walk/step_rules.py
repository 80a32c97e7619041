"""Which fraction of a batch's update is proposed next; nothing but arithmetic.

Symbols: S steps, k step, f proposed fraction, a accepted fraction (0 at first). Step k proposes

    advance     f = (k + 1) / S: after a rejection the next step looks further along
    backtrack   f = a + h, h = 1/S at first, halved by each rejection
    repeat      f = a + 1/S: after a rejection the same again, which can only fail again

The loop ends after S steps, when a = 1, or when patience is used up: after that many consecutive
rejections, under `repeat` that many in all. Patience 0 sets no limit.
"""

from __future__ import annotations

from fractions import Fraction

from greedy_core.settings import StepRule


class Proposals:
    """The proposals of one greedy loop: ask for `fraction`, answer with `record`, until `done`."""

    def __init__(self, rule: StepRule, steps: int, patience: int) -> None:
        self._rule = rule
        self._steps = steps
        self._patience = patience
        self._size = Fraction(1, steps)
        self._rejections = 0
        self.step = 0
        self.accepted = Fraction(0)

    @property
    def fraction(self) -> Fraction:
        """The fraction to try now, in (0, 1]."""
        if self._rule == "advance":
            return Fraction(self.step + 1, self._steps)
        return min(self.accepted + self._size, Fraction(1))

    @property
    def out_of_patience(self) -> bool:
        """Whether rejections have ended the loop."""
        return 0 < self._patience <= self._rejections

    @property
    def done(self) -> bool:
        """Whether there is nothing left to propose."""
        return self.step >= self._steps or self.accepted >= 1 or self.out_of_patience

    def record(self, accepted: Fraction | None) -> None:
        """Take the verdict on the present step: the fraction now in force, or None if rejected."""
        self.step += 1
        if accepted is not None:
            self.accepted = accepted
            if self._rule != "repeat":
                self._rejections = 0
            return
        self._rejections += 1
        if self._rule == "backtrack":
            self._size /= 2
