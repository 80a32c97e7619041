"""Measures states once for all walks that ask the same probes."""

from __future__ import annotations

from functools import partial

from greedy_core.settings import EditSettings
from greedy_core.states.state_scores import StateScores
from greedy_core.states.state_tree import State
from greedy_core.walk.greedy import signal_of
from greedy_core.walk.greedy_loop import Measure
from greedy_core.walk.probe_signal import Measured, Signal

_Asked = tuple[int | None, str, str | None]
"""Settings of the walk that decide what probes say of a state."""


class SharedProbes:
    """The probes of many walks of one plan, batch by batch.

    Args:
        scores: of the plan's states.
    """

    def __init__(self, scores: StateScores) -> None:
        self._scores = scores
        self._signals: dict[_Asked, Signal] = {}
        self._measured: dict[tuple[_Asked, str], Measured] = {}
        self._states: set[str] = set()
        self._scored = 0

    @property
    def scorings(self) -> int:
        """States that were measured, batch by batch."""
        return self._scored + len(self._states)

    def of(self, settings: EditSettings, batch: int) -> Measure:
        """What walks with these settings measure in a batch."""
        greedy = settings.greedy
        asked = (greedy.max_probes, greedy.signal, greedy.metric)
        if asked not in self._signals:
            self._signals[asked] = signal_of(self._scores, settings)
        return partial(self._measure, asked, batch)

    def leave_batch(self) -> None:
        """Forget a batch that all walks have done."""
        self._scored += len(self._states)
        self._states.clear()
        self._measured.clear()

    def _measure(self, asked: _Asked, batch: int, state: State) -> Measured:
        known = self._measured.get((asked, state.key))
        if known is None:
            known = self._signals[asked].measure(state, batch)
            self._measured[asked, state.key] = known
            self._states.add(state.key)
        return known
