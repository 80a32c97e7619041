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
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import ray

from search.cluster import ray_internals

logger = logging.getLogger(__name__)

STARTING_SECONDS = 600.0
"""Seconds that a worker may be silent while it takes over the model, whatever `timeout` is."""

_LONGEST_INTERVAL = 1.0


class Pulse:
    """A worker's signs of life."""

    def __init__(self) -> None:
        self._life = uuid.uuid4().hex
        self._beats = 0
        self._name = ""
        self._given = -math.inf

    def beat(self, name: str, timeout: float) -> None:
        """Give a sign for the work of this name, such as a trial, unless the last one is fresh."""
        now = time.monotonic()
        if name == self._name and now - self._given < interval(timeout):
            return
        self._beats += 1
        ray_internals.note(_key(name), f"{self._life} {self._beats}")
        self._name, self._given = name, now


@dataclass
class _Watched:
    """An attempt that is watched."""

    actor: Callable[[], Any]
    """Gives the worker, or None where it has none yet."""
    seen: bytes | None
    """The last sign of life; at first the one that a failed attempt has left."""
    working: bool = False
    """Whether this attempt has given a sign."""
    silent: float = 0.0
    """Seconds since the last sign or the start."""


class SignsOfLife:
    """Ends workers that give no sign of life for too long.

    Time in which the driver itself did not look, because it was stopped or busy, does not count.

    Args:
        timeout: longest silence, in seconds.
    """

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self._watched: dict[str, _Watched] = {}
        self._looked = time.monotonic()
        self._hung: dict[str, str] = {}
        self._left: set[str] = set()
        """Names of work with a failed attempt, whose last sign is still there."""

    def cause(self, name: str) -> str | None:
        """Why the driver ended the worker that did this work; None if it did not."""
        return self._hung.get(name)

    def watch(self, name: str, actor: Callable[[], Any]) -> None:
        """Watch an attempt at some work, from its start."""
        self._hung.pop(name, None)
        # Asking Ray's head takes a millisecond, and a first attempt finds nothing there.
        self._watched[name] = _Watched(
            actor, ray_internals.noted(_key(name)) if name in self._left else None
        )

    def leave(self, name: str) -> None:
        """Stop watching an attempt that is over; another one may follow."""
        self._watched.pop(name, None)
        self._left.add(name)

    def forget(self, name: str) -> None:
        """Forget work that is over."""
        self._watched.pop(name, None)
        self._hung.pop(name, None)
        self._left.discard(name)
        ray_internals.forget(_key(name))

    def look(self) -> None:
        """Look for signs of all that run, if the last look is long enough ago."""
        now, pause = time.monotonic(), interval(self._timeout)
        if now - self._looked < pause:
            return
        elapsed = min(now - self._looked, 2 * pause)
        self._looked = now
        for name, watched in list(self._watched.items()):
            self._look_at(name, watched, elapsed)

    def _look_at(self, name: str, watched: _Watched, elapsed: float) -> None:
        sign = ray_internals.noted(_key(name))
        if sign != watched.seen:
            watched.seen, watched.working, watched.silent = sign, True, 0.0
            return
        watched.silent += elapsed
        actor = watched.actor()
        if watched.silent <= self._longest(watched) or actor is None:
            return
        del self._watched[name]
        if watched.working:
            named = f"search.trial_timeout ({self._timeout:g} s)"
        else:
            named = f"{self._longest(watched):g} s while it started"
        self._hung[name] = f"no sign of life for longer than {named}; the worker was ended"
        logger.info("%s: %s", name, self._hung[name])
        ray.kill(actor)

    def _longest(self, watched: _Watched) -> float:
        return self._timeout if watched.working else max(self._timeout, STARTING_SECONDS)


def interval(timeout: float) -> float:
    """Seconds between two signs of life, and between two looks for one."""
    return min(_LONGEST_INTERVAL, timeout / 4)


def _key(name: str) -> str:
    return f"sign of life of {name}"
