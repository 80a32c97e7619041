"""Runs walks on Ray's workers; one that is lost or fails is tried again.

A worker keeps to a sequence while that has walks left, since it has in memory what all settings
share there; then it goes to one where no other worker is. A worker that has failed is ended: the
next one starts from the base model as it was prepared.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import ray
from ray.exceptions import OutOfMemoryError, RayActorError, RayError, RayTaskError

from greedy_core.errors import BaseModelChanged
from greedy_core.inputs.selection import Selection
from search.cluster.interrupts import Interrupts
from search.cluster.lost_nodes import MOST_SPARED, lost_with_its_node
from search.cluster.ray_session import trials_at_once
from search.cluster.signs_of_life import Pulse, SignsOfLife
from search.config.settings import SweepConfig
from search.errors import PreparationFailed
from search.executors.walk_worker import WalkWorker
from search.executors.walks import Walk, WalkEnd, WalkResult
from search.worker.causes import LOST, OUT_OF_MEMORY, cause_of_error
from search.worker.last_words import KILLED, last_words
from search.worker.prepared import Prepared

logger = logging.getLogger(__name__)

_LOOK_SECONDS = 0.2


class _RemoteWorker(WalkWorker):
    """A worker that tells the driver that it lives."""

    def __init__(self, prepared: Prepared, timeout: float, words: str) -> None:
        pulse = Pulse()
        super().__init__(prepared, words, lambda name: pulse.beat(name, timeout))


_RemoteWalkWorker: Any = ray.remote(_RemoteWorker)
"""The same in a process of its own."""


@dataclass
class _Worker:
    """A worker, and what it does."""

    actor: Any
    """Ray's handle."""
    name: str = ""
    """What its signs of life are given under."""
    walk: Walk | None = None
    """The walk that it is on; None while it starts or waits."""
    sequence: int | None = None
    """The sequence that it was last at."""
    started: datetime = datetime.min


class WalkPool:
    """As many workers as a sweep has trials at once.

    Args:
        config: the sweep's.
        prepared: reference to what workers share.
        sequences: each sequence's records.
        interrupts: heeded before a walk counts as failed, since the same signal may end workers.
        words: a folder for workers' last words.
        on_look: called with the number of walks under way, again and again.
    """

    def __init__(
        self,
        config: SweepConfig,
        prepared: ray.ObjectRef[Any],
        sequences: Sequence[Selection],
        interrupts: Interrupts,
        words: str,
        on_look: Callable[[int], None],
    ) -> None:
        self._words = words
        self._on_look = on_look
        self._config = config
        self._prepared = prepared
        self._sequences = [ray.put(each) for each in sequences]
        self._interrupts = interrupts
        self._signs = SignsOfLife(config.search.trial_timeout)
        self._waiting: list[Walk] = []
        self._idle: list[_Worker] = []
        self._busy: dict[ray.ObjectRef[Any], _Worker] = {}
        self._attempts: Counter[Walk] = Counter()
        self._spared: Counter[Walk | None] = Counter()
        """Losses of a machine that have not counted; None: of workers that were starting."""
        self._lost_at_start = 0

    @property
    def _running(self) -> int:
        return sum(worker.walk is not None for worker in self._busy.values())

    def run(self, walks: Sequence[Walk]) -> Iterator[WalkEnd]:
        """Run walks, each to its end, and give them as they end.

        Raises:
            BaseModelChanged: if somebody has written into the weights that all share.
            PreparationFailed: if no worker can be started.
        """
        self._waiting = [*walks]
        try:
            while self._waiting or self._running:
                self._hire()
                self._hand_out()
                done, _ = ray.wait([*self._busy], timeout=_LOOK_SECONDS)
                self._interrupts.check()
                self._signs.look()
                self._on_look(self._running)
                for reference in done:
                    if (end := self._take(reference, self._busy.pop(reference))) is not None:
                        yield end
        finally:
            self._dismiss()

    def _hire(self) -> None:
        """Start workers while there is more to do than they can take."""
        machines = self._config.ray
        hired = len(self._idle) + len(self._busy)
        wanted = min(trials_at_once(self._config), len(self._waiting) + self._running)
        for _ in range(hired, wanted):
            actor = _RemoteWalkWorker.options(
                num_cpus=machines.cpus_per_trial, num_gpus=machines.gpus_per_trial
            ).remote(self._prepared, self._config.search.trial_timeout, self._words)
            # A worker that waits for a machine is not hung, so it is watched only once it answers.
            self._busy[actor.ready.remote()] = _Worker(actor)

    def _dismiss(self) -> None:
        """End all workers; after a signal they end with the driver, and Ray may not answer."""
        if self._interrupts.received is None:
            for worker in (*self._idle, *self._busy.values()):
                ray.kill(worker.actor)

    def _hand_out(self) -> None:
        while self._idle and self._waiting:
            worker = self._idle.pop()
            at_work = {each.sequence for each in self._busy.values() if each.walk is not None}
            walk = _choice(self._waiting, worker.sequence, at_work)
            self._waiting.remove(walk)
            self._set_to_work(worker, walk)

    def _set_to_work(self, worker: _Worker, walk: Walk) -> None:
        worker.name = f"walk {walk.trial} {walk.sequence} {self._attempts[walk]}"
        worker.walk, worker.sequence, worker.started = walk, walk.sequence, datetime.now(UTC)
        self._signs.watch(worker.name, lambda: worker.actor)
        records = self._sequences[walk.sequence]
        self._busy[worker.actor.walk.remote(worker.name, walk, records)] = worker

    def _take(self, reference: ray.ObjectRef[Any], worker: _Worker) -> WalkEnd | None:
        """What a worker's answer means; None while the walk may still end otherwise."""
        try:
            result = ray.get(reference)
        except RayError as error:
            return self._failed(worker, error)
        walk, worker.walk = worker.walk, None
        self._idle.append(worker)
        self._lost_at_start = self._spared[None] = 0
        if walk is None:
            return None
        self._signs.forget(worker.name)
        return self._end(walk, worker, result, None)

    def _failed(self, worker: _Worker, error: RayError) -> WalkEnd | None:
        self._interrupts.check()
        ray.kill(worker.actor)
        cause, counts = self._judged(worker, error)
        walk = worker.walk
        if walk is None:
            self._lost_at_start += counts
            if self._lost_at_start > self._config.search.max_failures:
                raise PreparationFailed(f"no worker can be started: {cause}")
            return None
        self._signs.forget(worker.name)
        if counts and self._attempts[walk] == self._config.search.max_failures:
            return self._end(walk, worker, None, cause)
        logger.info("trial %d on sequence %d is tried again: %s", walk.trial, walk.sequence, cause)
        self._attempts[walk] += counts
        self._waiting.insert(0, walk)
        return None

    def _judged(self, worker: _Worker, error: RayError) -> tuple[str, bool]:
        """Why a worker failed, in one line, and whether that counts.

        The loss of a machine does not, until a walk has met more of them than is bad luck.
        """
        if isinstance(error, RayTaskError):
            if isinstance(error.cause, BaseModelChanged):
                raise error.cause from None
            return cause_of_error(error.cause or error), True
        if isinstance(error, OutOfMemoryError):
            return OUT_OF_MEMORY, True
        lost = isinstance(error, RayActorError) and lost_with_its_node(error)
        spared = lost and self._spared[worker.walk] < MOST_SPARED
        self._spared[worker.walk] += spared
        cause = self._signs.cause(worker.name) or (LOST if lost else self._last_words(worker))
        return cause, not spared

    def _last_words(self, worker: _Worker) -> str:
        if worker.walk is None:
            return KILLED
        return last_words(self._words, worker.name, worker.walk.settings.greedy.metric)

    def _end(
        self, walk: Walk, worker: _Worker, result: WalkResult | None, error: str | None
    ) -> WalkEnd:
        seconds = time.time() - worker.started.timestamp()
        attempt = self._attempts[walk]
        return WalkEnd(walk, attempt, worker.started, seconds, result, error)


def _choice(waiting: Sequence[Walk], own: int | None, at_work: set[int | None]) -> Walk:
    """The first walk on the worker's own sequence, else on one where nobody is, else of all."""
    return min(waiting, key=lambda walk: (walk.sequence != own, walk.sequence in at_work))
