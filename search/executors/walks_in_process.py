"""Runs a confirmation's walks in this process, one after the other and without Ray."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime

from greedy_core.errors import BaseModelChanged
from greedy_core.inputs.selection import Selection
from search.cluster.interrupts import Interrupts
from search.executors.walk_worker import WalkWorker
from search.executors.walks import Walk, WalkEnd
from search.worker.causes import cause_of_error
from search.worker.prepared import Prepared

logger = logging.getLogger(__name__)


class WalksInProcess:
    """One walk at a time, sequence by sequence; one that fails is tried again by a fresh worker.

    Args:
        prepared: model, corpus and covariances.
        sequences: each sequence's records.
        max_failures: attempts beyond the first.
        interrupts: checked between two steps of a walk.
        on_look: called with the number of walks under way, again and again.
    """

    def __init__(
        self,
        prepared: Prepared,
        sequences: Sequence[Selection],
        max_failures: int,
        interrupts: Interrupts,
        on_look: Callable[[int], None],
    ) -> None:
        self._prepared = prepared
        self._sequences = sequences
        self._max_failures = max_failures
        self._interrupts = interrupts
        self._on_look = on_look
        self._worker: WalkWorker | None = None

    def run(self, walks: Sequence[Walk]) -> Iterator[WalkEnd]:
        """As `Executor.walks`."""
        # What all settings share on a sequence stays in the worker's memory.
        for walk in sorted(walks, key=lambda each: each.sequence):
            self._on_look(1)
            yield self._end(walk)

    def _end(self, walk: Walk) -> WalkEnd:
        attempt = 0
        while True:
            started = datetime.now(UTC)
            result, error = None, None
            try:
                self._worker = self._worker or WalkWorker(self._prepared, None, self._show_life)
                result = self._worker.walk("walk", walk, self._sequences[walk.sequence])
            except BaseModelChanged:
                raise
            except Exception as failure:
                error = cause_of_error(failure)
                self._worker = None  # the next attempt gets the base model as it was prepared
                logger.info("trial %d on sequence %d: %s", walk.trial, walk.sequence, error)
            if error is None or attempt == self._max_failures:
                seconds = time.time() - started.timestamp()
                return WalkEnd(walk, attempt, started, seconds, result, error)
            attempt += 1

    def _show_life(self, walk: str) -> None:
        """Let a signal interrupt between two steps."""
        self._interrupts.check()
