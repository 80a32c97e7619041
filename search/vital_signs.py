"""Signs of life: a worker gives them between two steps, and the driver ends one that stops.

A sign is a value in the key-value store of Ray's head that differs from the one before. The driver
looks for a change by its own clock, so clocks need not agree, and a worker that cannot do anything
any more, not even end itself, is noticed as well.
"""

from __future__ import annotations

import logging
import math
import time
import uuid
from dataclasses import dataclass
from typing import Any

import ray
from ray import tune
from ray.experimental.internal_kv import _internal_kv_del, _internal_kv_get, _internal_kv_put

logger = logging.getLogger(__name__)

STARTING_SECONDS = 600.0
"""Time that a worker has for taking over the model, which gives no signs; it is not the trial's."""

_LONGEST_INTERVAL = 1.0


class Pulse:
    """A worker's signs of life."""

    def __init__(self) -> None:
        self._life = uuid.uuid4().hex
        self._beats = 0
        self._trial = ""
        self._given = -math.inf

    def beat(self, trial_id: str, timeout: float) -> None:
        """Give a sign for a trial, unless the last one is fresh."""
        now = time.monotonic()
        if trial_id == self._trial and now - self._given < interval(timeout):
            return
        self._beats += 1
        _internal_kv_put(_key(trial_id), f"{self._life} {self._beats}", namespace=_namespace())
        self._trial, self._given = trial_id, now


@dataclass
class _Watched:
    """A trial that runs."""

    trial: Any
    """Tune's."""
    seen: bytes | None
    """Its last sign of life; at first the one that a failed attempt has left."""
    walking: bool = False
    """Whether this attempt has given a sign."""
    silent: float = 0.0
    """Seconds since its last sign or its start."""


class VitalSigns(tune.Callback):
    """Ends the worker of a trial that gives no sign of life for too long; Tune then retries it.

    Time in which the driver itself did not look, because it was stopped or busy, does not count.

    Args:
        timeout: longest silence of a trial, in seconds.
    """

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self._watched: dict[str, _Watched] = {}
        self._looked = time.monotonic()
        self._hung: dict[str, str] = {}

    def cause(self, trial_id: str) -> str | None:
        """Why the driver ended the trial's worker; None if it did not."""
        return self._hung.get(trial_id)

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Watch an attempt."""
        self._hung.pop(trial.trial_id, None)
        self._watched[trial.trial_id] = _Watched(trial, _last_sign(trial.trial_id))

    def on_trial_recover(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Leave an attempt alone that is over."""
        self._watched.pop(trial.trial_id, None)

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Forget a trial."""
        self._forget(trial)

    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Forget a trial."""
        self._forget(trial)

    def on_step_end(self, iteration: int, trials: list[Any], **info: Any) -> None:
        """Look at all that run, now and then."""
        now, pause = time.monotonic(), interval(self._timeout)
        if now - self._looked < pause:
            return
        elapsed = min(now - self._looked, 2 * pause)
        self._looked = now
        for trial_id, watched in list(self._watched.items()):
            self._look(trial_id, watched, elapsed)

    def _look(self, trial_id: str, watched: _Watched, elapsed: float) -> None:
        sign = _last_sign(trial_id)
        if sign != watched.seen:
            watched.seen, watched.walking, watched.silent = sign, True, 0.0
            return
        watched.silent += elapsed
        actor = watched.trial.temporary_state.ray_actor
        if watched.silent <= self._longest(watched) or actor is None:
            return
        del self._watched[trial_id]
        if watched.walking:
            named = f"search.trial_timeout ({self._timeout:g} s)"
        else:
            named = f"{self._longest(watched):g} s while it started"
        self._hung[trial_id] = f"no sign of life for longer than {named}; the worker was ended"
        logger.info("trial %s: %s", trial_id, self._hung[trial_id])
        ray.kill(actor)

    def _longest(self, watched: _Watched) -> float:
        return self._timeout if watched.walking else max(self._timeout, STARTING_SECONDS)

    def _forget(self, trial: Any) -> None:
        self._watched.pop(trial.trial_id, None)
        self._hung.pop(trial.trial_id, None)
        _internal_kv_del(_key(trial.trial_id), namespace=_namespace())


def interval(timeout: float) -> float:
    """Seconds between two signs of life, and between two looks for one."""
    return min(_LONGEST_INTERVAL, timeout / 4)


def _last_sign(trial_id: str) -> bytes | None:
    sign: bytes | None = _internal_kv_get(_key(trial_id), namespace=_namespace())
    return sign


def _key(trial_id: str) -> str:
    return f"sign of life of {trial_id}"


def _namespace() -> str:
    """Apart from other sweeps on the cluster: a driver and its workers are one job of Ray's."""
    return f"ratchet {ray.get_runtime_context().get_job_id()}"
